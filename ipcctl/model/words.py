"""Numbers in sentences."""

from __future__ import annotations


def count(number: int, what: str) -> str:
    """``1 segment``, ``3 segments``, ``2 processes``."""
    ending = "es" if what.endswith("s") else "s"
    return f"{number} {what}{'' if number == 1 else ending}"
