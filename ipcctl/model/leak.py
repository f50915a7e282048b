"""An object that a command or a test left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.snapshot import Gap


class Leak(NamedTuple):
    """One object, how it is known whose it is, and what became of it."""

    object: IpcObject
    why: str  # the evidence: "created by 4711 (python3)"
    pids: tuple[int, ...]  # the processes it speaks of; empty = none is on record
    use: str  # the verdict and its reason: "in-use: 1 attachment"
    result: str = "left"  # or that of a removal


class Found(NamedTuple):
    """What is still there of what some processes made."""

    leaks: list[Leak]  # certainly theirs
    perhaps: list[Leak]  # appeared meanwhile, and nothing says whose they are
    gaps: tuple[Gap, ...]
