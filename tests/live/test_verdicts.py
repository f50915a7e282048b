"""Who holds it and is it still needed, asked about real processes. Nothing a live process needs may be orphaned."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.judge import Judge
from ipcctl.kernel.host import Host
from tests.cli.here import command as here
from tests.live import actors, namespace, users
from tests.live.actors import actor, as_user

if TYPE_CHECKING:
    from collections.abc import Callable

libc = ctypes.CDLL(None, use_errno=True)
SYS_EXIT = {"x86_64": 60}.get(os.uname().machine, 93)


def verdict(kind: str) -> tuple[str, str]:
    """The verdict on the only object of `kind`, and why."""
    with Judge(Host(), [kind]) as judge:
        (item,) = Host().snapshot([kind]).objects[kind]
        found = judge.verdict_on(item)
        return found.verdict, found.why


def hows(kind: str) -> list[tuple[int, str]]:
    """Who holds the only object of `kind`, and how."""
    with Judge(Host(), [kind]) as judge:
        (item,) = Host().snapshot([kind]).objects[kind]
        return [(holder.pid, holder.how) for holder in judge.holders(item)]


def make(kind: str) -> int:
    """One object of `kind`: its id, or 0."""
    if kind == "shm":
        return int(libc.shmget(7, 100, 0o3600))
    if kind == "sem":
        return int(sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=0).id)
    if kind == "msg":
        return int(sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).id)
    if kind == "pmsg":
        posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=1, max_message_size=1).close()
    else:
        (namespace.SHM / {"pshm": "x", "psem": "sem.x"}[kind]).write_bytes(bytes(32))
    return 0


X = namespace.SHM / "x"
HOLDING: list[tuple[str, str, Callable[[int], actors.Living]]] = [
    ("shm", "attached", actors.attached),
    ("sem", "waiting", actors.waiting),
    ("msg", "waiting", actors.receiving),
    ("msg", "waiting", actors.sending),
    ("pshm", "open", lambda _: actors.opened(X)),
    ("pshm", "mapped", lambda _: actors.mapped(X)),
    ("psem", "mapped", lambda _: actors.mapped(namespace.SHM / "sem.x")),
    ("pmsg", "open", lambda _: actors.mq_opened("/x")),
    ("pmsg", "waiting", lambda _: actors.mq_receiving("/x")),
    ("pmsg", "waiting", lambda _: actors.mq_sending("/x")),
]


@pytest.mark.parametrize(("kind", "how", "hold"), HOLDING)
def test_what_a_process_holds_is_in_use_and_goes_only_by_force(
    kind: str, how: str, hold: Callable[[int], actors.Living]
) -> None:
    with hold(make(kind)) as it:
        assert [(it.pid, how)] == hows(kind)
        assert "in-use" == verdict(kind)[0]
        assert "1 kept\n" == here("rm", kind, "--all", "--yes").err
        it.kill()
    assert [] == hows(kind)
    assert "in-use" != verdict(kind)[0]


@pytest.mark.parametrize("kind", ["msg", "sem"])
def test_stopped_process_still_waits(kind: str) -> None:
    with (actors.receiving if kind == "msg" else actors.waiting)(make(kind)) as it:
        os.kill(it.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, it.pid, os.WSTOPPED)
        assert ("in-use", [(it.pid, "waiting")]) == (verdict(kind)[0], hows(kind))


def end_first_thread() -> None:
    """Go on in a second thread only."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    libc.syscall(SYS_EXIT, 0)


@pytest.mark.parametrize("kind", ["shm", "pshm"])
def test_process_whose_first_thread_ended_holds_what_it_held(kind: str) -> None:
    number = make(kind)
    hold = (lambda: sysv_ipc.attach(number)) if kind == "shm" else (lambda: os.open(X, os.O_RDWR))
    with actor(hold, sleep=end_first_thread) as it:
        deadline = time.monotonic() + actors.PATIENCE
        while "Z" not in Path(f"/proc/{it.pid}/stat").read_text().rpartition(")")[2] and time.monotonic() < deadline:
            time.sleep(0.001)
        assert [it.pid] == [pid for pid, _ in hows(kind)]


def run_set_uid(real: int, effective: int) -> None:
    """Be as a program with the set-user-ID bit: its own user may not look into it."""
    os.setgroups([])
    os.setresgid(real, real, real)
    os.setresuid(real, effective, effective)


def test_set_uid_program_may_use_what_its_user_made_though_he_cannot_look_into_it(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX, mode=0o666)
    make("shm")

    def receive() -> None:
        run_set_uid(alice, bob)
        libc.msgrcv(0, bytes(16), 8, 0, 0)

    def attach() -> object:
        kept = sysv_ipc.attach(0)
        run_set_uid(alice, bob)
        return kept

    with actor(attach), actor(int, sleep=receive, call="msgrcv"):
        for uid in (alice, bob):
            assert ("in-use", "unknown") == as_user(uid, lambda: (verdict("shm")[0], verdict("msg")[0]))
    sysv_ipc.MessageQueue(7).remove()
    with actor(lambda: run_set_uid(alice, bob)) as it:
        as_user(alice, lambda: sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX, mode=0o600).send(b"x"))
        assert "unknown" == verdict("msg")[0], "by its real user it is of the owner's processes"
        it.kill()
        assert "orphaned" == verdict("msg")[0]


