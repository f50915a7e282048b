"""The file format of a saved object: what it was, then its content in records, each with a checksum.

    prefix   "<8sHHIQ": magic, format, 0, bytes of the header, bytes of the whole file (0 = never finished)
    header   JSON, see ipcctl.parse.archive
    crc      "<I": CRC-32 of prefix (without the last field) and header
    record   "<4sqQ": tag, argument, bytes of the payload; the payload; "<I": CRC-32 of both, seeded with its number
    ...
    END      argument: how many records came before; then the file ends

Zero pages are not stored. A file cut short is noticed by its length before anything is read; a record changed,
missing or out of place by its checksum.
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.errors import BadArchive, ParseError
from ipcctl.kernel.signals import deafen
from ipcctl.model.archive import FORMAT
from ipcctl.parse.archive import parse_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from ipcctl.model.archive import Header

MAGIC = b"\x89IPCCTL\n"
PREFIX = struct.Struct("<8sHHIQ")
CRC = struct.Struct("<I")
RECORD = struct.Struct("<4sqQ")
CHUNK = 1 << 20  # the most bytes of a segment in one record
DATA, MESSAGE, VALUES, END = b"DATA", b"MESG", b"VALS", b"END."  # argument: offset; type or priority; how many
LARGE = 1 << 17  # bytes whose writing is worth another thread
_HEADER_MAX = 1 << 20
_SUMMED = PREFIX.size - 8  # all but the length of the file, which is known last
_MESSAGE_MAX = 2**31 - 1


class Record(NamedTuple):
    """One piece of content."""

    tag: bytes
    argument: int
    payload: memoryview  # good until the one after the next is asked for


class Sink:
    """Writes the container into an open, empty file: large records beside whoever makes the next one."""

    def __init__(self, descriptor: int, header: str) -> None:
        """Write the prefix and *header*. Raises OSError."""
        self._file = descriptor
        self._count = 0
        self._worker: ThreadPoolExecutor | None = None
        self._writing: Future[int] | None = None
        text = header.encode()
        prefix = PREFIX.pack(MAGIC, FORMAT, 0, len(text), 0)
        self._length = _write(descriptor, prefix, text, CRC.pack(zlib.crc32(text, zlib.crc32(prefix[:_SUMMED]))))

    def put(self, tag: bytes, argument: int, payload: bytes | memoryview = b"") -> None:
        """Append a record. A large *payload* must stay as it is until the next call has come back. Raises OSError."""
        head = RECORD.pack(tag, argument, len(payload))
        trailer = CRC.pack(zlib.crc32(payload, zlib.crc32(head, self._count)))
        self._count += 1
        self._wait()
        if len(payload) < LARGE:
            self._length += _write(self._file, head, payload, trailer)
            return
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, initializer=deafen)
        self._writing = self._worker.submit(_write, self._file, head, payload, trailer)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._length += writing.result()

    def finish(self) -> None:
        """Close the content, and make it durable. Only then does the file count as whole. Raises OSError."""
        self.put(END, self._count)
        os.pwrite(self._file, struct.pack("<Q", self._length), _SUMMED)
        os.fsync(self._file)

    def close(self) -> None:
        """End the worker; the file stays open."""
        if self._worker is not None:
            self._worker.shutdown()


def _write(descriptor: int, *parts: bytes | memoryview) -> int:
    """Write *parts* whole."""
    total = sum(map(len, parts))
    done = os.writev(descriptor, parts)
    if done < total:  # a signal, a full disk: the second call tells which
        rest = memoryview(b"".join(parts))[done:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    return total


class Source:
    """Reads a container. Every refusal is a BadArchive that names the file and the reason."""

    def __init__(self, descriptor: int, path: str) -> None:
        """Read and check the header. Raises BadArchive, OSError."""
        self._file = descriptor
        self.path = path
        self._length: int = os.fstat(descriptor).st_size
        prefix = self._exactly(0, PREFIX.size, "no file of a saved object")
        magic, version, spare, header_bytes, length = PREFIX.unpack(prefix)
        if magic != MAGIC:
            raise self._bad("no file of a saved object", "ipcctl save writes such files")
        if version > FORMAT:
            raise self._bad(f"format {version}, this ipcctl reads up to {FORMAT}", "use the ipcctl that wrote it")
        if length != self._length:
            what = "it was never finished" if not length else f"{self._length} bytes of {length}"
            raise self._bad(f"cut short or altered: {what}")
        if version == 0 or spare or header_bytes > _HEADER_MAX:
            raise self._bad("altered: the first bytes are damaged")
        text = self._exactly(PREFIX.size, header_bytes + CRC.size, "cut short in the header")
        if CRC.unpack(text[header_bytes:])[0] != zlib.crc32(text[:header_bytes], zlib.crc32(prefix[:_SUMMED])):
            raise self._bad("altered: the checksum of the header is wrong")
        try:
            self.header: Header = parse_header(text[:header_bytes].decode(), path)
        except (UnicodeDecodeError, ParseError) as error:
            raise self._bad(f"the header makes no sense: {error}") from error
        self._begin: int = PREFIX.size + header_bytes + CRC.size

    @property
    def most_data(self) -> int:
        """The most bytes of a segment that can be in the file."""
        overhead = RECORD.size + CRC.size
        records = max(0, self._length - self._begin - overhead)  # without END
        return records - -(-records // (CHUNK + overhead)) * overhead

    def records(self) -> Iterator[Record]:
        """The content in order, without END; each was found right. Raises BadArchive, OSError.

        Only when all were asked for has the whole file been right.
        """
        buffers = (memoryview(bytearray(CHUNK + CRC.size)), memoryview(bytearray(CHUNK + CRC.size)))
        position, number = self._begin, 0
        while True:
            head = self._exactly(position, RECORD.size, "cut short between records")
            tag, argument, size = RECORD.unpack(head)
            position += RECORD.size
            if size + CRC.size > self._length - position or size > (CHUNK if tag == DATA else _MESSAGE_MAX):
                raise self._bad(f"altered: record {number} has an impossible size")
            space = buffers[number % 2] if size <= CHUNK else memoryview(bytearray(size + CRC.size))
            self._fill(position, space[: size + CRC.size])
            position += size + CRC.size
            payload = space[:size]
            if CRC.unpack(space[size : size + CRC.size])[0] != zlib.crc32(payload, zlib.crc32(head, number)):
                raise self._bad(f"altered: the checksum of record {number} is wrong")
            if tag == END:
                if argument != number or position != self._length or size:
                    raise self._bad("altered: the end is not as it was written")
                return
            yield Record(tag, argument, payload)
            number += 1

    def _exactly(self, position: int, size: int, why: str) -> bytes:
        got = os.pread(self._file, size, position)
        if len(got) != size:
            raise self._bad(why)
        return got

    def _fill(self, position: int, space: memoryview) -> None:
        while space:
            got = os.preadv(self._file, [space], position)
            if not got:
                raise self._bad("cut short while it was read")
            space, position = space[got:], position + got

    def _bad(self, why: str, hint: str | None = None) -> BadArchive:
        return BadArchive(f"{self.path}: {why}", hint=hint)
