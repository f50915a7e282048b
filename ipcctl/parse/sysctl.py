"""Single numbers and short rows of numbers under /proc/sys."""

from __future__ import annotations

from ipcctl.errors import ParseError


def parse_numbers(text: str, count: int, source: str) -> tuple[int, ...]:
    """Exactly *count* whole numbers, at most 64 bits. Raises ParseError."""
    words = text.split()
    if len(words) == count and all(word.isascii() and word.isdigit() and len(word) <= 20 for word in words):  # noqa: PLR2004  digits of 2^64
        return tuple(map(int, words))
    message = f"{source}: expected {count} number{'s' * (count > 1)}, found {text[:80]!r}"
    raise ParseError(message)
