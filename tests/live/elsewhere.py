"""Places from which less can be seen: a /proc that hides processes, a pid namespace of one's own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.live import actors, namespace, users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
CHOOSES_PIDS = pytest.mark.skipif(
    not LAST_PID.exists(), reason="this kernel lets nobody choose a process id (CONFIG_CHECKPOINT_RESTORE)"
)

CLONE_NEWPID = 0x2000_0000
PROC = Path("/proc")


@contextmanager
def hidepid(options: str = "hidepid=2") -> Iterator[None]:
    """Let /proc hide the processes of others from ordinary users, for all of this mount namespace."""
    try:
        namespace.mount("proc", PROC, "proc", 0, options)
    except PermissionError as error:  # where parts of /proc are covered, no other one may be mounted
        pytest.skip(f"no /proc with {options}: {error}")
    try:
        yield
    finally:
        namespace.umount(PROC)


def in_pid_namespace(do: Callable[[], T], *, flags: int = 0, uid: int | None = None) -> T:
    """Run `do` in a pid namespace of its own (and what else `flags` unshares), where nobody else is to be seen.

    Its first process becomes `uid` before. Returns the value of `do` or raises what it raised (both must pickle).
    """
    if uid is not None:
        users.closed_directories()  # found while everything can still be read, and kept

    def leave() -> T:
        namespace.unshare(CLONE_NEWPID | namespace.CLONE_NEWNS | flags)
        return actors.as_user(os.geteuid(), first)  # the first child is the first process in there

    def first() -> T:
        namespace.mount("proc", PROC, "proc")
        if uid is not None:
            users.become(uid)
        return do()

    try:
        return actors.as_user(os.geteuid(), leave)
    except PermissionError as error:
        if not str(error.strerror).startswith(("unshare", "mount proc")):
            raise
        pytest.skip(f"no pid namespace with a /proc of its own: {error}")


def fork_as(pid: int, play: Callable[[], None]) -> None:
    """Fork a child with this number, which must be free in our pid namespace, and does `play`."""
    LAST_PID.write_text(str(pid - 1))
    child = os.fork()
    if child == 0:
        try:
            play()
        finally:
            os._exit(0)
    assert pid == child, "somebody else was faster"
