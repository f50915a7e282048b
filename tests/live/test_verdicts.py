"""Who holds it and is it still needed, asked about real processes. Nothing a live process needs may be orphaned."""

from __future__ import annotations

import ctypes
import os
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
from tests.live import actors, cli, namespace
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


@pytest.mark.parametrize("kind", ["shm", "pshm", "pmsg"])
def test_process_whose_first_thread_ended_holds_what_it_held(kind: str) -> None:
    number = make(kind)
    holds: dict[str, Callable[[], object]] = {
        "shm": lambda: sysv_ipc.attach(number),
        "pshm": lambda: os.open(X, os.O_RDWR),
        "pmsg": lambda: posix_ipc.MessageQueue("/x"),
    }
    with actor(holds[kind], sleep=end_first_thread) as it:
        deadline = time.monotonic() + actors.PATIENCE
        while "Z" not in Path(f"/proc/{it.pid}/stat").read_text().rpartition(")")[2] and time.monotonic() < deadline:
            time.sleep(0.001)
        assert [it.pid] == [pid for pid, _ in hows(kind)]


def test_creator_that_lives_makes_idle_and_one_that_died_orphaned() -> None:
    with actor(lambda: libc.shmget(7, 100, 0o3600)) as it:
        assert "idle" == verdict("shm")[0]
        it.kill()
        word, why = verdict("shm")
    assert "orphaned" == word
    assert f"by {it.pid}, gone" in why


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
    told = "nothing matches; nothing was removed\n1 object used in the last 60s left alone (--min-idle)\n"
    assert told == here("rm", "pshm", "--orphaned", "--yes").err
    assert "1 removed\n" == here("rm", "pshm", "--orphaned", "--min-idle", "0s", "--yes").err


def test_what_no_filter_for_orphans_takes_is_told_if_it_could_not_be_judged() -> None:
    make("pshm")
    make("msg")  # nobody has used it: no process is on record
    told = "1 object could not be judged (ipcctl ls --verdict)\n"
    orphans = ("rm", "--orphaned", "--min-idle", "0s")
    assert "1 would be removed\n" + told == here(*orphans, "--dry-run").err
    assert "nothing matches; nothing would be removed\n" + told == here(*orphans, "msg", "--dry-run").err
    assert "1 removed\n" + told == here(*orphans, "--yes").err
    assert told.strip() == cli.run("ls", "msg", "--orphaned", tty=True).err.splitlines()[-1]
