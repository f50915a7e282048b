"""Files that are there whole or not at all, also after kill -9 or a loss of power."""

from __future__ import annotations

import ctypes
import errno
import os

_RENAME_NOREPLACE = 1  # renameat2(2)


def new_part(directory: int) -> tuple[bytes, int]:
    """The name and the descriptor of a new file in *directory*, for its owner only. Raises OSError."""
    name = private_name() + b".part"
    return name, os.open(
        name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
    )


def private_name() -> bytes:
    """A hidden name that nobody else can have chosen."""
    return b".ipcctl-%d-%s" % (os.getpid(), os.urandom(4).hex().encode())


def publish(directory: int, part: bytes, name: bytes) -> None:
    """Give a finished file its name, and make that durable. Raises FileExistsError if the name is taken, OSError."""
    rename_new(directory, part, name)
    os.fsync(directory)


def rename_new(directory: int, old: bytes, new: bytes) -> None:
    """Rename *old* to *new*, which must not exist: nothing is replaced. Raises OSError: EEXIST."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not libc.renameat2(directory, old, directory, new, _RENAME_NOREPLACE):
        return
    number = ctypes.get_errno()
    if number != errno.EINVAL:
        raise OSError(number, os.strerror(number), new)
    os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory)  # a file system without that flag (NFS)
    os.unlink(old, dir_fd=directory)
