"""POSIX message queues: the files of an mqueue file system, mounted or not (mq_overview(7))."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from ipcctl.errors import MqueueNotMounted, ParseError
from ipcctl.kernel.files import read_text
from ipcctl.model.objects import PosixQueue
from ipcctl.model.snapshot import Gap
from ipcctl.model.words import count
from ipcctl.parse.mountinfo import mount_points
from ipcctl.parse.mqueue import parse_queue_status

if TYPE_CHECKING:
    import ctypes

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_QUEUE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_STATUS_BYTES = 256
_ASKED = 8  # queues tried before a mount counts as this namespace's
# fsopen(2), fsconfig(2), fsmount(2): the same numbers on every architecture
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6


def mounted_at(proc: str) -> str | None:
    """The newest mount of an mqueue file system; None = there is none. Raises OSError."""
    points = mount_points(read_text(f"{proc}/self/mountinfo"), "mqueue")
    return points[-1] if points else None


def open_directory(mount: str | None, proc: str) -> int:
    """A descriptor of the directory of queues.

    *mount* names it; None = find the newest mount in mountinfo that shows this IPC namespace, and where there is none
    make one that stays detached from the mount table (root only). Raises MqueueNotMounted, OSError.
    """
    if mount is not None:
        return os.open(mount, _DIRECTORY)
    foreign = ""
    for point in reversed(mount_points(read_text(f"{proc}/self/mountinfo"), "mqueue")):
        try:
            directory = os.open(point, _DIRECTORY)
        except OSError:  # hidden by a later mount, or out of this root: an older one may do
            continue
        if _shows_this_namespace(directory):
            return directory
        os.close(directory)
        foreign = point
    try:
        return _detached_mount()
    except OSError as error:
        what = f"the one at {foreign} shows another IPC namespace" if foreign else "no mqueue file system is mounted"
        why = f"{what} ({error.strerror} when ipcctl tried a mount of its own)"
        raise MqueueNotMounted(why) from error


def _shows_this_namespace(directory: int) -> bool:
    """Whether mq_open(3), which knows no mounts, finds the first queues of *directory* on the same file system.

    A mount keeps showing the namespace it was made in. An empty one cannot be asked, and counts as this one's.
    """
    device = os.fstat(directory).st_dev
    for raw in os.listdir(directory)[:_ASKED]:
        answer = _device_of(os.fsencode(raw))
        if answer is not None and (answer or _exists(raw, directory)):
            return answer == device
    return True


def _device_of(name: bytes) -> int | None:
    """The file system of the queue *name* of this namespace; 0 = there is no such queue, None = no right to ask."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.mq_open(b"/" + name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return 0 if ctypes.get_errno() == errno.ENOENT else None
    try:
        return os.fstat(descriptor).st_dev
    finally:
        os.close(descriptor)


def _exists(raw: str, directory: int) -> bool:
    try:
        os.stat(raw, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:  # removed while we looked: says nothing
        return False
    return True


def _detached_mount() -> int:
    """A directory descriptor of this IPC namespace's mqueue file system; the mount table is not touched."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: object) -> int:
        result: int = libc.syscall(number, *arguments)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), "mqueue")
        return result

    context = call(_FSOPEN, b"mqueue", _FSOPEN_CLOEXEC)
    try:
        call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0)
        mount = call(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)
    try:
        return os.open(".", _DIRECTORY, dir_fd=mount)
    finally:
        os.close(mount)


def list_queues(directory: int, gaps: list[Gap]) -> list[PosixQueue]:
    """Every queue of the file system behind *directory*, by name; what cannot be read becomes a gap."""
    attributes = _Attributes()
    queues = []
    unreadable = 0
    for raw in sorted(os.listdir(directory)):
        try:
            queue = _queue(raw, directory, attributes, gaps)
        except FileNotFoundError:  # removed while we looked
            continue
        if queue is None:
            continue
        queues.append(queue)
        unreadable += queue.qsize is None
    if unreadable:
        gaps.append(Gap("pmsg", f"no right to read the content of {count(unreadable, 'queue')}: the owner or root can"))
    return queues


def _queue(raw: str, directory: int, attributes: _Attributes, gaps: list[Gap]) -> PosixQueue | None:
    try:
        descriptor = os.open(raw, _QUEUE, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EWOULDBLOCK, errno.ELOOP):
            raise
        status = os.stat(raw, dir_fd=directory, follow_symlinks=False)
        return _fact(raw, status) if stat.S_ISREG(status.st_mode) else None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        fact = _fact(raw, status)
        text = os.read(descriptor, _STATUS_BYTES).decode("ascii", "replace")
        try:
            words = parse_queue_status(text, source=fact.ref)
        except ParseError as error:
            gaps.append(Gap(fact.ref, str(error), broken=True))
            return fact
        qnum, maxmsg, msgsize = attributes.of(descriptor)
        return fact._replace(qsize=words.qsize, notify_pid=words.notify_pid, qnum=qnum, maxmsg=maxmsg, msgsize=msgsize)
    finally:
        os.close(descriptor)


def _fact(raw: str, status: os.stat_result) -> PosixQueue:
    return PosixQueue(
        name="/" + os.fsencode(raw).decode("utf-8", "surrogateescape"),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime=int(status.st_mtime),
        ctime=int(status.st_ctime),
        device=status.st_dev,
        inode=status.st_ino,
    )


class _Attributes:
    """mq_getattr(3) on a descriptor: speaks of the very file that was opened, whichever namespace it belongs to."""

    def __init__(self) -> None:
        self._call: tuple[ctypes._NamedFuncPointer, ctypes.Array[ctypes.c_long]] | None = None

    def of(self, descriptor: int) -> tuple[int | None, int | None, int | None]:
        """Messages queued, maxmsg, msgsize; None where the file is no queue (a recorded tree)."""
        import ctypes

        if self._call is None:
            self._call = ctypes.PyDLL(None).mq_getattr, (ctypes.c_long * 8)()
        call, attributes = self._call
        if call(descriptor, attributes):
            return None, None, None
        _, maxmsg, msgsize, curmsgs = attributes[:4]
        return curmsgs, maxmsg, msgsize
