"""Making objects that are complete when others can use them, and taking them back when a later step fails.

A POSIX segment gets its name when it is complete; System V objects, named semaphores and queues are made for their
creator alone and get owner and mode when they are complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipcctl.kernel import change, content, creation, devshm, durable
from ipcctl.kernel.signals import unbroken
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.detail import Message

Write = Callable[[memoryview, int], None]  # bytes, and where in the object they go
Send = Callable[["Message"], None]

_PRIVATE = 0o600
_PERMISSIONS = 0o777


def target(item: Any) -> Ref | None:  # noqa: ANN401  any object
    """The key or name of *item*; None = without a key."""
    if KINDS[item.kind].posix:
        return Ref(item.kind, name=item.name)
    return Ref(item.kind, key=item.key) if item.key else None


class Nameless(NamedTuple):
    """A file in the directory of POSIX segments that is not to be seen yet."""

    file: bytes
    inode: int


class Maker:
    """Makes objects on one host, each as the row that it is given says: key or name, sizes, owner, mode.

    A context manager: it holds directories open, and an exception takes back what was made. Every method returns the
    new object's id, or inode, and raises OSError: EEXIST where one has its key or name.
    """

    def __init__(self, host: Host) -> None:
        """Raises InterfaceMissing where the host is a recorded one."""
        host.control()
        self._host = host
        self._control = change.SysvChange()
        self._stack = contextlib.ExitStack()
        self._undo = contextlib.ExitStack()
        self._shm: int | None = None

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Keep what was made, or take it back after an exception."""
        with unbroken():
            if kind is None:
                self.keep()
            self._undo.close()
            self._stack.close()

    def keep(self) -> None:
        """What was made until now stays, whatever happens later."""
        self._undo.pop_all()

    def segment(self, item: Any, fill: Callable[[Write], None] | None, *, huge: int | None = None) -> int:  # noqa: ANN401
        """A System V segment; *fill* writes its content, None = zeros. *huge*: see :func:`creation.create_segment`."""
        with unbroken():
            shmid = creation.create_segment(item.key, item.size, _PRIVATE, huge=huge)
            self._undo.callback(self._remove, SHM, shmid)
        if fill is not None:
            with content.attached(shmid, item.size, write=True) as it:
                fill(partial(_put, it.view) if it.file is None else partial(_write_at, it.file))
        self._finish(item, shmid)
        return shmid

    def semaphores(self, item: Any, values: Sequence[int]) -> int:  # noqa: ANN401
        """A set with *values*, one for each semaphore."""
        with unbroken():
            semid = creation.create_semaphore_set(item.key, item.nsems, _PRIVATE)
            self._undo.callback(self._remove, SEM, semid)
        if any(values):
            self._control.set_values(semid, values)
        self._finish(item, semid)
        return semid

    def queue(self, item: Any, fill: Callable[[Send], None] | None = None, room: int = 0) -> int:  # noqa: ANN401
        """A System V queue; *fill* sends its messages, for which it holds *room* bytes at first."""
        with unbroken():
            msqid = creation.create_queue(item.key, _PRIVATE)
            self._undo.callback(self._remove, MSG, msqid)
        if fill is not None:
            if room > (self._control.queue_limits([msqid])[0] or 0):
                self._control.set(MSG, msqid, qbytes=room)
            fill(partial(content.send, msqid))
        self._finish(item, msqid, qbytes=item.qbytes)
        return msqid

    def posix_segment(self, item: Any, fill: Callable[[Write], None] | None) -> int:  # noqa: ANN401
        """A POSIX segment; *fill* writes its content, None = zeros."""
        return self.named(item, self.nameless(item, fill))

    def nameless(self, item: Any, fill: Callable[[Write], None] | None) -> Nameless:  # noqa: ANN401
        """A POSIX segment that is complete but for its name."""
        directory, aside = self._directory(), durable.private_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with unbroken():
            file = os.open(aside, flags, _PRIVATE, dir_fd=directory)
            self._undo.callback(self._unlink_file, aside)
        try:
            os.ftruncate(file, item.size)
            if fill is not None:
                fill(partial(_write_at, file))
            _own(file, item)
            return Nameless(aside, os.fstat(file).st_ino)
        finally:
            os.close(file)

    def named(self, item: Any, nameless: Nameless) -> int:  # noqa: ANN401
        """Give a segment its name."""
        with unbroken():
            durable.rename_new(self._directory(), nameless.file, devshm.file_name(PSHM, item.name))
            self._undo.callback(self._unlink, PSHM, item.name)
        return nameless.inode

    def posix_semaphore(self, item: Any, value: int) -> int:  # noqa: ANN401
        """A named semaphore with *value*."""
        with unbroken():
            creation.create_posix_semaphore(item.name, value, _PRIVATE)
            self._undo.callback(self._unlink, PSEM, item.name)
        file = content.open_file(self._directory(), PSEM, item.name)
        try:
            _own(file, item)
            return os.fstat(file).st_ino
        finally:
            os.close(file)

    def posix_queue(self, item: Any, fill: Callable[[Send], None] | None = None) -> int:  # noqa: ANN401
        """A POSIX queue; *fill* sends its messages. No mqueue file system need be mounted."""
        with unbroken():
            queue = creation.open_new_posix_queue(item.name, _PRIVATE, item.maxmsg, item.msgsize)
            self._undo.callback(self._unlink_queue, item.name)
        try:
            if fill is not None:
                fill(partial(content.send_posix, queue, ref=item.ref))
            _own(queue, item)
            return os.fstat(queue).st_ino
        finally:
            os.close(queue)

    def _finish(self, item: Any, made: int, *, qbytes: int | None = None) -> None:  # noqa: ANN401
        mode = item.mode & _PERMISSIONS
        self._control.set(item.kind, made, uid=item.uid, gid=item.gid, mode=mode, qbytes=qbytes)

    def _remove(self, kind: str, identifier: int) -> None:
        with contextlib.suppress(OSError):
            self._control.remove(kind, identifier)

    def _unlink(self, kind: str, name: str) -> None:
        self._unlink_file(devshm.file_name(kind, name))

    def _unlink_file(self, file: bytes) -> None:
        with contextlib.suppress(OSError):
            os.unlink(file, dir_fd=self._directory())

    def _unlink_queue(self, name: str) -> None:
        with contextlib.suppress(OSError):
            creation.unlink_posix_queue(name)

    def _directory(self) -> int:
        """Where POSIX segments and named semaphores are."""
        if self._shm is None:
            self._shm = devshm.open_directory(self._host.roots.shm)
            self._stack.callback(os.close, self._shm)
        return self._shm


