"""Objects by their processes and producers: --pid, --producer, and the columns that say who."""

from __future__ import annotations

import csv
import json
import os
from contextlib import ExitStack
from typing import Any

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.policy.producers import NAMES
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.actors import actor, as_user
from tests.live.cli import run
from tests.live.test_verdicts import libc, make

EVERY = ["shm:0", "sem:0", "msg:0", "pshm:/x", "psem:/x", "pmsg:/x"]


def refs(*options: str, uid: int | None = None) -> list[str]:
    result = run("ls", *options, "-o", "ref", "--json", uid=uid)
    assert 0 == result.code, result.err
    return [item["ref"] for item in json.loads(result.out)["objects"]]


def test_pid_selects_what_a_process_holds_waits_on_or_used_last() -> None:
    for kind in ("shm", "sem", "msg", "pshm", "psem", "pmsg"):
        make(kind)
    shm = namespace.SHM
    with ExitStack() as staying:
        acts = [actors.attached(0), actors.waiting(0), actors.receiving(0), actors.mapped(shm / "x")]
        acts += [actors.opened(shm / "sem.x"), actors.mq_opened("/x")]
        pids = [str(staying.enter_context(act).pid) for act in acts]
        assert [[ref] for ref in EVERY] == [refs("--pid", pid) for pid in pids]
        assert EVERY[:2] == refs("--pid", pids[1], "--pid", pids[0]), "a repeated one ORs"
        assert [] == refs("--pid", str(os.getppid()))


def test_pid_on_record_selects_too_even_if_it_is_gone() -> None:
    def use() -> int:
        libc.shmget(7, 100, 0o3600)
        sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).send(b"x")
        sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=1).acquire()
        return os.getpid()

    assert ["shm:0", "sem:0", "msg:0"] == refs("--pid", str(as_user(os.geteuid(), use)))


def test_process_that_waits_for_a_notification_is_on_record() -> None:
    def register() -> Any:
        queue = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX)
        queue.request_notification()
        return queue

    with actor(register) as it:
        assert ["pmsg:/x"] == refs("--pid", str(it.pid))


def test_sets_that_do_not_tell_their_users_are_a_gap(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    pid = as_user(
        alice, lambda: [sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX, mode=0o600).id for key in (1, 2)] and os.getpid()
    )
    result = run("ls", "sem", "--pid", str(pid), uid=bob)
    assert (0, "") == result[:2]
    assert "ipcctl: sem: no right to ask 2 sets who used them last" in result.err.splitlines()
    assert "no right to ask" not in run("ls", "sem", "--pid", str(pid), uid=alice).err
    for command in (("rm", "--yes"), ("save", "--dir=/dev/shm")):
        assert "sem: no right to ask 2 sets" in run(*command, "sem", "--pid", str(pid), uid=bob).err


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "x", "", "4194305", "99999999999999999999"])
def test_word_that_is_no_pid_is_refused(word: str) -> None:
    result = here("ls", f"--pid={word}")
    assert (2, "") == (result.code, result.out)
    assert "--pid" in result.err


def test_pid_that_nobody_has_selects_nothing() -> None:
    make("shm")
    assert [] == refs("--pid", "4194304")


def test_producer_selects_by_name_key_or_owner() -> None:
    for name in ("psm_1a2b", "torch_7_1", "sem.mp-x", "PostgreSQL.1", "own"):
        (namespace.SHM / name).write_bytes(bytes(32))
    libc.shmget(0x0052E2C1, 100, 0o3600)
    libc.shmget(7, 100, 0o3600)
    assert ["pshm:/psm_1a2b", "psem:/mp-x"] == refs("--producer=python")
    assert ["shm:0", "pshm:/PostgreSQL.1", "pshm:/torch_7_1"] == refs("--producer=postgresql", "--producer=pytorch")
    assert [] == refs("--producer=oracle")
    assert NAMES == tuple(run("ls", "--producer=Python").err.split("producers: ")[1].split())


def test_columns_say_who_holds_an_object_and_whose_it_is() -> None:
    (namespace.SHM / "psm_1").write_bytes(bytes(32))
    with actors.mapped(namespace.SHM / "psm_1") as it, actors.opened(namespace.SHM / "psm_1") as other:
        (row,) = csv.DictReader(run("ls", "pshm", "--format=csv", "-o", "pids,producer,holders").out.splitlines())
        assert ("python", f"{it.pid},{other.pid}") == (row["producer"], row["pids"])
        assert [f"{it.pid}/", f"{other.pid}/"] == [word[: len(str(it.pid)) + 1] for word in row["holders"].split(",")]
        (found,) = json.loads(run("ls", "pshm", "--holders", "--json").out)["objects"]
        assert [(it.pid, "mapped", "root"), (other.pid, "open", "root")] == [
            (holder["pid"], holder["how"], holder["user"]) for holder in found["holders"]
        ]


def test_whose_objects_are_is_told_without_a_look_at_processes(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    (namespace.SHM / "torch_1_2").write_bytes(b"x")
    (namespace.SHM / "torch_1_2").chmod(0o666)
    with actors.opened(namespace.SHM / "torch_1_2", uid=alice):
        walked = run("ls", "pshm", "--producer", "pytorch", "--holders", uid=bob)
        named = run("ls", "pshm", "--producer", "pytorch", "-o", "ref", "--no-headings", uid=bob)
    if namespace.sees_everybody():  # or it is not said what would be said anyway
        assert "could not be looked into; root with CAP_SYS_PTRACE sees more" in walked.err
    assert (0, "pshm:/torch_1_2\n", "") == named
