"""Restoring: objects made again from their files. All of them, or none.

Everything is checked before the first is made: files, keys and names, rights, limits. What was made is taken back when
a later step fails. A POSIX segment gets its name when it is complete; System V objects and queues are made for the
restoring user alone and get owner and mode when they are complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipcctl.act.archive.check import opened
from ipcctl.errors import IpcctlError, Refused
from ipcctl.kernel import change, content, creation, devshm, durable, mqueue
from ipcctl.model.detail import Message
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.objects import SHM_HUGETLB, SHM_LOCKED
from ipcctl.model.ref import Ref
from ipcctl.model.removal import RESTORED, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.archive import Archived

_PRIVATE = 0o600
_PERMISSIONS = 0o777


class Wanted(NamedTuple):
    """An object to be made."""

    archived: Archived
    object: Any  # as it is to be: key or name, owner

    @property
    def ref(self) -> Ref | None:
        """Its key or name; None = without a key."""
        return target(self.object)


def target(item: Any) -> Ref | None:  # noqa: ANN401  any object
    """The key or name of *item*; None = without a key."""
    if KINDS[item.kind].posix:
        return Ref(item.kind, name=item.name)
    return Ref(item.kind, key=item.key) if item.key else None


class Restorer:
    """Makes objects on one host. A context manager: it holds directories open; an exception takes all back."""

    def __init__(self, host: Host) -> None:
        """Raises InterfaceMissing where the host is a recorded one."""
        host.control()
        self._host = host
        self._control = change.SysvChange()
        self._stack = contextlib.ExitStack()
        self._undo = contextlib.ExitStack()
        self._directories: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Keep what was made, or take it back after an exception."""
        if kind is None:
            self._undo.pop_all()
        self._undo.close()
        self._stack.close()

    def restore(self, wanted: Wanted) -> int:
        """Make one object; its id, or inode. Raises Refused, BadArchive: what was made until then goes again."""
        try:
            return _MAKE[wanted.object.kind](self, wanted)
        except OSError as error:
            if isinstance(error, IpcctlError):
                raise
            raise _explained(error, wanted.object) from error

    def outcomes(self, made: Sequence[tuple[Wanted, int]]) -> list[Outcome]:
        """What was made, as it is now."""
        kinds = list(dict.fromkeys(wanted.object.kind for wanted, _ in made))
        seen: dict[str, list[Any]] = {**self._host.snapshot(kinds).objects}
        rows = {
            (kind, item.inode if KINDS[kind].posix else item.id): item for kind, items in seen.items() for item in items
        }
        return [
            Outcome(rows.get((w.object.kind, which), w.object), RESTORED, lost(w, os.geteuid()), saved=w.archived.path)
            for w, which in made
        ]

    def _segment(self, wanted: Wanted) -> int:
        item = wanted.object
        shmid = creation.create_segment(item.key, item.size, _PRIVATE)
        self._undo.callback(self._remove, SHM, shmid)
        with content.attached(shmid, item.size, write=True) as it:
            for record in self._records(wanted):
                if it.file is None:
                    it.view[record.argument : record.argument + len(record.payload)] = record.payload
                else:
                    _write_at(it.file, record.payload, record.argument)
        self._finish(wanted, shmid)
        return shmid

    def _semaphores(self, wanted: Wanted) -> int:
        item = wanted.object
        semid = creation.create_semaphore_set(item.key, item.nsems, _PRIVATE)
        self._undo.callback(self._remove, SEM, semid)
        self._control.set_values(semid, wanted.archived.content.values)
        self._finish(wanted, semid)
        return semid

    def _queue(self, wanted: Wanted) -> int:
        item, held = wanted.object, wanted.archived.content
        msqid = creation.create_queue(item.key, _PRIVATE)
        self._undo.callback(self._remove, MSG, msqid)
        room = max(item.qbytes or 0, held.message_bytes, held.messages)
        if room > (self._control.queue_limits([msqid])[0] or 0):
            self._control.set(MSG, msqid, qbytes=room)
        for record in self._records(wanted):
            content.send(msqid, Message(record.argument, bytes(record.payload)))
        self._finish(wanted, msqid, qbytes=item.qbytes)
        return msqid

    def _posix_segment(self, wanted: Wanted) -> int:
        item = wanted.object
        directory, aside = self._directory(PSHM), durable.private_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(aside, flags, _PRIVATE, dir_fd=directory)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, file)
            temporary = stack.enter_context(contextlib.ExitStack())
            temporary.callback(os.unlink, aside, dir_fd=directory)
            os.ftruncate(file, item.size)
            for record in self._records(wanted):
                _write_at(file, record.payload, record.argument)
            _own(file, item)
            durable.rename_new(directory, aside, devshm.file_name(PSHM, item.name))
            temporary.pop_all()
            self._undo.callback(self._unlink, PSHM, item.name)
            return os.fstat(file).st_ino

    def _posix_semaphore(self, wanted: Wanted) -> int:
        item = wanted.object
        (value,) = wanted.archived.content.values
        creation.create_posix_semaphore(item.name, value, _PRIVATE)
        self._undo.callback(self._unlink, PSEM, item.name)
        return self._finish_file(wanted)

    def _posix_queue(self, wanted: Wanted) -> int:
        item = wanted.object
        directory = self._directory(PMSG)
        creation.create_posix_queue(item.name, _PRIVATE, item.maxmsg, item.msgsize)
        self._undo.callback(self._unlink, PMSG, item.name)
        queue = content.open_file(directory, PMSG, item.name, os.O_WRONLY)
        try:
            for record in self._records(wanted):
                content.send_posix(queue, Message(record.argument, bytes(record.payload)), item.ref)
        finally:
            os.close(queue)
        return self._finish_file(wanted)

    def _records(self, wanted: Wanted) -> Any:  # noqa: ANN401  an iterator of records
        with opened(wanted.archived.path) as source:
            if source.header != wanted.archived.header:
                raise Refused(f"{wanted.archived.path}: another file has this name now")
            yield from source.records()

    def _finish(self, wanted: Wanted, made: int, *, qbytes: int | None = None) -> None:
        item = wanted.object
        mode = item.mode & _PERMISSIONS
        self._control.set(item.kind, made, uid=item.uid, gid=item.gid, mode=mode, qbytes=qbytes)

    def _finish_file(self, wanted: Wanted) -> int:
        item = wanted.object
        file = content.open_file(self._directory(item.kind), item.kind, item.name)
        try:
            _own(file, item)
            return os.fstat(file).st_ino
        finally:
            os.close(file)

    def _remove(self, kind: str, identifier: int) -> None:
        with contextlib.suppress(OSError):
            self._control.remove(kind, identifier)

    def _unlink(self, kind: str, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(devshm.file_name(kind, name), dir_fd=self._directory(kind))

    def _directory(self, kind: str) -> int:
        key = PMSG if kind == PMSG else PSHM
        if key not in self._directories:
            roots = self._host.roots
            opened_now = (
                mqueue.open_directory(roots.mqueue, roots.proc) if key == PMSG else devshm.open_directory(roots.shm)
            )
            self._directories[key] = opened_now
            self._stack.callback(os.close, opened_now)
        return self._directories[key]


_MAKE: dict[str, Callable[[Restorer, Wanted], int]] = {
    SHM: Restorer._segment,  # noqa: SLF001  its own
    SEM: Restorer._semaphores,  # noqa: SLF001
    MSG: Restorer._queue,  # noqa: SLF001
    PSHM: Restorer._posix_segment,  # noqa: SLF001
    PSEM: Restorer._posix_semaphore,  # noqa: SLF001
    PMSG: Restorer._posix_queue,  # noqa: SLF001
}


def lost(wanted: Wanted, creator: int) -> str:
    """What of the object did not come back."""
    was: Any = wanted.archived.object
    words = ["times"]
    if not KINDS[was.kind].posix:
        words = [f"id {was.id}", "times", "process ids"]
        if was.cuid != creator:
            words.append(f"creator uid {was.cuid}")
        flags = was.mode if was.kind == SHM else 0
        words += [word for word, bit in (("lock", SHM_LOCKED), ("huge pages", SHM_HUGETLB)) if flags & bit]
    if was.uid != wanted.object.uid:
        words.append(f"owner uid {was.uid}")
    return f"new: {', '.join(words)}"


def _own(file: int, item: Any) -> None:  # noqa: ANN401  any POSIX object
    status = os.fstat(file)
    if (status.st_uid, status.st_gid) != (item.uid, item.gid):
        os.fchown(file, item.uid, item.gid)
    os.fchmod(file, item.mode & 0o7777)


def _write_at(file: int, payload: memoryview, offset: int) -> None:
    while payload:
        done = os.pwrite(file, payload, offset)
        payload, offset = payload[done:], offset + done


def _explained(error: OSError, item: Any) -> Refused:  # noqa: ANN401  any object
    number = error.errno or 0
    why, hint = _WHY.get((item.kind, number)) or _WHY.get(("", number)) or (error.strerror or str(error), "")
    ref = target(item) or item.kind
    return Refused(f"cannot restore {ref}: {why}; nothing was restored", hint=hint or None)


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
    ("", errno.EEXIST): ("somebody made an object there meanwhile", "--replace, or another key or name"),
    ("", errno.EPERM): ("the owner cannot be set", "run as root, or own it yourself: --own"),
    ("", errno.EINVAL): ("the kernel does not take its size or its owner", "--own, if its uid is not mapped here"),
}
