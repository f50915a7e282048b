"""What a policy does with each object.

The first rule in the file that matches an object decides about it; a protection wins over every rule; what is in use
is kept. Cheap conditions come first: the verdict is asked only on objects that a rule could take, and never on a
protected one, because asking touches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.cleaning import REPORT
from ipcctl.model.removal import KEPT, REPORTED, WOULD_REMOVE, Outcome
from ipcctl.model.verdict import IN_USE, ORPHANED
from ipcctl.policy.producers import made_by
from ipcctl.policy.protections import protected
from ipcctl.policy.selection import select
from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipcctl.model.cleaning import Policy, Rule
    from ipcctl.model.verdict import Verdict
    from ipcctl.policy.rules import Prepared, Ready

PROTECTED = "protected: "


def plan_cleaning(
    prepared: Prepared,
    objects: Mapping[str, Sequence[Any]],
    verdict_on: Callable[[Any], Verdict],
    users: Mapping[int, str | None],
    now: float,
) -> list[Outcome]:
    """One outcome, naming its rule, per object that a rule matches, in the order of the rules; *now* in epoch seconds.

    REPORTED, WOULD_REMOVE, or KEPT because it is protected or in use. The others are not in the plan.
    """
    plan: list[Outcome] = []
    for kind, items in objects.items():
        left = items
        shielded: dict[int, str | None] = {}  # by id(), of those that were asked about
        for ready in prepared.rules:
            if kind not in ready.kinds:
                continue
            described = _described(ready, kind, left, users, now)
            unasked = [item for item in described if id(item) not in shielded]
            shielded |= dict.fromkeys(map(id, unasked)) | protected(unasked, kind, prepared.shields)
            decided = [
                Outcome(item, *decision, rule=ready.rule.name)
                for item in described
                if (decision := decide(ready.rule, shielded[id(item)], item, verdict_on))
            ]
            if decided:
                taken = {id(step.object) for step in decided}
                left = [item for item in left if id(item) not in taken]
                plan += decided
    order = {ready.rule.name: number for number, ready in enumerate(prepared.rules)}
    return sorted(plan, key=lambda step: order[step.rule])


def _described(
    ready: Ready, kind: str, items: Sequence[Any], users: Mapping[int, str | None], now: float
) -> Sequence[Any]:
    """Those of *items* that pass every condition but the verdict."""
    chosen = select(items, kind, ready.selection, now)
    if ready.selection.producers:
        chosen = list(filter(made_by(kind, ready.selection.producers, users), chosen))
    return chosen


def decide(
    rule: Rule,
    protection: str | None,
    item: Any,  # noqa: ANN401  any object
    verdict_on: Callable[[Any], Verdict],
) -> tuple[str, str] | None:
    """Result and why for an object that *rule* describes; None = its verdict is not the one the rule asks for."""
    if protection is not None:
        return KEPT, PROTECTED + protection
    verdict, why = verdict_on(item)
    if rule.conditions.orphaned and verdict != ORPHANED:
        return None
    result = REPORTED if rule.action == REPORT else KEPT if verdict == IN_USE else WOULD_REMOVE
    return result, f"{verdict}: {why}"


def over_the_limits(plan: Sequence[Outcome], policy: Policy) -> str | None:
    """By how much *plan* removes more than one run of *policy* may; None = it may."""
    going = [step.object for step in plan if step.result == WOULD_REMOVE]
    if len(going) > policy.max_objects:
        return f"it would remove {len(going)} objects, max_objects is {policy.max_objects}"
    size = sum(map(size_of, going))
    if policy.max_bytes is not None and size > policy.max_bytes:
        return f"it would remove {size} bytes, max_bytes is {policy.max_bytes}"
    return None
