"""The content of an object into a sink, while the object is held: a segment attached, a file open, a queue drained."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.act.archive.container import MESSAGE, VALUES
from ipcctl.act.archive.drain import drained
from ipcctl.act.archive.sparse import store_file, store_view
from ipcctl.errors import Refused
from ipcctl.kernel import content, devshm, mqueue
from ipcctl.kernel.change import SysvChange
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.words import count
from ipcctl.parse.devshm import parse_semaphore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipcctl.act.archive.container import Sink
    from ipcctl.kernel.host import Host


def _nothing() -> str:
    return ""


class Held(NamedTuple):
    """An object whose content was read."""

    changed: Callable[[], str] = _nothing  # why it may not be what was read any more; "" = it is
    left_out: Callable[[], str] = _nothing  # what of it is only in the file now; "" = nothing. Good after the block too


class Moving(Exception):
    """The queue changed while it was being read."""


class Reader:
    """Reads the content of one host's objects. It holds directories open until it is closed."""

    def __init__(self, host: Host, *, drain: bool) -> None:
        """*drain*: take the messages of POSIX queues out, and put them back."""
        self._host = host
        self.drain = drain
        self._directories: dict[str, int] = {}
        self._sysv: SysvChange | None = None

    def close(self) -> None:
        """Close what was opened."""
        for descriptor in self._directories.values():
            os.close(descriptor)

    def holding(
        self,
        item: Any,  # noqa: ANN401  any object
        sink: Sink,
        opened: int | None,
        check: Callable[[], None],
    ) -> contextlib.AbstractContextManager[Held]:
        """Put the content of *item* into *sink*, and hold the object until the block ends.

        *opened*: a descriptor of a POSIX object whose lease is held. *check* is called now and then and may raise.
        Raises OSError, IpcctlError, Moving.
        """
        how: contextlib.AbstractContextManager[Held] = _CONTENT[item.kind](self, item, sink, opened, check)
        return how

    @property
    def control(self) -> SysvChange:
        """The System V calls. Raises InterfaceMissing on a relocated /proc."""
        if self._sysv is None:
            self._host.control()
            self._sysv = SysvChange()
        return self._sysv

    def _directory(self, kind: str) -> int:
        """The directory that the files of *kind* are in."""
        key = PMSG if kind == PMSG else PSHM
        if key not in self._directories:
            roots = self._host.roots
            self._directories[key] = (
                mqueue.open_directory(roots.mqueue, roots.proc) if key == PMSG else devshm.open_directory(roots.shm)
            )
        return self._directories[key]

    @contextlib.contextmanager
    def _opened(self, item: Any, opened: int | None, flags: int = os.O_RDONLY) -> Iterator[int]:  # noqa: ANN401
        """The very file that was listed. Raises FileNotFoundError if another has its name now."""
        if opened is not None:
            yield opened
            return
        descriptor = content.open_file(self._directory(item.kind), item.kind, item.name, flags)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (item.device, item.inode):
                raise Refused("another object has its name now")
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _segment(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        _: int | None,
        check: Callable[[], None],
    ) -> Iterator[Held]:
        with content.attached(item.shmid, item.size) as it:
            before = self.control.state(SHM, item.shmid)
            if it.file is None:
                store_view(sink, it.view, check)
            else:
                store_file(sink, it.file, item.size, check)

            def changed() -> str:
                if item.nattch:
                    return f"{count(item.nattch, 'attachment')}: who wrote meanwhile is not known"
                return "" if self.control.state(SHM, item.shmid) == before else "attached while it was being saved"

            yield Held(changed)

    @contextlib.contextmanager
    def _semaphores(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        _: int | None,
        __: Callable[[], None],
    ) -> Iterator[Held]:
        values = self.control.values(item.semid)
        sink.put(VALUES, len(values), struct.pack(f"<{len(values)}H", *values))

        def changed() -> str:
            return "" if self.control.values(item.semid) == values else "its values changed while it was being saved"

        yield Held(changed)

    @contextlib.contextmanager
    def _queue(self, item: Any, sink: Sink, _: int | None, __: Callable[[], None]) -> Iterator[Held]:  # noqa: ANN401
        before = self.control.state(MSG, item.msqid)
        msgmax = max(self._host.sysv_limits().msgmax, item.cbytes)
        summed = 0
        for message in self.control.copies(item.msqid, msgmax):
            sink.put(MESSAGE, message.type, message.payload)
            summed = _sum(message, summed)
        if self.control.state(MSG, item.msqid) != before:
            raise Moving

        def changed() -> str:
            again = 0
            for message in self.control.copies(item.msqid, msgmax):
                again = _sum(message, again)
            same = self.control.state(MSG, item.msqid) == before and again == summed
            return "" if same else "somebody sent or received while it was being saved"

        yield Held(changed)

    @contextlib.contextmanager
    def _posix_segment(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        check: Callable[[], None],
    ) -> Iterator[Held]:
        with self._opened(item, opened) as file:
            before = os.fstat(file)
            if before.st_size != item.size:
                raise Refused("its size changed since it was listed")
            store_file(sink, file, before.st_size, check)

            def changed() -> str:
                now = os.fstat(file)
                same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
                return "" if same else "written while it was being saved"

            yield Held(changed)

    @contextlib.contextmanager
    def _posix_semaphore(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        _: Callable[[], None],
    ) -> Iterator[Held]:
        with self._opened(item, opened) as file:
            value = parse_semaphore(os.pread(file, 8, 0), item.ref)
            sink.put(VALUES, 1, struct.pack("<I", value))

            def changed() -> str:
                return "" if parse_semaphore(os.pread(file, 8, 0)) == value else "its value changed meanwhile"

            yield Held(changed)

    @contextlib.contextmanager
    def _posix_queue(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        _: Callable[[], None],
    ) -> Iterator[Held]:
        if item.qnum is None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), item.ref)
        with self._opened(item, opened, os.O_RDWR if self.drain else os.O_RDONLY) as queue:
            if not self.drain:
                if item.qnum:
                    hint = "POSIX messages cannot be read without taking them: --drain"
                    raise Refused(f"it holds {count(item.qnum, 'message')}", hint=hint)
                yield Held()
                return
            with drained(queue, item, keep=opened is not None) as it:
                for message in it.messages():
                    sink.put(MESSAGE, message.type, message.payload)
                yield Held(left_out=it.left_out)


_CONTENT: dict[str, Any] = {
    SHM: Reader._segment,  # noqa: SLF001  its own
    SEM: Reader._semaphores,  # noqa: SLF001
    MSG: Reader._queue,  # noqa: SLF001
    PSHM: Reader._posix_segment,  # noqa: SLF001
    PSEM: Reader._posix_semaphore,  # noqa: SLF001
    PMSG: Reader._posix_queue,  # noqa: SLF001
}


def _sum(message: Any, start: int) -> int:  # noqa: ANN401  a message
    return zlib.crc32(message.payload, zlib.crc32(b"%d:%d;" % (message.type, len(message.payload)), start))
