"""From processes to objects: real ones that attach, map, open and sleep, seen by root and by others."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors, namespace
from tests.live.cli import run, run_program
from tests.live.elsewhere import hidepid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.actors import Actor, Living


def processes(*arguments: str, uid: int | None = None, code: int = 0) -> list[dict[str, Any]]:
    result = run("ps", "--json", *arguments, uid=uid)
    assert code == result.code, result.err
    found: list[dict[str, Any]] = json.loads(result.out)["processes"]
    return found


def brief(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(record["pid"], record["how"], record["call"], record["ref"], record["size"]) for record in records]


def full_queue() -> sysv_ipc.MessageQueue:
    return sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX, mode=0o666)


def posix_queue() -> str:
    posix_ipc.MessageQueue("/jobs", posix_ipc.O_CREX, mode=0o666, max_messages=2, max_message_size=8).close()
    return "/jobs"


def segment() -> int:
    made = sysv_ipc.SharedMemory(1, sysv_ipc.IPC_CREX, mode=0o666, size=5000)
    made.detach()
    return int(made.id)


def attached() -> Living:
    return actors.attached(segment())


def mapped() -> Living:
    (namespace.SHM / "psm_1").write_bytes(bytes(5000))
    return actors.mapped(namespace.SHM / "psm_1")


def opened() -> Living:
    (namespace.SHM / "sem.lock").write_bytes(bytes(32))
    return actors.opened(namespace.SHM / "sem.lock")


def semaphore() -> int:
    return int(sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, mode=0o666).id)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (attached, ("attached", None, "shm:0", 5000)),
        (mapped, ("mapped", None, "pshm:/psm_1", 5000)),
        (opened, ("open", None, "psem:/lock", None)),
        (lambda: actors.mq_opened(posix_queue()), ("open", None, "pmsg:/jobs", 0)),
        (lambda: actors.waiting(semaphore()), ("waiting", "semop", "sem:0", None)),
        (lambda: actors.receiving(full_queue().id), ("waiting", "msgrcv", "msg:0", 0)),
        (lambda: actors.sending(full_queue().id), ("waiting", "msgsnd", "msg:0", 16384)),
        (lambda: actors.mq_receiving(posix_queue()), ("waiting", "mq_receive", "pmsg:/jobs", 0)),
        (lambda: actors.mq_sending(posix_queue()), ("waiting", "mq_send", "pmsg:/jobs", 2)),
    ],
    ids=["attached", "mapped", "open file", "open queue", "semop", "msgrcv", "msgsnd", "mq_receive", "mq_send"],
)
def test_process_is_listed_with_what_it_holds_and_what_it_sleeps_in(
    act: Callable[[], Living], expected: tuple[Any, ...]
) -> None:
    with act() as it:
        assert [(it.pid, *expected)] == brief(processes(str(it.pid)))
    assert [] == processes()


@pytest.fixture
def crowd() -> Iterator[list[Actor]]:
    """Three processes: two objects, one object, none."""
    shmid = segment()
    (namespace.SHM / "psm_big").write_bytes(bytes(1 << 20))
    with ExitStack() as staying:
        both = staying.enter_context(
            actors.actor(lambda: (sysv_ipc.attach(shmid), os.open(namespace.SHM / "psm_big", os.O_RDONLY)))
        )
        one = staying.enter_context(actors.attached(shmid))
        none = staying.enter_context(actors.actor(lambda: None))
        yield [both, one, none]


def test_every_pair_is_one_record_by_pid(crowd: list[Actor]) -> None:
    both, one, _ = crowd
    expected = [(both.pid, "shm:0"), (both.pid, "pshm:/psm_big"), (one.pid, "shm:0")]
    assert sorted(expected) == sorted((record["pid"], record["ref"]) for record in processes())
    assert sorted(record["pid"] for record in processes()) == [record["pid"] for record in processes()]


def test_named_processes_alone_are_shown_once_each(crowd: list[Actor]) -> None:
    both, one, none = crowd
    assert [one.pid] == [record["pid"] for record in processes(str(one.pid), str(one.pid), str(none.pid))]
    assert [both.pid] * 2 == [record["pid"] for record in processes(str(both.pid))]


def test_sort_and_columns_are_those_of_the_pairs(crowd: list[Actor]) -> None:
    result = run("ps", "--sort", "-size", "-o", "ref,size", "--no-headings")
    assert ["pshm:/psm_big  1048576", *["shm:0             5000"] * 2] == result.out.splitlines()
    listed = run("ps", "--format", "csv", str(crowd[1].pid)).out.splitlines()
    assert "pid,comm,uid,user,how,call,kind,ref,size,owner,unlinked" == listed[0]
    assert listed[1].endswith(",attached,,shm,shm:0,5000,root,no")


def test_missing_process_is_named_and_the_others_are_shown(crowd: list[Actor]) -> None:
    gone = crowd[2]
    gone.kill()
    result = run("ps", str(gone.pid), str(crowd[1].pid), "-o", "pid", "--no-headings")
    assert (1, f"{crowd[1].pid}\n") == result[:2]
    assert f"ipcctl: no such process: {gone.pid}" == result.err.splitlines()[-1]


@pytest.mark.parametrize("word", ["0", "-1", "junk", "1.5", "", "99999999999", "0x10", "\u0663"])
def test_word_that_is_no_process_id_is_refused_before_anything_is_shown(word: str) -> None:
    result = run("ps", "--", "1", word)
    assert (2, "") == result[:2]
    assert result.err.startswith(f"ipcctl: bad process id {word!r}")


@pytest.mark.parametrize("options", [("--sort", "nattch"), ("-o", "key"), ("--user", "no-such-user")])
def test_unknown_column_or_user_is_refused(options: tuple[str, ...]) -> None:
    result = run("ps", *options)
    assert (2, "") == result[:2]
    assert "hint: " in result.err


def test_memory_without_a_name_is_listed_with_its_holder() -> None:
    path = namespace.SHM / "psm_gone"
    path.write_bytes(bytes(70000))
    with actors.mapped(path) as it:
        path.unlink()
        (record,) = processes()
    whole = (70000 + 4095) // 4096 * 4096  # what is mapped of it: all that an ordinary user can see
    assert record["size"] == (70000 if namespace.current().other_uids else whole)
    assert (it.pid, "mapped", "pshm:/psm_gone (deleted)", True) == tuple(
        record[name] for name in ("pid", "how", "ref", "unlinked")
    )


def test_user_filter_is_about_the_process_not_the_object(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    shmid = segment()
    with actors.attached(shmid, uid=alice) as hers, actors.attached(shmid, uid=bob) as his:
        assert [(hers.pid, alice, "root")] == [
            (record["pid"], record["uid"], record["owner"]) for record in processes("--user", str(alice))
        ]
        both = processes("--user", str(alice), "--user", str(bob))
        assert {hers.pid, his.pid} == {record["pid"] for record in both}
        assert [] == processes("--user", "root")


def test_user_sees_his_own_processes_and_is_told_of_the_rest(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    shmid = segment()
    with actors.attached(shmid, uid=alice) as hers, actors.attached(shmid, uid=bob) as his:
        assert [hers.pid] == [record["pid"] for record in processes(uid=alice)]
        result = run("ps", str(his.pid), uid=alice)
    assert (0, "") == result[:2]
    assert f"ipcctl: process {his.pid}: could not be looked into; its owner or root can" in result.err


def test_process_hidden_by_hidepid_is_not_called_missing(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    with actors.attached(segment(), uid=bob) as his, hidepid():
        result = run("ps", str(his.pid), uid=alice)
    assert (0, "") == result[:2]
    assert f"ipcctl: process {his.pid}: hidden (hidepid, proc(5)); root sees it" in result.err.splitlines()


def test_ipcctl_says_that_it_does_not_look_into_itself() -> None:
    program = "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'ipcctl', 'ps', str(os.getpid())])"
    assert "is ipcctl itself" in run_program([sys.executable, "-c", program]).err


def test_process_of_another_ipc_namespace_is_said_to_be_elsewhere() -> None:
    def leave() -> int:
        namespace.unshare(namespace.CLONE_NEWIPC)
        return 0

    with actors.actor(leave) as it:
        result = run("ps", str(it.pid))
    assert (0, "") == result[:2]
    assert f"process {it.pid}: is in another IPC namespace" in result.err


def test_name_of_a_process_is_escaped() -> None:
    def rename() -> Any:
        with open("/proc/self/comm", "wb") as comm:
            comm.write(b"a b\x1b[1m\n")
        return sysv_ipc.attach(shmid)

    shmid = segment()
    with actors.actor(rename):
        assert [r"a b\x1b[1m"] == [record["comm"] for record in processes()]
        assert "\x1b" not in run("ps", tty=True, env={"NO_COLOR": "1"}).out
        assert r"a\x20b\x1b[1m" in run("ps").out
