"""The lease probe: the kernel's own answer to "does anybody have this file open or mapped?" (fcntl(2), F_SETLEASE).

A write lease on a descriptor is granted only if nobody else, in whatever mount, pid or IPC namespace, has the file
open or mapped. It needs the file's owner or CAP_LEASE. While it is held another open blocks, so it is held for
microseconds only, and only on files that a walk over /proc found unheld.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import sys
from typing import TYPE_CHECKING

from ipcctl.model.evidence import BUSY, FREE, NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOCK = signal.SIGURG  # sent to the holder when somebody knocks: ignored by default, where SIGIO would kill
_PROBE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Magic numbers of statfs(2): tmpfs ramfs mqueue ext4 xfs btrfs. Where one file stands before another (overlayfs, FUSE),
# a mapping holds the other, and the lease knows nothing of it.
_TELLING = frozenset({0x0102_1994, 0x8584_58F6, 0x1980_0202, 0xEF53, 0x5846_5342, 0x9123_683E})


def tells(directory: int) -> bool:
    """Whether leases on the files of *directory* speak of mappings too: they do on tmpfs and mqueue file systems."""
    import ctypes  # start-up: a plain listing needs none

    buffer = ctypes.create_string_buffer(256)
    failed = ctypes.CDLL(None).fstatfs(directory, buffer)
    magic = int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFF_FFFF
    return not failed and magic in _TELLING


def probe(directory: int, file: bytes, identity: tuple[int, int]) -> str:
    """FREE, BUSY or NOT_ASKED for the file of this name in *directory*, if it still has *identity* (device, inode).

    Raises FileNotFoundError when it is gone or another file has its name.
    """
    with leased(directory, file, identity) as (answer, _):
        return answer


@contextlib.contextmanager
def leased(directory: int, file: bytes, identity: tuple[int, int], *, both: bool = False) -> Iterator[tuple[str, int]]:
    """Answer and descriptor; a lease that was granted is held until the block ends. Raises as :func:`probe`.

    With *both* the descriptor is open for reading and writing: the holder cannot open the file once more meanwhile.
    """
    answer, descriptor = _open(directory, file, (os.O_RDWR,) if both else (os.O_RDONLY, os.O_WRONLY))
    if descriptor < 0:
        yield answer, descriptor
        return
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != identity:
            raise FileNotFoundError(errno.ENOENT, "another file has this name now", file)
        yield take(descriptor), descriptor
    finally:
        os.close(descriptor)  # gives the lease back


def _open(directory: int, file: bytes, accesses: tuple[int, ...]) -> tuple[str, int]:
    """A descriptor, or an answer and -1. Its owner may have the right to write a file and none to read it."""
    for access in accesses:
        try:
            return NOT_ASKED, os.open(file, _PROBE | access, dir_fd=directory)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:  # somebody else holds a lease
                return BUSY, -1
            if error.errno not in (errno.EACCES, errno.EPERM):
                raise
    return NOT_ASKED, -1


def take(descriptor: int) -> str:
    """Ask for the lease: FREE means that it is held now."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, KNOCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return BUSY if error.errno == errno.EAGAIN else NOT_ASKED
    return FREE


def give_back(descriptor: int) -> None:
    """Let those in who knocked; harmless where it was given back before."""
    with contextlib.suppress(BlockingIOError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def knocked(descriptor: int) -> bool:
    """Whether somebody tried to open the file while the lease is held."""
    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK
