"""Changing what exists: owner, mode, limits, semaphore values, locks. Only what is given changes; None = as it is.

System V objects are named by kind and id, POSIX objects by an open directory and the file in it; a symbolic link is
never followed. Every function raises OSError whose ``filename`` is the reference of the object: EPERM where only the
owner, the creator or root may do this, ERANGE for a semaphore value over 32767, EINVAL and EIDRM when it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import stat
import struct
import sys
from typing import TYPE_CHECKING

from ipcctl.kernel.devshm import file_name
from ipcctl.kernel.sysv import SysvControl
from ipcctl.model.kinds import MSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.ref import Ref
from ipcctl.parse.devshm import SEMAPHORE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IPC_SET = 1
GETALL, SETVAL, SETALL = 13, 16, 17
SHM_LOCK, SHM_UNLOCK = 11, 12
PERMISSIONS = 0o777
_PERMISSION_BITS = 0o7777  # a file's
_UID, _GID, _MODE, _QBYTES = 4, 8, 20, 48 + 40  # offsets in struct ipc64_perm and msqid64_ds
_NSEMS = 48 + (32 if os.uname().machine == "x86_64" else 16)  # after the times in struct semid64_ds
Identity = tuple[int, int]  # device and inode: ENOENT where another file has the name
_USHORT_MAX = 0xFFFF
_VALUE_AT = 0 if sys.byteorder == "little" else 4  # glibc: the low 32 bits of the first 64; the high ones count waiters


class SysvChange(SysvControl):
    """The calls that change a System V object of the calling thread's IPC namespace."""

    def set(  # noqa: PLR0913  one argument per field of IPC_SET
        self,
        kind: str,
        identifier: int,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
        qbytes: int | None = None,
    ) -> None:
        """IPC_SET. What is not given is read beforehand, which needs no right.

        *qbytes*: bytes that a message queue may hold, above msgmnb with CAP_SYS_RESOURCE only.
        """
        if not self._stat_any(kind, identifier):
            raise _error(errno.EINVAL, f"{kind}:{identifier}")
        for offset, value in ((_UID, uid), (_GID, gid)):
            if value is not None:
                struct.pack_into("=I", self._view, offset, value)
        if mode is not None:
            (before,) = struct.unpack_from("=I", self._view, _MODE)
            struct.pack_into("=I", self._view, _MODE, before & ~PERMISSIONS | mode & PERMISSIONS)
        if qbytes is not None and kind == MSG:
            struct.pack_into("=Q", self._view, _QBYTES, qbytes)
        call = {SHM: self._libc.shmctl, MSG: self._libc.msgctl}.get(kind)
        if call:
            done = call(identifier, IPC_SET, self._buffer)
        else:
            done = self._libc.semctl(identifier, 0, IPC_SET, self._buffer)
        if done < 0:
            raise _last_error(f"{kind}:{identifier}")

    def values(self, semid: int) -> list[int]:
        """Every semaphore's value at one moment (GETALL). Raises OSError: EACCES without read permission."""
        array = (ctypes.c_ushort * self.nsems(semid))()
        if self._libc.semctl(semid, 0, GETALL, array) < 0:
            raise _last_error(f"sem:{semid}")
        return list(array)

    def set_values(self, semid: int, values: Sequence[int]) -> None:
        """SETALL. Raises ValueError unless there are as many *values* as semaphores. Needs alter permission."""
        if len(values) != (nsems := self.nsems(semid)):  # the kernel would read on past the array
            raise ValueError(f"{len(values)} values for {nsems} semaphores")
        if any(not 0 <= value <= _USHORT_MAX for value in values):
            raise _error(errno.ERANGE, f"sem:{semid}")
        if self._libc.semctl(semid, 0, SETALL, (ctypes.c_ushort * nsems)(*values)) < 0:
            raise _last_error(f"sem:{semid}")

    def nsems(self, semid: int) -> int:
        """How many semaphores are in the set; that never changes."""
        if not self._stat_any(SEM, semid):
            raise _error(errno.EINVAL, f"sem:{semid}")
        return int(struct.unpack_from("=Q", self._view, _NSEMS)[0])

    def set_value(self, semid: int, num: int, value: int) -> None:
        """SETVAL: one semaphore, counted from 0. Needs alter permission; EINVAL for a *num* the set does not have."""
        if not -(2**31) <= value < 2**31:
            raise _error(errno.ERANGE, f"sem:{semid}")
        if self._libc.semctl(semid, num, SETVAL, ctypes.c_int(value)) < 0:
            raise _last_error(f"sem:{semid}")

    def lock(self, shmid: int, *, locked: bool) -> None:
        """SHM_LOCK or SHM_UNLOCK. Needs the owner or creator within RLIMIT_MEMLOCK, or CAP_IPC_LOCK."""
        if self._libc.shmctl(shmid, SHM_LOCK if locked else SHM_UNLOCK, None) < 0:
            raise _last_error(f"shm:{shmid}")


