"""Keys of System V objects as people write them: 0x and hex digits, 32 bits."""

from __future__ import annotations

KEY_MAX = 2**32 - 1
_DIGITS = frozenset("0123456789abcdefABCDEF")


def key_number(text: str) -> int | None:
    """The number behind ``0x2a``, of any size; None for anything else, be it something int() takes."""
    digits = text[2:]
    if text[:2].lower() != "0x" or not digits or not _DIGITS.issuperset(digits):
        return None
    return int(digits, 16)
