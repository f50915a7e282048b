"""The same objects seen from where processes are out of sight: what cannot be seen is never taken for gone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.judge import Judge
from ipcctl.kernel import processes
from ipcctl.kernel.host import Host
from tests.live import actors, namespace, users
from tests.live.actors import actor, as_user
from tests.live.elsewhere import CHOOSES_PIDS, fork_as, hidepid, in_pid_namespace
from tests.live.test_verdicts import libc, make, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHM = namespace.SHM
Verdicts = dict[str, str]


def verdicts() -> Verdicts:
    """The verdict on each object, by reference."""
    host = Host()
    with Judge(host) as judge:
        found = host.snapshot()
        return {item.ref: judge.verdict_on(item).verdict for items in found.objects.values() for item in items}


def needed(uid: int) -> Iterator[actors.Living]:
    """Processes of one user that hold an object, wait on one or were its last users; modes that let others ask."""
    shm = [sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, mode=0o666, size=100) for key in (1, 2)]
    for segment in shm:
        segment.detach()
    sem = [sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX, mode=0o666, initial_value=key - 1) for key in (1, 2)]
    msg = [sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX, mode=0o666) for key in (1, 2)]
    for name in ("open", "mapped", "sem.mapped"):
        (SHM / name).write_bytes(bytes(32))
        os.chown(SHM / name, uid, uid)
    for name in ("/open", "/waited"):
        posix_ipc.MessageQueue(name, posix_ipc.O_CREX, max_messages=1, max_message_size=1).close()
        os.chown(namespace.current().mqueue / name[1:], uid, uid)
    yield actors.attached(shm[0].id, uid=uid)
    yield actor(lambda: sysv_ipc.attach(shm[1].id).detach(), uid=uid)
    yield actors.waiting(sem[0].id, uid=uid)
    yield actor(lambda: (sem[1].acquire(), sem[1].release()), uid=uid)
    yield actors.receiving(msg[0].id, uid=uid)
    yield actor(lambda: (msg[1].send(b"x"), msg[1].receive()), uid=uid)
    yield actors.opened(SHM / "open", uid=uid)
    yield actors.mapped(SHM / "mapped", uid=uid)
    yield actors.mapped(SHM / "sem.mapped", uid=uid)
    yield actors.mq_opened("/open", uid=uid)
    yield actors.mq_receiving("/waited", uid=uid)


def plain(uid: int | None) -> Verdicts:
    return as_user(os.geteuid() if uid is None else uid, verdicts)


def hidden(uid: int | None) -> Verdicts:
    with hidepid():
        return plain(uid)


def inside(uid: int | None) -> Verdicts:
    return in_pid_namespace(verdicts, uid=uid)


def inside_hidden(uid: int | None) -> Verdicts:
    def look() -> Verdicts:
        return hidden(uid)

    return in_pid_namespace(look)


FROM = [plain, hidden, inside, inside_hidden]


@pytest.mark.parametrize("seen_from", FROM)
def test_what_a_live_process_needs_is_orphaned_from_nowhere(
    seen_from: Callable[[int | None], Verdicts], strangers: tuple[int, int]
) -> None:
    alice, bob = strangers
    with ExitStack() as staying:
        for living in needed(bob):
            staying.enter_context(living)
        for uid in (None, bob, alice):
            found = seen_from(uid)
            assert 11 == len(found)
            assert "orphaned" not in found.values(), (uid, found)
        exact = {"shm:0", "sem:0", "pshm:/open", "pshm:/mapped", "psem:/mapped"}
        assert {"in-use"} == {seen_from(bob)[ref] for ref in exact}, "counts and leases are exact for the owner"
        assert {"in-use"} == {seen_from(alice)[ref] for ref in ("shm:0", "sem:0")}, "and counts for everybody"
        if seen_from in (hidden, inside_hidden):
            assert "unknown" == seen_from(alice)["pshm:/open"]


@pytest.mark.parametrize("seen_from", FROM)
def test_owner_gets_exact_answers_about_what_nobody_holds(
    seen_from: Callable[[int | None], Verdicts], strangers: tuple[int, int]
) -> None:
    alice, bob = strangers
    for name in ("left", "sem.left"):
        (SHM / name).write_bytes(bytes(32))
        os.chown(SHM / name, alice, alice)
    as_user(alice, lambda: posix_ipc.MessageQueue("/left", posix_ipc.O_CREX).close())
    assert {"orphaned"} == set(seen_from(alice).values())
    assert {"unknown"} == set(seen_from(bob).values())


def test_dead_creator_is_gone_for_everybody_in_his_pid_namespace_and_not_visible_in_another(
    strangers: tuple[int, int],
) -> None:
    alice, bob = strangers
    as_user(bob, lambda: libc.shmget(7, 100, 0o3600))
    for uid in (None, alice, bob):
        assert ["orphaned"] * 2 + ["unknown"] * 2 == [seen_from(uid)["shm:0"] for seen_from in FROM]


def test_lease_sees_a_holder_in_another_ipc_and_pid_namespace() -> None:
    (SHM / "x").write_bytes(bytes(32))
    with actors.mapped(SHM / "x"):
        seen = in_pid_namespace(lambda: verdict("pshm"), flags=namespace.CLONE_NEWIPC)
    assert ("in-use", "the kernel says that a process out of sight has it open or mapped") == seen
    assert "orphaned" == in_pid_namespace(lambda: verdict("pshm"), flags=namespace.CLONE_NEWIPC)[0]


def test_namespace_younger_than_the_container_has_nobody_outside() -> None:
    def use_queue() -> tuple[str, str]:
        as_user(os.geteuid(), lambda: sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX).send(b"x"))
        return verdict("msg")

    def leave() -> tuple[str, str]:
        namespace.unshare(namespace.CLONE_NEWIPC)
        return use_queue()

    word, why = in_pid_namespace(use_queue)
    assert ("unknown", True) == (word, why.endswith("processes outside this pid namespace cannot be seen"))
    assert "orphaned" == in_pid_namespace(lambda: as_user(os.geteuid(), leave))[0]


def wait_for_the_next_second() -> None:
    """Let the clock pass the second that a use is on record for."""
    until = time.time() + 2
    while time.time() < until:
        time.sleep(0.05)


@CHOOSES_PIDS
def test_number_on_record_that_another_process_got_since_is_recycled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is forced; of the minute that the clock may have been set by, a second is left."""

    def use() -> None:
        libc.shmget(7, 100, 0o3600)
        sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).send(b"x")
        semaphore = sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=1)
        semaphore.acquire()
        semaphore.release()

    def look() -> list[dict[str, tuple[str, str]]]:
        fork_as(100, use)
        os.wait()
        wait_for_the_next_second()
        fork_as(100, signal.pause)
        found = []
        for seconds in (60, 0):
            monkeypatch.setattr(processes, "_CLOCK_STEP", seconds)
            found.append({kind: verdict(kind) for kind in ("shm", "msg", "sem")})
        os.kill(100, signal.SIGKILL)
        os.wait()
        return found

    within_the_minute, after = in_pid_namespace(look, flags=0)
    assert {"idle"} == {word for word, _ in within_the_minute.values()}
    assert "orphaned" == after["shm"][0]
    assert {"orphaned", "unknown"} >= {word for word, _ in after.values()}, "this namespace may be seen from outside"
    for _, why in after.values():
        assert "by 100, gone (the number belongs to a younger process now)" in why