def set_file(  # noqa: PLR0913  where, which, and what to set
    directory: int,
    kind: str,
    name: str,
    *,
    uid: int | None = None,
    gid: int | None = None,
    mode: int | None = None,
    identity: Identity | None = None,
) -> None:
    """Owner, group and permission bits of a POSIX object. Opens nothing, so needs no right to read it."""
    ref = str(Ref(kind, name=name))
    with _named(ref), _opened(directory, kind, name, os.O_PATH, identity) as descriptor:
        if uid is not None or gid is not None:
            os.chown(_link(descriptor), -1 if uid is None else uid, -1 if gid is None else gid)
        if mode is not None:  # after chown, which takes set-uid bits away
            os.chmod(_link(descriptor), mode & _PERMISSION_BITS)


def set_size(directory: int, name: str, size: int, *, identity: Identity | None = None) -> None:
    """The size of a POSIX shared memory object in bytes; what is cut off is lost, what is added is zero."""
    ref = str(Ref(PSHM, name=name))
    with _named(ref), _opened(directory, PSHM, name, os.O_WRONLY, identity) as descriptor:
        try:
            os.ftruncate(descriptor, size)
        except OverflowError:
            raise _error(errno.EFBIG, name) from None


def set_semaphore(directory: int, name: str, value: int, *, identity: Identity | None = None) -> None:
    """The value of a POSIX named semaphore, 0 to 2^31-1; threads that a higher value lets go are woken."""
    ref = str(Ref(PSEM, name=name))
    if not 0 <= value < 2**31:
        raise _error(errno.EINVAL, ref)
    with _named(ref), _opened(directory, PSEM, name, os.O_RDWR, identity) as descriptor:
        if os.fstat(descriptor).st_size < SEMAPHORE_BYTES:
            raise _error(errno.EINVAL, ref)
        with mmap.mmap(descriptor, SEMAPHORE_BYTES) as memory:
            low = ctypes.c_uint32.from_buffer(memory, _VALUE_AT)
            high = ctypes.c_uint32.from_buffer(memory, 4 - _VALUE_AT)
            whole = ctypes.c_char.from_buffer(memory)
            try:
                posts = min(value, high.value)  # one sem_post(3) wakes one waiter
                low.value = value - posts
                post = ctypes.PyDLL(None, use_errno=True).sem_post
                for _ in range(posts):
                    if post(ctypes.byref(whole)):
                        raise _last_error(ref)
            finally:
                del low, high, whole  # the mapping cannot be closed while they point into it


@contextlib.contextmanager
def _opened(directory: int, kind: str, name: str, flags: int, identity: Identity | None) -> Iterator[int]:
    descriptor = os.open(file_name(kind, name), flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _error(errno.EINVAL, name)
        if identity not in (None, (status.st_dev, status.st_ino)):
            raise _error(errno.ENOENT, name)
        yield descriptor
    finally:
        os.close(descriptor)


def _link(descriptor: int) -> str:
    """A path to the very file that was opened: Python has no fchmodat(2) that leaves symbolic links alone."""
    return f"/proc/self/fd/{descriptor}"


@contextlib.contextmanager
def _named(ref: str) -> Iterator[None]:
    """Every OSError names the object."""
    try:
        yield
    except OSError as error:
        error.filename = ref
        raise


def _last_error(ref: str) -> OSError:
    return _error(ctypes.get_errno(), ref)


def _error(number: int, ref: str) -> OSError:
    return OSError(number, os.strerror(number), ref)
