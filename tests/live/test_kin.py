"""Processes that no record names and that may need an object all the same: parents, workers, neighbours, the group."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from ipcctl.kernel.namespaces import is_initial_pid_namespace
from tests.cli.here import command as here
from tests.live import actors, users
from tests.live.actors import actor, as_user
from tests.live.elsewhere import hidepid
from tests.live.test_verdicts import libc, make, verdict

if TYPE_CHECKING:
    from collections.abc import Callable


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


@pytest.mark.parametrize("kind", ["sem", "msg"])
def test_process_of_the_group_may_need_what_its_mode_lets_it_use(kind: str, strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    sure = kind == "sem" and is_initial_pid_namespace("/proc")  # alice can be, of what is hers alone

    def use(mode: int) -> None:
        if kind == "sem":
            sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, mode=mode, initial_value=1).acquire()
        else:
            sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX, mode=mode).send(b"x")

    with actor(int, uid=bob, gid=alice) as it:
        for mode, word in ((0o600, "orphaned"), (0o660, "unknown"), (0o620, "unknown")):
            as_user(alice, partial(use, mode))
            assert word == verdict(kind)[0], oct(mode)
            with hidepid():
                assert (word if sure else "unknown") == as_user(alice, lambda: verdict(kind)[0])
            if word == "unknown" and mode == 0o620:
                it.kill()
                assert "orphaned" == verdict(kind)[0]
            here("rm", f"{kind}:0x7", "--yes")


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
        assert ("unknown", True) == (word, "1 process with a right to it may have been there then" in why)
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


@pytest.mark.parametrize("kind", ["sem", "msg"])
def test_creator_may_need_what_he_gave_away(kind: str, strangers: tuple[int, int]) -> None:
    alice, bob = strangers

    def give() -> None:
        made: sysv_ipc.Semaphore | sysv_ipc.MessageQueue
        made = {"sem": sysv_ipc.Semaphore, "msg": sysv_ipc.MessageQueue}[kind](7, sysv_ipc.IPC_CREX, mode=0o600)
        made.uid = alice

    def use() -> None:
        if kind == "sem":
            sysv_ipc.Semaphore(7).release()
        else:
            sysv_ipc.MessageQueue(7).send(b"x")

    with actor(give, uid=bob) as it:
        as_user(alice, use)
        assert "unknown" == verdict(kind)[0]
        it.kill()
        assert "orphaned" == verdict(kind)[0]
