"""The plan of a removal: what would go, what is kept, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.model.removal import KEPT, WOULD_REMOVE, Outcome
from ipcctl.model.verdict import IN_USE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.objects import IpcObject
    from ipcctl.model.verdict import Verdict


def plan_removal(
    objects: Sequence[IpcObject], verdict_on: Callable[[IpcObject], Verdict], *, force: bool
) -> list[Outcome]:
    """One outcome per object, in order: KEPT where it is in use and *force* is not given, else WOULD_REMOVE."""
    plan = []
    for item in objects:
        verdict, why = verdict_on(item)
        keep = verdict == IN_USE and not force
        plan.append(Outcome(item, KEPT if keep else WOULD_REMOVE, f"{verdict}: {why}"))
    return plan
