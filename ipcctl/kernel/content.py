"""The content of objects: bytes of segments, messages of queues.

Everything happens in the calling thread's IPC namespace; POSIX objects are files in an open directory, never reached
through a symbolic link. Every function raises OSError whose ``filename`` is the reference of the object: EACCES
without the right, EINVAL, EIDRM or ENOENT when it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.kernel.devshm import file_name
from ipcctl.kernel.sysv import IPC_NOWAIT
from ipcctl.model.detail import Message
from ipcctl.model.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

SHM_RDONLY = 0o10000
_FAILED = ctypes.c_void_p(-1).value
_TYPE = struct.Struct("=q")


class Attachment(NamedTuple):
    """An attached segment."""

    view: memoryview  # its bytes, nothing copied; no slice may be used after the block
    file: int | None  # a descriptor of the same memory; None = no right (CAP_CHECKPOINT_RESTORE) or none to be had


@contextlib.contextmanager
def attached(shmid: int, size: int, *, write: bool = False) -> Iterator[Attachment]:
    """The *size* bytes of a segment (shmat(2)): read-only unless *write*.

    Attaching and detaching set its atime, dtime and lpid. Reading a hole through the view makes the kernel allocate
    the page; reading the file does not, and the file tells where the holes are (proc_pid_map_files(5)).
    """
    libc = _libc()
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(shmid, None, 0 if write else SHM_RDONLY)
    if address == _FAILED:
        raise _last_error(f"shm:{shmid}")
    whole = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
    view = whole if write else whole.toreadonly()
    file = None
    try:
        file = _file_behind(address, size, os.O_RDWR if write else os.O_RDONLY)
        yield Attachment(view, file)
    finally:
        if file is not None:
            os.close(file)
        view.release()
        whole.release()
        libc.shmdt(ctypes.c_void_p(address))


def _file_behind(address: int, size: int, flags: int) -> int | None:
    page = os.sysconf("SC_PAGE_SIZE")
    end = address + -(-size // page) * page
    with contextlib.suppress(OSError):  # huge pages end elsewhere: the view does
        return os.open(f"/proc/self/map_files/{address:x}-{end:x}", flags | os.O_CLOEXEC)
    return None


def open_file(directory: int, kind: str, name: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a POSIX object; never waits. Holes of memory are found with SEEK_DATA (lseek(2))."""
    try:
        safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(file_name(kind, name), flags | safe, dir_fd=directory)
    except OSError as error:
        error.filename = str(Ref(kind, name=name))
        raise


def send(msqid: int, message: Message) -> None:
    """Append a message (msgsnd(2)), never waiting. Raises OSError: EAGAIN when the queue is full."""
    payload = message.payload
    buffer = _TYPE.pack(message.type) + payload
    if _libc().msgsnd(msqid, buffer, ctypes.c_size_t(len(payload)), IPC_NOWAIT) < 0:
        raise _last_error(f"msg:{msqid}")


def receive_posix(queue: int, msgsize: int, ref: str) -> Message | None:
    """Take the oldest message of the highest priority (mq_receive(3)); ``type`` is its priority; None = empty.

    *queue* is a descriptor of :func:`open_file`. Raises OSError named *ref*.
    """
    buffer = ctypes.create_string_buffer(msgsize)
    priority = ctypes.c_uint()
    mq_receive = _libc().mq_receive
    mq_receive.restype = ctypes.c_ssize_t
    length = mq_receive(queue, buffer, ctypes.c_size_t(msgsize), ctypes.byref(priority))
    if length < 0:
        if ctypes.get_errno() == errno.EAGAIN:
            return None
        raise _last_error(ref)
    return Message(priority.value, buffer.raw[:length])


def send_posix(queue: int, message: Message, ref: str) -> None:
    """Append a message behind those of its priority (mq_send(3)). Raises OSError: EAGAIN when the queue is full."""
    size = ctypes.c_size_t(len(message.payload))
    if _libc().mq_send(queue, message.payload, size, ctypes.c_uint(message.type)) < 0:
        raise _last_error(ref)


def _libc() -> ctypes.CDLL:
    """The C library; before glibc 2.34 the POSIX calls are in librt, which also leads to all the others."""
    try:
        return ctypes.CDLL("librt.so.1", use_errno=True)
    except OSError:
        return ctypes.CDLL(None, use_errno=True)


def _last_error(ref: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), ref)