@pytest.mark.parametrize("kind", ["shm", "sem", "msg"])
def test_what_the_first_of_a_pipeline_made_is_idle_while_the_others_live(kind: str) -> None:
    makers: dict[str, Callable[[], object]] = {
        "shm": lambda: libc.shmget(7, 100, 0o3600),
        "sem": lambda: sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=1).acquire(),
        "msg": lambda: sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).send(b"x"),
    }

    def pipeline() -> int:
        first = os.fork()
        if first == 0:
            os.setpgid(0, 0)
            makers[kind]()
            os._exit(0)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        os.setpgid(0, first)
        os.waitpid(first, 0)
        return first

    with actor(pipeline) as it:
        word, why = verdict(kind)
        assert ("idle", True) == (word, re.search(r"process group that \d+ began lives on$", why) is not None)
        it.kill()
        assert "idle" != verdict(kind)[0]


def test_creator_that_lives_makes_idle_and_one_that_died_orphaned() -> None:
    with actor(lambda: libc.shmget(7, 100, 0o3600)) as it:
        assert "idle" == verdict("shm")[0]
        it.kill()
        word, why = verdict("shm")
    assert "orphaned" == word
    assert f"by {it.pid}, gone" in why


def test_set_whose_last_user_died_is_unknown_while_his_parent_may_need_it(strangers: tuple[int, int]) -> None:
    alice, _ = strangers

    def parent() -> None:
        semaphore = sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=1)
        pid = os.fork()
        if pid == 0:
            semaphore.acquire()
            semaphore.release()
            os._exit(0)
        os.waitpid(pid, 0)

    with actor(parent, uid=alice) as it:
        assert "unknown" == verdict("sem")[0]
        it.kill()
        assert "orphaned" == verdict("sem")[0]


def test_worker_whose_parents_died_may_need_the_set_they_used(strangers: tuple[int, int]) -> None:
    alice, _ = strangers

    def parents() -> int:
        os.setsid()
        until_end, end = os.pipe()
        if os.fork() == 0:
            users.become(alice)
            semaphore = sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=1)
            semaphore.acquire()
            while time.time() < semaphore.o_time + 2:  # longer than a worker takes that is started right after
                time.sleep(0.05)
            if os.fork() == 0:
                os.dup2(until_end, 0)
                os.closerange(1, 256)
                os.read(0, 1)
            os._exit(0)
        os.wait()
        return end

    with actor(parents) as it:
        word, why = verdict("sem")
        assert ("unknown", True) == (word, "1 process of its owner may have been there then" in why)
        it.kill()
        deadline = time.monotonic() + actors.PATIENCE
        while verdict("sem")[0] != "orphaned" and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "orphaned" == verdict("sem")[0]


def test_queue_nobody_received_from_is_unknown_while_its_maker_lives(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    with actor(lambda: sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX), uid=alice) as it:
        as_user(alice, lambda: sysv_ipc.MessageQueue(7).send(b"x"))
        assert "unknown" == verdict("msg")[0]
        it.kill()
        assert "orphaned" == verdict("msg")[0]


def test_file_held_in_another_ipc_and_mount_namespace_is_in_use() -> None:
    make("pshm")

    def leave() -> int:
        file = os.open(X, os.O_RDWR)
        namespace.unshare(namespace.CLONE_NEWIPC | namespace.CLONE_NEWNS)
        namespace.umount(namespace.SHM)
        return file

    with actor(leave) as it:
        assert [(it.pid, "open")] == hows("pshm")


def test_user_gets_the_exact_answer_for_his_own_and_none_for_others(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    make("pshm")
    os.chown(X, alice, alice)
    assert "orphaned" == as_user(alice, lambda: verdict("pshm"))[0]
    assert "unknown" == as_user(bob, lambda: verdict("pshm"))[0]
    with actors.opened(X):
        assert "in-use" == as_user(alice, lambda: verdict("pshm"))[0]
        assert "unknown" == as_user(bob, lambda: verdict("pshm"))[0]


def test_owner_without_the_right_to_read_gets_an_answer_too(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    make("pshm")
    os.chown(X, alice, alice)
    X.chmod(0o200)
    assert "orphaned" == as_user(alice, lambda: verdict("pshm"))[0]


def test_unlinked_memory_is_listed_while_it_is_held() -> None:
    make("pshm")
    with actors.mapped(X):
        X.unlink()
        assert "pshm:/x (deleted)" in here("ls", "pshm", "--unlinked", "--json").out
    assert '"objects": []' in here("ls", "pshm", "--unlinked", "--json").out.replace("\n", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--pid 0", "bad --pid 0"),
        ("--pid -1", "bad --pid -1"),
        ("--producer tensorflow", "unknown producer 'tensorflow'"),
        ("--min-idle 5m", "--min-idle without --orphaned"),
        ("--orphaned --min-idle soon", "bad duration 'soon'"),
    ],
)
def test_bad_question_about_use_is_refused(options: str, said: str) -> None:
    result = here("ls", *options.split())
    assert (2, "") == (result.code, result.out)
    assert said in result.err


def test_young_orphan_is_spared_by_rm_unless_asked_otherwise() -> None:
    make("pshm")
    assert "nothing matches; nothing was removed\n" == here("rm", "pshm", "--orphaned", "--yes").err
    assert "1 removed\n" == here("rm", "pshm", "--orphaned", "--min-idle", "0s", "--yes").err
