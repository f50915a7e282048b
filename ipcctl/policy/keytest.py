"""Keys matched against patterns by the ten thousand: without writing each key as text, where that can be had."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH = 10  # 0x0000002a
_WILD = frozenset("*?[")
_DIGITS = frozenset("0123456789abcdef?")


def key_test(patterns: Sequence[str]) -> Callable[[Any], bool]:
    """Whether the key of a System V object is one of *patterns*: ``0x2a``, or a glob on the form of eight digits."""
    globs = [pattern for pattern in patterns if _WILD & set(pattern)]
    exact = frozenset(int(pattern, 16) for pattern in patterns if pattern not in globs)
    masks = [mask for glob in globs if (mask := _mask(glob))]
    odd = [translate(glob) for glob in globs if not _mask(glob)]
    matches = re.compile("|".join(odd)).match if odd else None

    def test(item: Any) -> bool:  # noqa: ANN401  any System V object
        key = item.key
        if key in exact:
            return True
        for mask, value in masks:
            if key & mask == value:
                return True
        return matches is not None and matches(f"0x{key:08x}") is not None

    return test


def _mask(glob: str) -> tuple[int, int] | None:
    """The bits that *glob* asks for, and what they must be; None = it cannot be said like that."""
    if glob.count("*") == 1:
        glob = glob.replace("*", "?" * (_WIDTH + 1 - len(glob)))
    digits = glob[2:]
    if len(glob) != _WIDTH or glob[0] not in "0?" or glob[1] not in "x?" or not _DIGITS.issuperset(digits):
        return None
    return int("".join("0" if digit == "?" else "f" for digit in digits), 16), int(digits.replace("?", "0"), 16)
