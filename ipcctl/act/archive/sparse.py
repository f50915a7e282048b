"""Segments as records: what is not zero, in pieces; and back."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ipcctl.act.archive.container import CHUNK, DATA
from ipcctl.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipcctl.act.archive.container import Sink

_PAGE = 4096  # the unit of zeros; a larger page of the kernel is a multiple of it
_ZERO_PAGE = bytes(_PAGE)
_ZERO_CHUNK = bytes(CHUNK)


def store_file(sink: Sink, file: int, size: int, check: Callable[[], None]) -> None:
    """Store the first *size* bytes of *file*; its holes are not read. *check* is called before each piece."""

    def fill(space: memoryview, offset: int) -> None:
        while space:
            got = os.preadv(file, [space], offset)
            if not got:
                raise Refused("it shrank while it was being saved")
            space, offset = space[got:], offset + got

    _store(sink, _extents(file, size), fill, check)


def store_view(sink: Sink, view: memoryview, check: Callable[[], None]) -> None:
    """Store the bytes of an attached segment."""

    def fill(space: memoryview, offset: int) -> None:
        space[:] = view[offset : offset + len(space)]

    _store(sink, [(0, len(view))], fill, check)


def _store(
    sink: Sink,
    extents: Iterator[tuple[int, int]] | list[tuple[int, int]],
    fill: Callable[[memoryview, int], None],
    check: Callable[[], None],
) -> None:
    """Copy first: others may write while a piece is summed and written. Two buffers: one is being written."""
    buffers = bytearray(CHUNK), bytearray(CHUNK)
    turn = 0
    for start, end in extents:
        for offset in range(start, end, CHUNK):
            check()
            buffer, length = buffers[turn], min(CHUNK, end - offset)
            view = memoryview(buffer)[:length]
            fill(view, offset)
            if buffer.startswith(_ZERO_CHUNK[:length] if length < CHUNK else _ZERO_CHUNK):
                continue
            turn = 1 - turn
            for first, last in _runs(buffer, length):
                sink.put(DATA, offset + first, view[first:last])
            view.release()


def _runs(buffer: bytearray, length: int) -> Iterator[tuple[int, int]]:
    """Where the pages are that are not zero, neighbours together."""
    begin = 0
    for number, first in enumerate(buffer[:length:_PAGE]):
        if first:  # seen without looking at the rest
            continue
        page = number * _PAGE
        end = min(page + _PAGE, length)
        if buffer.startswith(_ZERO_PAGE[: end - page], page):
            if begin < page:
                yield begin, page
            begin = end
    if begin < length:
        yield begin, length


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    position = 0
    while position < size:
        try:
            start = os.lseek(file, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        position = min(os.lseek(file, start, os.SEEK_HOLE), size)
        if start < position:
            yield start, position
