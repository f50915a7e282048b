"""How one value of each unit is written: for programs (exact), for people (short), as JSON.

Units: text path number numbers bytes key perms account time seconds percent words flag holders messages, and phrase
(may hold blanks: a last column); for people also short (a number made short already) and bar. None is written ``-``,
in JSON ``null``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ipcctl.model.names import escape, escape_char

Writer = Callable[[Any], str]

RIGHT_ALIGNED = frozenset({"number", "bytes", "seconds", "percent", "short"})
NUMERIC = frozenset({"number", "bytes", "seconds"})
_STEP = 1024
_UNITS = "KMGTPE"


def written(values: Sequence[Any], unit: str, writers: dict[str, Writer]) -> Sequence[str]:
    """Each value by the writer of its unit. Columns are long and hold few distinct values: each is written once."""
    if len(values) > 1 and values.count(values[0]) == len(values):
        return [writers[unit](values[0])] * len(values)
    bulk = _BULK.get(unit) if writers is EXACT else None
    if bulk is not None and None not in values:
        return bulk(values)
    texts = {value: writers[unit](value) for value in set(values)}
    return [texts[value] for value in values]


def widest(texts: Sequence[str]) -> int:
    """The length of the longest of *texts*; 0 for none."""
    if texts and texts.count(texts[0]) == len(texts):
        return len(texts[0])
    return max(map(len, texts), default=0)


def human_bytes(size: int) -> str:
    """Bytes to two or three digits: ``0 512 4.0K 1.5G``, powers of 1024."""
    if size < _STEP:
        return str(size)
    value = float(size)
    for unit in _UNITS:
        value /= _STEP
        if round(value, 1 if value < 9.95 else 0) < _STEP:  # noqa: PLR2004  what prints as 10
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"  # noqa: PLR2004
    return f"{value:.0f}{_UNITS[-1]}"


def human_seconds(seconds: int) -> str:
    """A duration in its largest unit: ``45s 12m 3h 5d 2y``."""
    for length, unit in ((31557600, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def bar(percent: float, width: int = 12) -> str:
    """A bar of *width* characters."""
    full = min(width, round(percent * width / 100))
    return "█" * full + "░" * (width - full)


def utc(when: float) -> str:
    """ISO 8601, UTC, whole seconds: ``2026-11-22T13:22:01Z``."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
    except (OverflowError, ValueError, OSError):  # a clock set beyond the calendar
        return f"@{int(when)}"


def local(when: float) -> str:
    """The local time as people read it: ``2026-11-22 13:22:01``."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    except (OverflowError, ValueError, OSError):
        return f"@{int(when)}"


def key_text(key: int) -> str:
    """A key as everywhere: ``0x0000002a``."""
    return f"0x{key:08x}"


def perms_text(mode: int) -> str:
    """Permission bits, four octal digits."""
    return f"{mode:04o}"


def _word(text: str) -> str:
    """One word for awk: blanks escaped too."""
    text = escape(text) if not text.isprintable() else text
    return "".join(escape_char(char) if char.isspace() else char for char in text) if text else "-"


def are_words(texts: Sequence[str]) -> bool:
    """Whether nothing in *texts* needs escaping: ASCII, printable, no blank, no backslash, no quote."""
    joined = "".join(texts)
    return joined.isascii() and joined.isprintable() and not any(char in joined for char in ' \\"')


def _words(texts: Sequence[str]) -> Sequence[str]:
    return texts if are_words(texts) and "" not in texts else list(map(_word, texts))


def _keys(keys: Sequence[int]) -> Sequence[str]:
    return (" 0x%08x" * len(keys) % tuple(keys)).split()


def _numbers(values: Sequence[int]) -> Sequence[str]:
    return list(map(str, values))


def _printable(text: str) -> str:
    return text if text.isprintable() else escape(text)


def _optional(write: Writer) -> Writer:
    return lambda value: "-" if value is None else write(value)


EXACT: dict[str, Writer] = {
    "text": _optional(_word),
    "path": _optional(_word),
    "number": _optional(str),
    "bytes": _optional(str),
    "key": key_text,
    "perms": perms_text,
    "account": lambda value: _word(str(value)),
    "time": _optional(utc),
    "seconds": _optional(str),
    "percent": _optional("{:.1f}".format),
    "words": lambda words: ",".join(words) or "-",
    "phrase": _optional(_printable),
    "holders": lambda holders: ",".join(f"{pid}/{_word(comm)}/{how}" for pid, comm, _, how in holders) or "-",
    "flag": lambda value: "yes" if value else "no",
    "numbers": lambda numbers: ",".join(map(str, numbers)) or "-",
    "messages": _optional(lambda messages: ",".join(f"{it.type}:{it.payload.hex()}" for it in messages) or "-"),
}
# Whole columns at once, where that is faster and no value is None.
_BULK: dict[str, Callable[[Sequence[Any]], Sequence[str]]] = {
    "text": _words,
    "number": _numbers,
    "bytes": _numbers,
    "key": _keys,
}
SHORT: dict[str, Writer] = {
    **EXACT,
    "text": _optional(_printable),
    "path": _optional(_printable),
    "account": lambda value: _printable(str(value)),
    "bytes": _optional(human_bytes),
    "time": _optional(local),
    "seconds": _optional(human_seconds),
    "percent": _optional("{:.0f}%".format),
    "holders": lambda holders: ", ".join(f"{pid} ({_printable(comm)}) {how}" for pid, comm, _, how in holders) or "-",
    "short": str,
    "bar": lambda percent: "" if percent is None else f"{bar(percent)} {percent:3.0f}%",
}
SHORT_EXACT_BYTES: dict[str, Writer] = {**SHORT, "bytes": _optional(str)}
