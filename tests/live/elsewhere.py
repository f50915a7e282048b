"""Places from which less can be seen: a /proc that hides processes, a pid namespace of one's own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.live import actors, namespace, users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

CLONE_NEWPID = 0x2000_0000
PROC = Path("/proc")


@contextmanager
def hidepid(options: str = "hidepid=2") -> Iterator[None]:
    """Let /proc hide the processes of others from ordinary users, for all of this mount namespace."""
    namespace.mount("proc", PROC, "proc", 0, options)
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

    return actors.as_user(os.geteuid(), leave)


def fork_as(pid: int, play: Callable[[], None]) -> None:
    """Fork a child with this number, which must be free in our pid namespace, and does `play`."""
    (PROC / "sys/kernel/ns_last_pid").write_text(str(pid - 1))
    child = os.fork()
    if child == 0:
        try:
            play()
        finally:
            os._exit(0)
    assert pid == child, "somebody else was faster"
