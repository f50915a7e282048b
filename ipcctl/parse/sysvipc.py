"""/proc/sysvipc/{shm,sem,msg}: the System V objects of the reader's IPC namespace (proc_sysvipc(5)).

Columns are found by the words of the heading: newer kernels append some, older ones lack rss and swap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from ipcctl.errors import ParseError
from ipcctl.model.objects import MessageQueue, Segment, SemaphoreSet

Row = TypeVar("Row", Segment, SemaphoreSet, MessageQueue)
Column = Sequence[int | None]  # one value per row

_OPTIONAL = frozenset({"rss", "swap"})
_END = ";"
_QUOTED = 120  # characters of a bad line that an error shows
_PYTHONIC = "_+oO"  # int() takes 1_0, +1 and 0o17; the kernel prints no such thing


def parse_shm(text: str, source: str = "/proc/sysvipc/shm") -> list[Segment]:
    """Segments in kernel order; kernel: sysvipc_shm_proc_show(). Raises ParseError."""
    return _rows(text, source, Segment, Segment._fields)


def parse_sem(text: str, source: str = "/proc/sysvipc/sem") -> list[SemaphoreSet]:
    """Semaphore sets in kernel order; kernel: sysvipc_sem_proc_show(). Raises ParseError."""
    return _rows(text, source, SemaphoreSet, SemaphoreSet._fields)


def parse_msg(text: str, source: str = "/proc/sysvipc/msg") -> list[MessageQueue]:
    """Queues in kernel order, qbytes None; kernel: sysvipc_msg_proc_show(). Raises ParseError."""
    return _rows(text, source, MessageQueue, MessageQueue._fields[:-1], (None,))


def _rows(text: str, source: str, row: type[Row], fields: tuple[str, ...], rest: tuple[None, ...] = ()) -> list[Row]:
    heading, newline, body = text.partition("\n")
    words = heading.split()
    if not words:
        message = f"{source}: empty: not even a heading line"
        raise ParseError(message, hint="this container or kernel serves no usable /proc/sysvipc")
    places = [_place(words, "perms" if field == "mode" else field, source) for field in fields]
    if not newline or (body and not body.endswith("\n")):
        message = f"{source}: ends in the middle of a line: {text[-_QUOTED:].splitlines()[-1]!r}"
        raise ParseError(message)
    # One split of the whole text is twice as fast as one per line; an end mark per line keeps the check exact.
    width = len(words)
    cells = body.replace("\n", f" {_END}\n").split()
    count = body.count("\n")
    if len(cells) != count * (width + 1) or cells[width :: width + 1].count(_END) != count:
        raise _uneven(body, width, source)
    doubtful = not body.isascii() or any(mark in body for mark in _PYTHONIC)
    picked: list[Column] = []
    for field, place in zip(fields, places, strict=True):
        if place is None:
            picked.append((None,) * count)
            continue
        column = cells[place :: width + 1]
        base = 8 if field == "mode" else 10
        try:
            numbers = _strict_numbers(column, base) if doubtful else _numbers(column, base)
        except ValueError:
            raise _no_number(field, column, body, source) from None
        picked.append(_unsigned(numbers) if field == "key" else numbers)
    picked += [(value,) * count for value in rest]
    make: Callable[[Iterable[int | None]], Row] = partial(tuple.__new__, row)
    return list(map(make, zip(*picked, strict=True)))


def _place(words: list[str], word: str, source: str) -> int | None:
    if word in words:
        return words.index(word)
    if word in _OPTIONAL:
        return None
    message = f"{source}: no column {word!r} in the heading {' '.join(words)[:_QUOTED]!r}"
    raise ParseError(message)


def _numbers(column: list[str], base: int) -> Sequence[int]:
    """The numbers of one column. Most columns hold few distinct words: each is converted once."""
    if not column:
        return ()
    if column.count(column[0]) == len(column):
        return (int(column[0], base),) * len(column)
    distinct = set(column)
    if base == 10 and len(distinct) * 4 > len(column):  # noqa: PLR2004  the base int() is fast in
        return list(map(int, column))
    values = {word: int(word, base) for word in distinct}
    return [values[word] for word in column]


def _strict_numbers(column: Sequence[str], base: int) -> Sequence[int]:
    """The numbers of one column, none of them in a form that only Python knows. Raises ValueError."""
    for word in column:
        if not word.isascii() or set(word) & set(_PYTHONIC):
            raise ValueError(word)
    return [int(word, base) for word in column]


def _unsigned(keys: Sequence[int]) -> Sequence[int]:
    """The kernel prints keys signed."""
    return [key & 0xFFFFFFFF for key in keys] if min(keys, default=0) < 0 else keys


def _uneven(body: str, width: int, source: str) -> ParseError:
    for number, line in enumerate(body.split("\n"), 2):  # noqa: B007  the bad line's number, after the loop
        fields = line.split()
        if len(fields) != width or _END in fields:
            break
    return ParseError(
        f"{source}: line {number}: {len(fields)} fields where the heading has {width}: {line[:_QUOTED]!r}"
    )


def _no_number(field: str, column: list[str], body: str, source: str) -> ParseError:
    base = 8 if field == "mode" else 10
    for number, word in enumerate(column, 2):  # noqa: B007  the bad line's number, after the loop
        try:
            _strict_numbers((word,), base)
        except ValueError:
            break
    line = body.split("\n")[number - 2]
    name = "perms" if field == "mode" else field
    return ParseError(f"{source}: line {number}: {name} is no number: {word[:_QUOTED]!r} in {line[:_QUOTED]!r}")
