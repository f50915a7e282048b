"""Saving: an object's whole content and what it was, into one file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipcctl import __version__
from ipcctl.act.archive.container import MESSAGE, VALUES, Sink
from ipcctl.act.archive.drain import drained
from ipcctl.act.archive.sparse import store_file, store_view
from ipcctl.errors import IpcctlError, Refused, reason
from ipcctl.kernel import content, devshm, durable, mqueue
from ipcctl.kernel.change import SysvChange
from ipcctl.kernel.trust import open_trusted
from ipcctl.model.archive import SUFFIX, Header
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.removal import FAILED, SAVED, Outcome
from ipcctl.parse.archive import header_text
from ipcctl.parse.devshm import parse_semaphore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipcctl.kernel.host import Host

    Changed = Callable[[], str]

_ATTEMPTS = 3
_LABEL = 100  # characters of a name that go into the name of the file


class Saved(NamedTuple):
    """A file that is complete and durable, while the object is still held."""

    path: str
    changed: Changed  # why the object may not be what the file says any more; "" = it is


class Saver:
    """Saves objects of one host into one directory. A context manager: it holds directories open."""

    def __init__(self, host: Host, directory: str, *, drain: bool = False) -> None:
        """*drain*: take the messages of POSIX queues out, and put them back.

        Raises Refused where the directory cannot be used, or must not be, because others could write it.
        """
        self._host = host
        self._path = directory
        self.drain = drain
        self._sources: dict[str, int] = {}
        self._sysv: SysvChange | None = None
        try:
            self._directory = open_trusted(directory, "save directory", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            hint = "name a directory that exists: mkdir -m 700 DIR"
            raise Refused(f"cannot save into {directory}: {error.strerror}", hint=hint) from error

    def __enter__(self) -> Self:
        """The directory is open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        for descriptor in (self._directory, *self._sources.values()):
            os.close(descriptor)

    def save(self, item: Any) -> Outcome:  # noqa: ANN401  any object
        """Save *item*: SAVED and where, or FAILED and why."""
        try:
            with self.saving(item) as saved:
                return Outcome(item, SAVED, saved.changed(), saved=saved.path)
        except (OSError, IpcctlError) as error:
            return Outcome(item, FAILED, reason(error))

    @contextlib.contextmanager
    def saving(
        self,
        item: Any,  # noqa: ANN401
        opened: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[Saved]:
        """The saved file, while the object is still held: a segment attached, a file open.

        *opened*: a descriptor of a POSIX object whose lease is held. *check* is called now and then and may raise.
        Raises OSError, IpcctlError: then there is no file.
        """
        item = self._complete(item)
        for attempt in range(_ATTEMPTS):
            part, descriptor = durable.new_part(self._directory)
            published = False
            try:
                with contextlib.ExitStack() as stack:
                    stack.callback(os.close, descriptor)
                    sink = Sink(descriptor, self._header(item))
                    stack.callback(sink.close)
                    changed = stack.enter_context(_CONTENT[item.kind](self, item, sink, opened, check))
                    sink.finish()
                    name = self._publish(part, item)
                    published = True
                    yield Saved(os.path.join(self._path, os.fsdecode(name)), changed)
            except _Moving as error:
                if attempt == _ATTEMPTS - 1:
                    raise Refused(f"it changed {_ATTEMPTS} times while it was being read") from error
            else:
                return
            finally:
                if not published:
                    with contextlib.suppress(OSError):
                        os.unlink(part, dir_fd=self._directory)

    def discard(self, saved: Saved) -> None:
        """Take a file back."""
        os.unlink(os.path.basename(os.fsencode(saved.path)), dir_fd=self._directory)

    def _publish(self, part: bytes, item: Any) -> bytes:  # noqa: ANN401
        stem = f"{item.kind}-{_label(item)}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        for number in range(1, 1 << 20):
            name = f"{stem}{f'-{number}' if number > 1 else ''}{SUFFIX}".encode()
            with contextlib.suppress(FileExistsError):
                durable.publish(self._directory, part, name)
                return name
        raise FileExistsError(stem)

    def _header(self, item: Any) -> str:  # noqa: ANN401
        accounts = self._host.accounts
        header = Header(
            item, int(time.time()), os.uname().nodename, accounts.users[item.uid], accounts.groups[item.gid]
        )
        return header_text(header, __version__)

    def _complete(self, item: Any) -> Any:  # noqa: ANN401
        """With the limit of a queue, which listings leave out."""
        if item.kind == MSG and item.qbytes is None:
            return item._replace(qbytes=self.control.queue_limits([item.msqid])[0])
        return item

    @property
    def control(self) -> SysvChange:
        """The System V calls. Raises InterfaceMissing on a relocated /proc."""
        if self._sysv is None:
            self._host.control()
            self._sysv = SysvChange()
        return self._sysv

    def _source(self, kind: str) -> int:
        """The directory that the files of *kind* are in."""
        key = PMSG if kind == PMSG else PSHM
        if key not in self._sources:
            roots = self._host.roots
            self._sources[key] = (
                mqueue.open_directory(roots.mqueue, roots.proc) if key == PMSG else devshm.open_directory(roots.shm)
            )
        return self._sources[key]

    @contextlib.contextmanager
    def _opened(self, item: Any, opened: int | None, flags: int = os.O_RDONLY) -> Iterator[int]:  # noqa: ANN401
        """The very file that was listed. Raises FileNotFoundError if another has its name now."""
        if opened is not None:
            yield opened
            return
        descriptor = content.open_file(self._source(item.kind), item.kind, item.name, flags)
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
    ) -> Iterator[Changed]:
        with content.attached(item.shmid, item.size) as it:
            before = self.control.state(SHM, item.shmid)
            if it.file is None:
                store_view(sink, it.view, check)
            else:
                store_file(sink, it.file, item.size, check)

            def changed() -> str:
                if item.nattch:
                    return f"{item.nattch} attachment(s): who wrote meanwhile is not known"
                return "" if self.control.state(SHM, item.shmid) == before else "attached while it was being saved"

            yield changed

    @contextlib.contextmanager
    def _semaphores(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        _: int | None,
        __: Callable[[], None],
    ) -> Iterator[Changed]:
        values = self.control.values(item.semid)
        sink.put(VALUES, len(values), struct.pack(f"<{len(values)}H", *values))
        yield lambda: "" if self.control.values(item.semid) == values else "its values changed while it was being saved"

    @contextlib.contextmanager
    def _queue(self, item: Any, sink: Sink, _: int | None, __: Callable[[], None]) -> Iterator[Changed]:  # noqa: ANN401
        before = self.control.state(MSG, item.msqid)
        msgmax = max(self._host.sysv_limits().msgmax, item.cbytes)
        summed = 0
        for message in self.control.copies(item.msqid, msgmax):
            sink.put(MESSAGE, message.type, message.payload)
            summed = _sum(message, summed)
        if self.control.state(MSG, item.msqid) != before:
            raise _Moving

        def changed() -> str:
            again = 0
            for message in self.control.copies(item.msqid, msgmax):
                again = _sum(message, again)
            same = self.control.state(MSG, item.msqid) == before and again == summed
            return "" if same else "somebody sent or received while it was being saved"

        yield changed

    @contextlib.contextmanager
    def _posix_segment(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        check: Callable[[], None],
    ) -> Iterator[Changed]:
        with self._opened(item, opened) as file:
            before = os.fstat(file)
            if before.st_size != item.size:
                raise Refused("its size changed since it was listed")
            store_file(sink, file, before.st_size, check)

            def changed() -> str:
                now = os.fstat(file)
                same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
                return "" if same else "written while it was being saved"

            yield changed

    @contextlib.contextmanager
    def _posix_semaphore(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        _: Callable[[], None],
    ) -> Iterator[Changed]:
        with self._opened(item, opened) as file:
            value = parse_semaphore(os.pread(file, 8, 0), item.ref)
            sink.put(VALUES, 1, struct.pack("<I", value))
            yield lambda: "" if parse_semaphore(os.pread(file, 8, 0)) == value else "its value changed meanwhile"

    @contextlib.contextmanager
    def _posix_queue(
        self,
        item: Any,  # noqa: ANN401
        sink: Sink,
        opened: int | None,
        _: Callable[[], None],
    ) -> Iterator[Changed]:
        if item.qnum is None:
            raise PermissionError("no right to read its content: its owner or root can")
        with self._opened(item, opened, os.O_RDWR if self.drain else os.O_RDONLY) as queue:
            if not self.drain:
                if item.qnum:
                    hint = "POSIX messages cannot be read without taking them: --drain"
                    raise Refused(f"it holds {item.qnum} message(s)", hint=hint)
                yield lambda: ""
                return
            with drained(queue, item, keep=opened is not None) as (messages, left):
                for message in messages:
                    sink.put(MESSAGE, message.type, message.payload)
                yield left


class _Moving(Exception):
    """The queue changed while it was being read."""


_CONTENT: dict[str, Any] = {
    SHM: Saver._segment,  # noqa: SLF001  its own
    SEM: Saver._semaphores,  # noqa: SLF001
    MSG: Saver._queue,  # noqa: SLF001
    PSHM: Saver._posix_segment,  # noqa: SLF001
    PSEM: Saver._posix_semaphore,  # noqa: SLF001
    PMSG: Saver._posix_queue,  # noqa: SLF001
}


def _sum(message: Any, start: int) -> int:  # noqa: ANN401  a message
    return zlib.crc32(message.payload, zlib.crc32(b"%d:%d;" % (message.type, len(message.payload)), start))


def _label(item: Any) -> str:  # noqa: ANN401  any object
    if not KINDS[item.kind].posix:
        return f"0x{item.key:08x}-{item.id}"
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in item.name[1:])[
        :_LABEL
    ]
