"""The table of numbers that every /proc/sysvipc file is (proc_sysvipc(5)), by columns.

Columns are found by the words of the heading: newer kernels append some, older ones lack rss and swap. Loads nothing:
drop-in commands start with it.
"""

from __future__ import annotations

from ipcctl.errors import ParseError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Column = Sequence[int | None]  # one value per row

_OPTIONAL = frozenset({"rss", "swap"})
_OCTAL = "perms"
_KEY = "key"
_END = ";"
_SAMPLE = 256  # cells that tell whether a column holds many different words
_QUOTED = 120  # characters of a bad line that an error shows
_PYTHONIC = "_+oO"  # int() takes 1_0, +1 and 0o17; the kernel prints no such thing


def parse_columns(text: str, fields: Iterable[str], source: str) -> tuple[int, list[Column]]:
    """How many rows there are, and the columns *fields* (words of the heading), in kernel order.

    Keys are 32 bits, unsigned. A column that this kernel does not have is all None (rss and swap). The shape of every
    row is checked, and every number of the columns asked for. Raises ParseError, which quotes what is wrong.
    """
    heading, newline, body = text.partition("\n")
    words = heading.split()
    if not words:
        message = f"{source}: empty: not even a heading line"
        raise ParseError(message, hint="this container or kernel serves no usable /proc/sysvipc")
    places = [_place(words, field, source) for field in fields]
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
    columns: list[Column] = []
    for place in places:
        if place is None:
            columns.append((None,) * count)
            continue
        column, field = cells[place :: width + 1], words[place]
        try:
            numbers = _strict_numbers(column, _base(field)) if doubtful else _numbers(column, _base(field))
        except ValueError:
            raise _no_number(field, column, body, source) from None
        columns.append(_unsigned(numbers) if field == _KEY else numbers)
    return count, columns


def _base(field: str) -> int:
    return 8 if field == _OCTAL else 10


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
    sample = column[:: len(column) // _SAMPLE + 1]
    if base == 10 and len(set(sample)) * 4 > len(sample):  # noqa: PLR2004  the base int() is fast in
        return list(map(int, column))
    values = {word: int(word, base) for word in set(column)}
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
    for number, word in enumerate(column, 2):  # noqa: B007  the bad line's number, after the loop
        try:
            _strict_numbers((word,), _base(field))
        except ValueError:
            break
    line = body.split("\n")[number - 2]
    return ParseError(f"{source}: line {number}: {field} is no number: {word[:_QUOTED]!r} in {line[:_QUOTED]!r}")
