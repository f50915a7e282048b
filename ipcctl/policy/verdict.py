"""Whether an object is in use, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.kinds import SEM, SHM
from ipcctl.model.verdict import IDLE, IN_USE, UNKNOWN, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipcctl.model.objects import Segment


def judge(item: Any, waiters: int | None) -> Verdict:  # noqa: ANN401  any object
    """The verdict on *item*; *waiters* = threads asleep on a semaphore set, None = could not be asked."""
    rule = _RULES.get(item.kind)
    return rule(item, waiters) if rule else Verdict(UNKNOWN, "not checked")


def _segment(segment: Segment, _: int | None) -> Verdict:
    if segment.nattch:
        return Verdict(IN_USE, f"{segment.nattch} attachment{'s' * (segment.nattch != 1)}")
    return Verdict(IDLE, "no attachment")


def _semaphore_set(_: object, waiters: int | None) -> Verdict:
    if waiters is None:
        return Verdict(UNKNOWN, "not checked: no right to ask for waiters")
    if waiters:
        return Verdict(IN_USE, f"{waiters} waiting thread{'s' * (waiters != 1)}")
    return Verdict(IDLE, "nobody waits")


_RULES: dict[str, Callable[[Any, int | None], Verdict]] = {SHM: _segment, SEM: _semaphore_set}
