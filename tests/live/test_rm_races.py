"""What happens to the objects between the plan and the answer decides: look again, compare, remove."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import time

import posix_ipc
import pytest
import sysv_ipc

from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.conversation import INTERRUPT, Conversation, talk
from tests.live.test_harness import rows

ASKED = "[y/N] "


@pytest.fixture(autouse=True)
def population() -> None:
    """One object of each kind, key 7 or name /x."""
    sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100).detach()
    sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX)
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    (namespace.SHM / "x").write_bytes(b"x")
    (namespace.SHM / "sem.x").write_bytes(bytes(32))
    posix_ipc.MessageQueue("/x", posix_ipc.O_CREX).close()


def left() -> list[str]:
    """The kinds of which an object is left."""
    found = [kind for kind in ("shm", "sem", "msg") if rows(kind)]
    names = {"pshm": namespace.SHM / "x", "psem": namespace.SHM / "sem.x", "pmsg": namespace.current().mqueue / "x"}
    return found + [kind for kind, path in names.items() if path.exists()]


EVERY_KIND = ["shm", "sem", "msg", "pshm", "psem", "pmsg"]


def agree(it: Conversation) -> None:
    it.type(b"y\n")


def test_yes_removes_and_reports() -> None:
    with talk("rm", "--all") as it:
        plan = it.until(ASKED)
        assert "Remove 6 objects?" in plan
        assert all(ref in plan for ref in ("shm:0", "sem:0", "msg:0", "pshm:/x", "psem:/x", "pmsg:/x"))
        assert EVERY_KIND == left()
        agree(it)
        assert (0, []) == (it.end().code, left())


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"yess\n", b"Y es\n", b"\x04"])
def test_any_other_answer_removes_nothing(answer: bytes) -> None:
    with talk("rm", "--all") as it:
        it.until(ASKED)
        it.type(answer)
        result = it.end()
    assert (1, EVERY_KIND) == (result.code, left())
    assert "not confirmed; nothing was removed" in result.err


def test_ctrl_c_at_the_question_removes_nothing() -> None:
    with talk("rm", "--all") as it:
        it.until(ASKED)
        it.type(INTERRUPT)
        result = it.end()
    assert (130, "", EVERY_KIND) == (result.code, result.out, left())
    assert result.err.endswith("\nipcctl: interrupted; nothing was removed\n")


@pytest.mark.parametrize("ref", ["shm:0", "sem:0", "msg:0", "pshm:/x", "psem:/x", "pmsg:/x"])
def test_object_removed_by_somebody_else_meanwhile_is_already_gone(ref: str) -> None:
    with talk("rm", ref, "--json") as it:
        it.until(ASKED)
        assert 0 == here("rm", ref, "--yes").code
        agree(it)
        result = it.end()
    assert 0 == result.code
    assert result.err.endswith(" 1 already gone\n")
    assert '"result": "already gone"' in result.out
    assert 5 == len(left())


def recreate(kind: str) -> None:
    """Remove an object and make another one of the same key or name."""
    here("rm", f"{kind}:/x" if kind in ("pshm", "psem", "pmsg") else f"{kind}:0", "--yes")
    if kind == "shm":
        sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100).detach()
    elif kind == "sem":
        sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX)
    elif kind == "msg":
        sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    elif kind == "pmsg":
        posix_ipc.MessageQueue("/x", posix_ipc.O_CREX).close()
    else:
        (namespace.SHM / {"pshm": "x", "psem": "sem.x"}[kind]).write_bytes(bytes(32))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_key_or_name_made_again_by_somebody_else_meanwhile_is_kept(kind: str) -> None:
    ref = f"{kind}:/x" if kind in ("pshm", "psem", "pmsg") else f"{kind}:0x7"
    with talk("rm", ref) as it:
        it.until(ASKED)
        recreate(kind)
        agree(it)
        it.end()
    assert EVERY_KIND == left()


def test_name_made_again_is_reported_as_changed_and_refused() -> None:
    with talk("rm", "pshm:/x") as it:
        it.until(ASKED)
        os.rename(namespace.SHM / "x", namespace.SHM / "other")
        (namespace.SHM / "x").write_bytes(b"theirs")
        agree(it)
        result = it.end()
    assert 1 == result.code
    assert "changed since it was listed" in result.out
    assert b"theirs" == (namespace.SHM / "x").read_bytes()


def set_owner(kind: str, uid: int) -> None:
    """IPC_SET by the bare call: changes the owner, and ctime if the second has passed."""
    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    call = {"shm": libc.shmctl, "msg": libc.msgctl}.get(kind)
    stat, change = 2, 1
    if call:
        assert 0 == call(0, stat, buffer)
        struct.pack_into("@I", buffer, 4, uid)
        assert 0 == call(0, change, buffer)
    else:
        assert 0 == libc.semctl(0, 0, stat, buffer)
        struct.pack_into("@I", buffer, 4, uid)
        assert 0 == libc.semctl(0, 0, change, buffer)


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("kind", ["shm", "sem", "msg"])
def test_object_given_to_somebody_else_meanwhile_is_kept(kind: str) -> None:
    with talk("rm", f"{kind}:0") as it:
        it.until(ASKED)
        set_owner(kind, 61001)
        agree(it)
        result = it.end()
    assert (1, EVERY_KIND) == (result.code, left())
    assert "changed since it was listed" in result.out


def test_segment_attached_meanwhile_is_kept() -> None:
    with talk("rm", "shm:0") as it:
        it.until(ASKED)
        with actors.attached(0):
            agree(it)
            result = it.end()
    assert (1, EVERY_KIND) == (result.code, left())
    assert "in-use" in result.out


def test_set_somebody_waits_on_meanwhile_is_kept() -> None:
    with talk("rm", "sem:0") as it:
        it.until(ASKED)
        with actors.waiting(0):
            agree(it)
            result = it.end()
    assert (1, EVERY_KIND) == (result.code, left())
    assert "in-use" in result.out


def test_among_many_sets_those_that_were_touched_meanwhile_are_looked_at_closely() -> None:
    waited, used, gone, idle = (sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX, initial_value=0) for key in range(101, 105))
    with talk("rm", "sem", "--all", "--json") as it:
        it.until(ASKED)
        used.release()
        gone.remove()
        with actors.waiting(waited.id):
            agree(it)
            result = it.end()
    assert {0, waited.id, used.id, gone.id, idle.id} == set(results := told(result.out))
    assert ("removed", "removed", "already gone") == (results[0], results[idle.id], results[gone.id])
    assert ("kept", "kept") == (results[waited.id], results[used.id])
    assert {waited.id, used.id} == {int(row[1]) for row in rows("sem")}


def test_among_many_queues_those_that_were_touched_meanwhile_are_looked_at_closely() -> None:
    waited, used, gone, idle = (sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX) for key in range(101, 105))
    with talk("rm", "msg", "--all", "--json") as it:
        it.until(ASKED)
        used.send(b"x")
        gone.remove()
        with actors.receiving(waited.id):
            time.sleep(1.1)  # seconds: who waits is asked again after one
            agree(it)
            result = it.end()
    results = told(result.out)
    assert ("removed", "removed", "already gone") == (results[0], results[idle.id], results[gone.id])
    assert ("kept", "kept") == (results[waited.id], results[used.id])
    assert {waited.id, used.id} == {int(row[1]) for row in rows("msg")}


def told(document: str) -> dict[int, str]:
    """What became of each id."""
    return {item["id"]: item["result"] for item in json.loads(document)["objects"]}


def test_force_marks_what_is_attached_and_says_so() -> None:
    with actors.attached(0):
        result = here("rm", "shm:0", "--force", "--yes", "--json")
        assert (0, "1 marked\n") == (result.code, result.err)
        assert ["dest"] == [
            row.split()[-1] for row in here("ls", "shm", "-o", "status", "--no-headings").out.splitlines()
        ]
    assert "shm" not in left()


def test_one_failure_does_not_stop_the_others(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    actors.as_user(alice, lambda: sysv_ipc.MessageQueue(8, sysv_ipc.IPC_CREX).id)
    result = actors.as_user(alice, lambda: here("rm", "sem:0", "msg:1", "shm:0", "--yes", "--format", "plain"))
    assert (1, EVERY_KIND) == (result.code, left())
    lines = {line.split()[0]: line for line in result.out.splitlines()}
    assert "only its owner, its creator or root may remove it" in lines["sem:0"]
    assert "removed" in lines["msg:1"]
    assert 1 == len(rows("msg"))