@CHOOSES_PIDS
def test_number_in_the_name_of_a_file_that_another_process_got_since_is_no_sign_of_life() -> None:
    def look() -> list[str]:
        fork_as(100, signal.pause)
        (SHM / "torch_100_1").touch()
        found = [verdict("pshm")[0]]
        os.utime(SHM / "torch_100_1", (time.time() - 90, time.time() - 90))
        return [*found, verdict("pshm")[0]]

    assert ["idle", "orphaned"] == in_pid_namespace(look)


@CHOOSES_PIDS
@pytest.mark.parametrize("kind", ["shm", "sem"])
def test_clock_that_was_set_forward_makes_nobody_who_lives_a_younger_process(
    kind: str, strangers: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was suspended or restored from a snapshot: an hour that no process has seen."""
    alice, _ = strangers

    def parent() -> None:
        users.become(alice)
        as_user(alice, lambda: make("sem"))
        libc.shmget(7, 100, 0o3600)
        signal.pause()

    def look() -> list[str]:
        fork_as(100, parent)
        while not Host().snapshot(["shm"]).objects["shm"]:
            time.sleep(0.001)
        as_user(alice, lambda: sysv_ipc.Semaphore(7).release())
        found = [verdict(kind)[0]]
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
        found.append(verdict(kind)[0])
        os.kill(100, signal.SIGKILL)
        os.wait()
        return [*found, verdict(kind)[0]]

    def leave() -> list[str]:
        namespace.unshare(namespace.CLONE_NEWIPC)  # with nobody outside
        return as_user(os.geteuid(), look)

    expected = {"shm": "idle", "sem": "unknown"}[kind]
    assert [expected, expected, "orphaned"] == in_pid_namespace(lambda: as_user(os.geteuid(), leave))
