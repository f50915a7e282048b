"""What is changed about an object that stays."""

from __future__ import annotations

from typing import NamedTuple


class Alteration(NamedTuple):
    """One field, before and after. Of a semaphore set ``value`` has a number."""

    field: str  # perms uid gid qbytes locked size value
    before: int | bool | None  # None = no right to read it
    after: int | bool | None
    num: int | None = None
