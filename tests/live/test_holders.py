"""The walk over /proc on odd processes and names: nothing it is shown makes it fail or miss a holder."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from ipcctl.kernel.mappings import Sieve
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.actors import actor
from tests.live.test_verdicts import hows, libc, make, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

X = namespace.SHM / "x"
SHM_RDONLY = 0o10000
PAGE = mmap.PAGESIZE
LINES = 60_000
"""Mappings; the kernel allows 65,530 of a process (vm.max_map_count)."""

libc.mmap.restype = libc.shmat.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


def map_file(flags: int, access: int, *, unlink: bool = False) -> Callable[[], None]:
    """Map /dev/shm/x with no descriptor left."""

    def hold() -> None:
        file = os.open(X, os.O_RDWR)
        assert ctypes.c_void_p(-1).value != libc.mmap(None, PAGE, access, flags, file, 0)
        os.close(file)
        if unlink:
            X.unlink()

    return hold


def attach(flags: int) -> Callable[[], None]:
    def hold() -> None:
        assert ctypes.c_void_p(-1).value != libc.shmat(0, None, flags)

    return hold


WAYS = {
    "segment": ("shm", attach(0)),
    "segment, to read": ("shm", attach(SHM_RDONLY)),
    "shared file": ("pshm", map_file(mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)),
    "shared file, no access": ("pshm", map_file(mmap.MAP_SHARED, 0)),
    "private file": ("pshm", map_file(mmap.MAP_PRIVATE, mmap.PROT_READ)),
    "private file, to write": ("pshm", map_file(mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)),
    "private file, to run": ("pshm", map_file(mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)),
}


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(("kind", "hold"), WAYS.values(), ids=WAYS)
def test_every_kind_of_mapping_is_found_whether_the_kernel_can_be_asked_for_it_or_not(
    kind: str, hold: Callable[[], None], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not asked:
        monkeypatch.delattr(os, "memfd_create")
    make(kind)
    with actor(hold) as it, actor(lambda: mmap.mmap(-1, PAGE)):
        assert [(it.pid, "attached" if kind == "shm" else "mapped")] == hows(kind)
    assert [] == hows(kind)


def test_memory_without_a_name_is_found_in_an_empty_directory_by_a_private_mapping() -> None:
    make("pshm")
    with actor(map_file(mmap.MAP_PRIVATE, mmap.PROT_READ, unlink=True)) as it:
        assert [] == os.listdir(namespace.SHM)
        (found,) = json.loads(here("ls", "pshm", "--unlinked", "--json").out)["objects"]
        assert ("pshm:/x (deleted)", [it.pid]) == (found["ref"], [holder["pid"] for holder in found["holders"]])


def test_most_processes_are_held_back_where_the_kernel_can_be_asked() -> None:
    with actor(lambda: None) as it, open(f"/proc/{it.pid}/maps") as maps:
        sieve = Sieve(None)
        if sieve.lets_through(maps.fileno()):
            pytest.skip("PROCMAP_QUERY needs Linux 6.11")
        assert not Sieve(os.stat(namespace.SHM).st_dev).lets_through(maps.fileno())


def test_holder_among_sixty_thousand_mappings_is_found() -> None:
    make("pshm")
    number = make("shm")

    def hold() -> None:
        sysv_ipc.attach(number)
        file = os.open(X, os.O_RDWR)
        for turn in range(LINES // 2):  # the same page again and again: neighbours cannot be joined
            assert ctypes.c_void_p(-1).value != libc.mmap(None, PAGE, mmap.PROT_READ, mmap.MAP_SHARED, file, 0), turn
            assert ctypes.c_void_p(-1).value != libc.mmap(
                None, PAGE, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0
            )
        os.close(file)

    with actor(hold) as it:
        with open(f"/proc/{it.pid}/maps", "rb") as maps:
            assert sum(1 for _ in maps) > LINES
        assert [(it.pid, "attached")] == hows("shm")
        assert [(it.pid, "mapped")] == hows("pshm")


ODD = ["a\nb", "x (deleted)", " (deleted)", "a\nb (deleted)", "\\012", "SYSV00000007 (deleted)", "\udcff", "sem.a\nb"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("hold", [actors.mapped, actors.opened])
def test_holder_of_an_oddly_named_file_is_found_and_the_file_is_not_called_unlinked(
    name: str, hold: Callable[..., actors.Living]
) -> None:
    (namespace.SHM / name).write_bytes(bytes(32))
    kind = "psem" if name.startswith("sem.") else "pshm"
    with hold(namespace.SHM / name) as it:
        assert [it.pid] == [pid for pid, _ in hows(kind)]
        assert [] == json.loads(here("ls", "pshm", "--unlinked", "--json").out)["objects"]
        (ref,) = here("ls", kind, "-o", "ref", "--no-headings", "--format=csv").out.splitlines()
        assert "1 kept\n" == here("rm", ref, "--yes").err
        it.kill()
    assert "1 removed\n" == here("rm", ref, "--yes").err
    assert [] == os.listdir(namespace.SHM)


@pytest.mark.parametrize("name", ODD[:-1])
def test_oddly_named_file_that_is_unlinked_is_shown_as_such(name: str) -> None:
    (namespace.SHM / name).write_bytes(bytes(32))
    with actors.mapped(namespace.SHM / name) as it:
        (namespace.SHM / name).unlink()
        (found,) = json.loads(here("ls", "pshm", "--unlinked", "--json").out)["objects"]
        assert [it.pid] == [holder["pid"] for holder in found["holders"]]
        assert found["ref"].endswith(" (deleted)")


def fork_for_ever() -> None:
    """Processes that come and go."""
    while True:
        if os.fork() == 0:
            os._exit(0)
        os.wait()


def open_for_ever() -> None:
    """Descriptors, mappings and threads that come and go."""
    while True:
        with open(X, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
            for copy in [os.dup(file.fileno()) for _ in range(200)]:
                os.close(copy)
            for _ in range(5):
                threading.Thread(target=time.sleep, args=(0.001,)).start()


def test_processes_that_vanish_while_they_are_read_neither_fail_the_walk_nor_hide_those_that_stay() -> None:
    number = make("shm")
    make("pshm")
    make("pmsg")
    nothing = int  # to hold
    with (
        actors.attached(number) as stays,
        actors.mq_receiving("/x") as waits,
        actor(nothing, sleep=fork_for_ever),
        actor(nothing, sleep=open_for_ever) as opens,
    ):
        until = time.monotonic() + 1.5
        seen = []
        while time.monotonic() < until:
            assert [(stays.pid, "attached")] == hows("shm")
            assert [(waits.pid, "waiting")] == hows("pmsg")
            seen += hows("pshm")
        assert {opens.pid} == {pid for pid, _ in seen}


def test_segment_of_huge_pages_is_attached_like_any_other() -> None:
    huge, unreserved = 0o4000, 0o10000  # no page of it has to be there
    number = libc.shmget(7, 2 << 20, 0o3600 | huge | unreserved)
    if number < 0:
        pytest.skip(f"no huge pages to be had: {os.strerror(ctypes.get_errno())}")
    with actor(attach(0)) as it:
        assert [(it.pid, "attached")] == hows("shm")
        assert "in-use" == verdict("shm")[0]
        assert "1 kept\n" == here("rm", "shm:0", "--yes").err
        it.kill()
    assert "1 removed\n" == here("rm", "shm:0", "--yes").err


def test_thread_that_waits_makes_its_process_a_holder() -> None:
    number = make("msg")

    def wait_in_a_thread() -> None:
        threading.Thread(target=lambda: libc.msgrcv(number, bytes(16), 8, 0, 0)).start()
        time.sleep(600)

    with actor(int, sleep=wait_in_a_thread) as it:
        deadline = time.monotonic() + actors.PATIENCE
        while not hows("msg") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [(it.pid, "waiting")] == hows("msg")
        assert "in-use" == verdict("msg")[0]


def child_with(hold: Callable[[], object], *, execute: bool) -> Callable[[], int]:
    """Take something, and fork a child that keeps it, or becomes another program."""

    def play() -> int:
        kept = hold()
        until_end, end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(until_end, 0)
            os.dup2(until_end, 1)
            os.closerange(5, 100)
            if execute:
                os.execvp("cat", ["cat"])  # noqa: S606  in our own child
            os.read(0, 1)
            os._exit(0)
        assert kept is not None
        return end

    return play


@pytest.mark.parametrize("execute", [False, True])
def test_child_holds_what_it_inherits_and_after_exec_only_what_stays_open(execute: bool) -> None:
    make("shm")
    make("pshm")

    def hold() -> object:
        os.dup2(os.open(X, os.O_RDWR), 2, inheritable=True)
        return sysv_ipc.attach(0)

    with actor(child_with(hold, execute=execute)) as it:
        deadline = time.monotonic() + actors.PATIENCE
        while len(hows("shm")) != 2 - execute and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (2 - execute, 2) == (len(hows("shm")), len(hows("pshm")))
        assert it.pid in dict(hows("shm"))
        it.kill()


def test_segment_that_was_removed_is_held_until_the_last_detaches() -> None:
    number = make("shm")
    with actors.attached(number) as one, actors.attached(number) as other:
        sysv_ipc.remove_shared_memory(number)
        assert {one.pid, other.pid} == set(dict(hows("shm")))
        one.stop()
        assert ("in-use", [(other.pid, "attached")]) == (verdict("shm")[0], hows("shm"))
    assert "" == here("ls", "shm", "--no-headings").out
