"""Is an object still used? One of four words, always with the evidence."""

from __future__ import annotations

from typing import NamedTuple

IN_USE = "in-use"  # a live process maps it, has it open, or is blocked on it
IDLE = "idle"  # nobody holds it, but a process that created or last used it lives
ORPHANED = "orphaned"  # nobody holds it and every process on record is gone
UNKNOWN = "unknown"  # not enough could be seen


class Verdict(NamedTuple):
    """One of the four words and a line a person can check."""

    verdict: str
    why: str
