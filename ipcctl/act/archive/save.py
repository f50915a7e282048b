"""Saving: an object's whole content and what it was, into one file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipcctl import __version__
from ipcctl.act.archive.container import Sink
from ipcctl.act.archive.reader import Held, Moving, Reader
from ipcctl.errors import IpcctlError, Refused, reason
from ipcctl.kernel import durable
from ipcctl.kernel.signals import unbroken
from ipcctl.kernel.trust import open_trusted
from ipcctl.model.archive import SUFFIX, Header
from ipcctl.model.kinds import KINDS, MSG
from ipcctl.model.removal import FAILED, SAVED, Outcome
from ipcctl.parse.archive import header_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipcctl.kernel.host import Host

_ATTEMPTS = 3
_LABEL = 100  # characters of a name that go into the name of the file


class Saved(NamedTuple):
    """A file that is complete and durable, while the object is still held."""

    path: str
    changed: Callable[[], str]  # why the object may not be what the file says any more; "" = it is
    left_out: Callable[[], str]  # what of it is only in the file; "" = nothing. To be asked when it is held no more


class Saver:
    """Saves objects of one host into one directory. A context manager: it holds directories open."""

    def __init__(self, host: Host, directory: str, *, drain: bool = False) -> None:
        """*drain*: take the messages of POSIX queues out, and put them back.

        Raises Refused where the directory cannot be used, or must not be, because others could write it.
        """
        self._host = host
        self._path = directory
        self._reader = Reader(host, drain=drain)
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
        os.close(self._directory)
        self._reader.close()

    @property
    def drain(self) -> bool:
        """Whether the messages of POSIX queues are taken out."""
        return self._reader.drain

    def save(self, item: Any) -> Outcome:  # noqa: ANN401  any object
        """Save *item*: SAVED and where, or FAILED and why; with a file if something is only there now."""
        try:
            with self.saving(item) as saved:
                changed = saved.changed()
        except (OSError, IpcctlError) as error:
            return Outcome(item, FAILED, reason(error))
        left_out = saved.left_out()
        return Outcome(item, FAILED if left_out else SAVED, left_out or changed, saved=saved.path)

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
            try:
                with contextlib.ExitStack() as stack:
                    with unbroken():
                        part, descriptor = self._new_part()
                        unless_published = stack.enter_context(contextlib.ExitStack())
                        unless_published.callback(self._unlink, part)
                        stack.callback(os.close, descriptor)
                    sink = Sink(descriptor, self._header(item))
                    stack.callback(sink.close)
                    held = stack.enter_context(self._held(item, sink, opened, check))
                    sink.finish()
                    with unbroken():
                        name = self._publish(part, item)
                        unless_published.pop_all()
                    yield Saved(os.path.join(self._path, os.fsdecode(name)), *held)
            except Moving as error:
                if attempt == _ATTEMPTS - 1:
                    raise Refused(f"it changed {_ATTEMPTS} times while it was being read") from error
            else:
                return

    @contextlib.contextmanager
    def _held(self, item: Any, sink: Sink, opened: int | None, check: Callable[[], None]) -> Iterator[Held]:  # noqa: ANN401
        with contextlib.ExitStack() as stack:
            try:
                held = stack.enter_context(self._reader.holding(item, sink, opened, check))
            except PermissionError as error:
                message = "no right to read its content: its owner or root can"
                raise Refused(message) from error
            yield held

    def _unlink(self, name: bytes) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._directory)

    def _new_part(self) -> tuple[bytes, int]:
        try:
            return durable.new_part(self._directory)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            why = "was removed meanwhile" if gone else f"takes no file: {error.strerror}"
            raise Refused(f"{self._path} {why}") from error

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
            return item._replace(qbytes=self._reader.control.queue_limits([item.msqid])[0])
        return item


def _label(item: Any) -> str:  # noqa: ANN401  any object
    if not KINDS[item.kind].posix:
        return f"0x{item.key:08x}-{item.id}"
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in item.name[1:])[
        :_LABEL
    ]
