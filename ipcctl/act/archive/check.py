"""Reading a saved object's file from end to end, before anything is made from it."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from typing import TYPE_CHECKING, Any

from ipcctl.act.archive.container import DATA, MESSAGE, VALUES, Record, Source
from ipcctl.errors import BadArchive
from ipcctl.model.archive import Archived, Content
from ipcctl.model.detail import Message
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = "name files that ipcctl save wrote"
_INT_MAX = 2**31 - 1
_TYPE_MAX = 2**63 - 1
_PRIORITIES = 32768
_SEMVMX = 32767


@contextlib.contextmanager
def opened(path: str) -> Iterator[Source]:
    """The container at *path*. Raises BadArchive, also where the file cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadArchive(f"{path}: {error.strerror}", hint=_OURS) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadArchive(f"{path}: no regular file", hint=_OURS)
        yield Source(descriptor, path)
    except OSError as error:
        if error.filename is not None:
            raise
        raise BadArchive(f"{path}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def check_archive(path: str, peek: int = 0) -> Archived:
    """What is in the file at *path*, all of it read and found right. Raises BadArchive.

    *peek*: keep so many messages.
    """
    with opened(path) as source:
        content = Content()
        peeked: list[Message] = []
        for record, content in contents(source):  # noqa: B007  the last one
            if record.tag == MESSAGE and len(peeked) < peek:
                peeked.append(Message(record.argument, bytes(record.payload)))
        return Archived(path, source.header, content, tuple(peeked) if peek else None)


def expect(path: str, *, replacing: bool) -> Archived:
    """What is to be made from the file at *path*, as far as it must be known before. Raises BadArchive.

    The content of a segment is not read: it is checked while the segment is filled, which may then go again. Unless
    it is *replacing* one with the same key, which has to go first.
    """
    with opened(path) as source:
        item: Any = source.header.object
        if item.kind == PSHM or (item.kind == SHM and not replacing):
            return Archived(path, source.header, Content(bytes=min(item.size, source.most_data)))
    return check_archive(path)


def contents(source: Source) -> Iterator[tuple[Record, Content]]:
    """Each record, and what there was until then with it. All is right when all were asked for. Raises BadArchive."""
    item: Any = source.header.object
    content = Content()
    fits = _FITS[item.kind]
    for record in source.records():
        more = fits(item, content, record)
        if more is None:
            raise BadArchive(f"{source.path}: altered: it holds what a {item.kind} cannot")
        content = more
        yield record, content
    if len(content.values) != _VALUES.get(item.kind, lambda _: 0)(item):
        raise BadArchive(f"{source.path}: altered: it does not hold the value of each semaphore")


def _segment(item: Any, content: Content, record: Record) -> Content | None:  # noqa: ANN401
    size = len(record.payload)
    if record.tag != DATA or not 0 <= record.argument <= item.size - size:
        return None
    return content._replace(bytes=content.bytes + size)


def _message(lowest: int, highest: int, size: Callable[[Any], int]) -> Callable[[Any, Content, Record], Content | None]:
    def fits(item: Any, content: Content, record: Record) -> Content | None:  # noqa: ANN401
        length = len(record.payload)
        if record.tag != MESSAGE or not lowest <= record.argument <= highest or length > size(item):
            return None
        return content._replace(
            messages=content.messages + 1,
            message_bytes=content.message_bytes + length,
            largest_message=max(content.largest_message, length),
        )

    return fits


def _values(form: str, highest: int) -> Callable[[Any, Content, Record], Content | None]:
    def fits(_: Any, content: Content, record: Record) -> Content | None:  # noqa: ANN401
        if record.tag != VALUES or content.values or len(record.payload) != record.argument * struct.calcsize(form):
            return None
        values = tuple(value for (value,) in struct.iter_unpack(f"<{form}", record.payload))
        return content._replace(values=values) if max(values, default=0) <= highest else None

    return fits


_FITS: dict[str, Callable[[Any, Content, Record], Content | None]] = {
    SHM: _segment,
    PSHM: _segment,
    SEM: _values("H", _SEMVMX),
    PSEM: _values("I", _INT_MAX),
    MSG: _message(1, _TYPE_MAX, lambda _: _INT_MAX),
    PMSG: _message(0, _PRIORITIES - 1, lambda item: item.msgsize or 0),
}
_VALUES: dict[str, Callable[[Any], int]] = {SEM: lambda item: item.nsems, PSEM: lambda _: 1}