def why_not(error: OSError, kind: str) -> tuple[str, str]:
    """What the kernel means when it does not make an object of *kind*, and what helps; empty = nothing known does."""
    number = error.errno or 0
    return _WHY.get((kind, number)) or _WHY.get(("", number)) or (error.strerror or str(error), "")


def _own(file: int, item: Any) -> None:  # noqa: ANN401  any POSIX object
    status = os.fstat(file)
    if (status.st_uid, status.st_gid) != (item.uid, item.gid):
        os.fchown(file, item.uid, item.gid)
    os.fchmod(file, item.mode & 0o7777)


def _put(view: memoryview, payload: memoryview, offset: int) -> None:
    view[offset : offset + len(payload)] = payload


def _write_at(file: int, payload: memoryview, offset: int) -> None:
    while payload:
        done = os.pwrite(file, payload, offset)
        payload, offset = payload[done:], offset + done


_WHY = {
    (PMSG, errno.EMFILE): ("RLIMIT_MSGQUEUE is reached", "ulimit -q BYTES, or limits.conf(5): msgqueue"),
    (PMSG, errno.EINVAL): (
        "it is over msg_max or msgsize_max",
        "sysctl -w fs.mqueue.msg_max=N fs.mqueue.msgsize_max=N",
    ),
    (PMSG, errno.ENOSPC): ("queues_max is reached", "sysctl -w fs.mqueue.queues_max=N"),
    (MSG, errno.EPERM): ("it is over msgmnb", "sysctl -w kernel.msgmnb=N"),
    (PSHM, errno.ENOSPC): ("/dev/shm is full", "mount -o remount,size=N /dev/shm"),
    ("", errno.ENOSPC): ("a limit is reached", "ipcctl limits shows which, and how to raise it"),
    ("", errno.EEXIST): ("somebody made an object there meanwhile", "another key or name"),
    ("", errno.EPERM): ("the owner cannot be set", "run as root, or own it yourself"),
    ("", errno.EINVAL): ("the kernel does not take its size or its owner", "a uid must be mapped here"),
}
