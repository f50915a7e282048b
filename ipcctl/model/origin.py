"""From what a key can have been made."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """A file and a project id of which ftok(3) makes a key. Others may make the same: a key has 24 bits of a file."""

    key: int
    path: str
    proj: int  # 0 to 255; ftok(3) says nothing about 0
