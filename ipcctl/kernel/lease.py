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
from typing import TYPE_CHECKING

from ipcctl.model.evidence import BUSY, FREE, NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def probe(directory: int, file: bytes, identity: tuple[int, int]) -> str:
    """FREE, BUSY or NOT_ASKED for the file of this name in *directory*, if it still has *identity* (device, inode).

    Raises FileNotFoundError when it is gone or another file has its name.
    """
    with leased(directory, file, identity) as (answer, _):
        return answer


@contextlib.contextmanager
def leased(directory: int, file: bytes, identity: tuple[int, int]) -> Iterator[tuple[str, int]]:
    """Answer and descriptor; a lease that was granted is held until the block ends. Raises as :func:`probe`."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # sent to the holder when somebody knocks; it kills by default
    try:
        descriptor = os.open(file, _PROBE, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:  # somebody else holds a lease
            yield BUSY, -1
            return
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise
        yield NOT_ASKED, -1
        return
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != identity:
            raise FileNotFoundError(errno.ENOENT, "another file has this name now", file)
        yield _take(descriptor), descriptor
    finally:
        os.close(descriptor)  # gives the lease back


def knocked(descriptor: int) -> bool:
    """Whether somebody tried to open the file while the lease is held."""
    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK


def _take(descriptor: int) -> str:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return BUSY if error.errno == errno.EAGAIN else NOT_ASKED
    return FREE
