"""Creating single objects, never taking over an existing one: IPC_EXCL and O_EXCL on every call.

Everything is made in the calling thread's IPC namespace; POSIX segments and semaphores in its /dev/shm. Permission
bits of System V objects are taken as they are, those of POSIX objects pass the umask (shm_open(3)). Every function
raises OSError whose ``filename`` is the reference of the object: EEXIST if there is one already, ENOSPC or EMFILE for
a limit of the kernel, EINVAL for a size or number it does not take.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, Any

from ipcctl.errors import UsageError
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Callable

IPC_PRIVATE = 0
PERMISSIONS = 0o777
SIZE_MAX = 2**64 - 1
_IPC_CREX = 0o3000  # IPC_CREAT and IPC_EXCL
_SHM_HUGETLB = 0o4000
_SHM_HUGE_SHIFT = 26
_INT_MAX = 2**31 - 1
_CREX = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MQ_ATTR_WORDS = 8  # flags maxmsg msgsize curmsgs and four spare ones (mq_getattr(3))


def create_segment(key: int, size: int, mode: int, *, huge: int | None = None) -> int:
    """The shmid of a new segment of *size* bytes (shmget(2)); *key* IPC_PRIVATE = none.

    *huge*: of huge pages of so many bytes, a power of 2; 0 = of the usual huge ones, None = of ordinary pages. Then
    ENOMEM says that there are not enough of them, EPERM that the user may not have any.
    """
    if not 0 <= size <= SIZE_MAX:
        raise _error(errno.EINVAL, _sysv(SHM, key))
    flags = _flags(mode) if huge is None else _flags(mode) | _SHM_HUGETLB | _log2(huge) << _SHM_HUGE_SHIFT
    return _got(_library().shmget(_signed(key), ctypes.c_size_t(size), ctypes.c_int(flags)), _sysv(SHM, key))


def create_semaphore_set(key: int, nsems: int, mode: int) -> int:
    """The semid of a new set of *nsems* semaphores, all 0 (semget(2)); *key* IPC_PRIVATE = none."""
    if not 0 < nsems <= _INT_MAX:
        raise _error(errno.EINVAL, _sysv(SEM, key))
    return _got(_library().semget(_signed(key), nsems, _flags(mode)), _sysv(SEM, key))


def create_queue(key: int, mode: int) -> int:
    """The msqid of a new queue (msgget(2)); *key* IPC_PRIVATE = none."""
    return _got(_library().msgget(_signed(key), _flags(mode)), _sysv(MSG, key))


def create_posix_segment(name: str, size: int, mode: int) -> None:
    """A new object *name* (``/x``) of *size* bytes, all zero (shm_open(3)). One that cannot be sized is taken back."""
    ref = str(Ref(PSHM, name=name))
    library, raw = _library(), _raw(name)
    descriptor = library.shm_open(raw, _CREX, mode & PERMISSIONS)
    if descriptor < 0:
        raise _error(ctypes.get_errno(), ref)
    try:
        os.ftruncate(descriptor, size)
    except (OSError, OverflowError) as error:
        library.shm_unlink(raw)
        raise _error(getattr(error, "errno", None) or errno.EFBIG, ref) from error
    finally:
        os.close(descriptor)


def create_posix_semaphore(name: str, value: int, mode: int) -> None:
    """A new named semaphore *name* (``/x``) with *value* (sem_open(3))."""
    ref = str(Ref(PSEM, name=name))
    if not 0 <= value <= _INT_MAX:
        raise _error(errno.EINVAL, ref)
    library = _library()
    library.sem_open.restype = ctypes.c_void_p
    address = library.sem_open(_raw(name), _CREX, mode & PERMISSIONS, ctypes.c_uint(value))
    if not address:
        raise _error(ctypes.get_errno(), ref)
    library.sem_close(ctypes.c_void_p(address))


def create_posix_queue(name: str, mode: int, maxmsg: int | None = None, msgsize: int | None = None) -> None:
    """A new queue *name* (``/x``; mq_open(3)). *maxmsg* and *msgsize*: both, or neither for the system's defaults."""
    os.close(open_new_posix_queue(name, mode, maxmsg, msgsize))


def open_new_posix_queue(name: str, mode: int, maxmsg: int | None, msgsize: int | None) -> int:
    """The same, open for both and never waiting: its descriptor is a file's, also where no mqueue is mounted."""
    ref = str(Ref(PMSG, name=name))
    library = _library()
    attributes = None
    if maxmsg is not None and msgsize is not None:
        attributes = (ctypes.c_long * _MQ_ATTR_WORDS)(0, maxmsg, msgsize)
    descriptor = library.mq_open(_raw(name), _CREX | os.O_NONBLOCK, mode & PERMISSIONS, attributes)
    if descriptor < 0:
        raise _error(ctypes.get_errno(), ref)
    return int(descriptor)


def unlink_posix_queue(name: str) -> None:
    """Take the name of a queue away (mq_unlink(3)), which needs no mount."""
    if _library().mq_unlink(_raw(name)) < 0:
        raise _error(ctypes.get_errno(), str(Ref(PMSG, name=name)))


def create_with_free_key(create: Callable[[int], int], keys: Callable[[], int]) -> tuple[int, int]:
    """The id and the key of a new System V object: *keys* is asked again as long as its key is taken."""
    while True:
        key = keys() & 0xFFFFFFFF
        if key == IPC_PRIVATE:
            continue
        try:
            return create(key), key
        except FileExistsError:
            continue


def _library() -> ctypes.PyDLL:
    """The C library. Before glibc 2.34 the POSIX calls are in librt, which also leads to all the others."""
    try:
        return ctypes.PyDLL("librt.so.1", use_errno=True)
    except OSError:
        return ctypes.PyDLL(None, use_errno=True)


def _flags(mode: int) -> int:
    return _IPC_CREX | mode & PERMISSIONS


def _log2(number: int) -> int:
    return max(0, number.bit_length() - 1)


def _signed(key: int) -> ctypes.c_int:
    return ctypes.c_int(key & 0xFFFFFFFF)


def _sysv(kind: str, key: int) -> str:
    return f"{kind}:0x{key & 0xFFFFFFFF:08x}"


def _raw(name: str) -> bytes:
    raw = name.encode("utf-8", "surrogateescape")
    if not raw.startswith(b"/") or b"/" in raw[1:] or b"\0" in raw:
        raise UsageError(f"bad name {name!r}", hint="a name is one slash and then no other (shm_overview(7))")
    return raw


def _got(result: Any, ref: str) -> int:  # noqa: ANN401  what ctypes returns
    if result < 0:
        raise _error(ctypes.get_errno(), ref)
    return int(result)


def _error(number: int, ref: str) -> OSError:
    return OSError(number, os.strerror(number), ref)
