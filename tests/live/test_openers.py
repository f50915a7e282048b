"""Processes that open a name again and again while rm takes it away again and again: none keeps a removed object.

None but who is named in the report, where a POSIX queue was opened in the microseconds before it went.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest

from ipcctl.act.aside import TOO_LATE
from ipcctl.act.remove import Remover
from ipcctl.kernel.host import Host
from ipcctl.model.objects import SHM_DEST
from ipcctl.model.removal import KEPT, MARKED, REMOVED, WOULD_REMOVE, Outcome
from tests.live import namespace
from tests.live.actors import PATIENCE, actor
from tests.live.test_verdicts import libc, make

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

OPENERS, ENOUGH, SECONDS = 2, 30, 3.0
RECORD = struct.Struct("=QQQ")
COUNTER = struct.Struct("=Q")
INODE_OF_NONE = 0

libc.shmat.restype = ctypes.c_void_p


def path_of(kind: str) -> Path:
    return {"pshm": namespace.SHM / "x", "psem": namespace.SHM / "sem.x"}.get(kind, namespace.current().mqueue / "x")


def open_file(kind: str) -> Callable[[], int]:
    """What opens the object and returns a descriptor, and raises FileNotFoundError while it is not there."""
    if kind != "pmsg":
        return lambda: os.open(path_of(kind), os.O_RDWR)

    def open_queue() -> int:
        try:
            return int(posix_ipc.MessageQueue("/x").mqd)
        except posix_ipc.ExistentialError as error:
            raise FileNotFoundError from error

    return open_queue


def come_later() -> None:
    """So as to come at any moment of a removal."""
    until = time.perf_counter() + random.random() / 2000
    while time.perf_counter() < until:
        pass


def keep(rounds: mmap.mmap) -> None:
    """Keep what one has for two removals."""
    (now,) = COUNTER.unpack_from(rounds)
    while COUNTER.unpack_from(rounds)[0] < now + 2:
        time.sleep(0.001)


def open_for_ever(kind: str, rounds: mmap.mmap, report: Path) -> None:
    """Open it, keep it for two removals, and report: its inode, its links then, the inode that its name leads to."""
    open_it, answers = open_file(kind), os.open(report, os.O_WRONLY | os.O_APPEND)
    while True:
        try:
            file = open_it()
        except FileNotFoundError:
            come_later()
            continue
        keep(rounds)
        status = os.fstat(file)
        try:
            named = os.stat(path_of(kind)).st_ino
        except FileNotFoundError:
            named = INODE_OF_NONE
        os.write(answers, RECORD.pack(status.st_ino, status.st_nlink, named))
        os.close(file)
        time.sleep(random.random() / 100)


@pytest.mark.parametrize("kind", ["pshm", "psem", "pmsg"])
def test_opener_is_never_left_with_an_object_that_is_removed_under_him(kind: str, tmp_path: Path) -> None:
    rounds, report = mmap.mmap(-1, COUNTER.size), tmp_path / "answers"
    report.touch()
    gone: dict[int, str] = {}  # inode: what rm said of it
    began, turn = time.monotonic(), 0
    with ExitStack() as staying:
        for _ in range(OPENERS):
            staying.enter_context(actor(int, sleep=lambda: open_for_ever(kind, rounds, report)))
        remover = staying.enter_context(Remover(Host(), [kind]))
        while time.monotonic() < began + SECONDS or report.stat().st_size < ENOUGH * RECORD.size:
            assert time.monotonic() < began + 3 * PATIENCE, "nobody comes to open it"
            if not path_of(kind).exists():
                make(kind)
            item: Any
            (item,) = Host().snapshot([kind]).objects[kind]
            (outcome,) = remover.carry_out([Outcome(item, WOULD_REMOVE, "")])
            assert outcome.result in (REMOVED, KEPT), outcome
            if outcome.result == REMOVED:
                gone[item.inode] = outcome.why
            turn += 1
            COUNTER.pack_into(rounds, 0, turn)
    answers = list(RECORD.iter_unpack(report.read_bytes()))
    assert gone, "nothing was ever removed"
    lost = [inode for inode, links, _ in answers if not links]
    assert {TOO_LATE} >= {gone[inode] for inode in lost}, "he has a removed object, and rm did not say so"
    assert kind == "pmsg" or not lost
    assert all(inode == named for inode, links, named in answers if links), "the name was lost or given to another"
    assert {path_of(kind).name} >= set(os.listdir(path_of(kind).parent)), "something stayed aside"


def attach_for_ever(rounds: mmap.mmap, report: Path) -> None:
    """Attach the segment, keep it for two removals, and report: its id, whether it is still there for others."""
    answers = os.open(report, os.O_WRONLY | os.O_APPEND)
    while True:
        number = libc.shmget(7, 0, 0)
        address = libc.shmat(number, None, 0) if number >= 0 else None
        if address in (None, ctypes.c_void_p(-1).value):
            come_later()
            continue
        keep(rounds)
        stays = any(not item.mode & SHM_DEST for item in segments() if item.shmid == number)
        os.write(answers, RECORD.pack(number, stays, 0))
        libc.shmdt(ctypes.c_void_p(address))
        time.sleep(random.random() / 100)


def segments() -> Sequence[Any]:
    return Host().snapshot(["shm"]).objects["shm"]


def test_who_attaches_a_segment_while_it_is_removed_is_reported(tmp_path: Path) -> None:
    rounds, report = mmap.mmap(-1, COUNTER.size), tmp_path / "answers"
    report.touch()
    removed: dict[int, str] = {}  # id: what rm said of it
    began, turn = time.monotonic(), 0
    with ExitStack() as staying:
        for _ in range(OPENERS):
            staying.enter_context(actor(int, sleep=lambda: attach_for_ever(rounds, report)))
        remover = staying.enter_context(Remover(Host(), ["shm"]))
        while time.monotonic() < began + SECONDS or report.stat().st_size < ENOUGH * RECORD.size:
            assert time.monotonic() < began + 3 * PATIENCE, "nobody comes to attach it"
            libc.shmget(7, 100, 0o1600)
            for outcome in remover.carry_out([Outcome(it, WOULD_REMOVE, "") for it in segments() if it.key == 7]):
                if outcome.result in (REMOVED, MARKED):
                    item: Any = outcome.object
                    removed[item.shmid] = outcome.result
            turn += 1
            COUNTER.pack_into(rounds, 0, turn)
    answers = list(RECORD.iter_unpack(report.read_bytes()))
    assert REMOVED in removed.values(), "nothing was ever removed"
    assert {MARKED} >= {removed[number] for number, stays, _ in answers if not stays}
