"""A policy in words."""

from __future__ import annotations

from collections import Counter
from json import dumps
from typing import TYPE_CHECKING, Any

from ipcctl.model.cleaning import REMOVE, REPORT, SAVE_AND_REMOVE
from ipcctl.model.kinds import KINDS
from ipcctl.model.names import escape
from ipcctl.model.removal import KEPT, REPORTED, WOULD_REMOVE
from ipcctl.policy.cleaning import PROTECTED
from ipcctl.policy.selection import is_used
from ipcctl.render.records import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipcctl.model.cleaning import Rule
    from ipcctl.model.removal import Outcome
    from ipcctl.model.snapshot import Gap
    from ipcctl.policy.rules import Prepared, Ready


def explanation(prepared: Prepared, plan: Sequence[Outcome]) -> Iterator[str]:
    """The policy rule by rule, with what each would do now."""
    policy = prepared.policy
    for ready in prepared.rules:
        yield f"{ready.rule.name}: {sentence(ready)}\n"
        told = [f"{count} {_NOW[what]}" for what, count in _now(ready, plan).items() if count]
        yield f"  now: {', '.join(told) or 'no object'}\n"
    yield f"protected: {', '.join(_protections(prepared)) or 'nothing'}\n"
    size = "" if policy.max_bytes is None else f" or {exact(policy.max_bytes, _SIZES)} bytes"
    yield f"a run that would remove more than {policy.max_objects} objects{size} removes nothing\n"


def check_document(
    prepared: Prepared, plan: Sequence[Outcome], warnings: Sequence[str], gaps: Sequence[Gap]
) -> Iterator[str]:
    """The same as JSON: a contract, described in ipcctl-clean(8)."""
    policy = prepared.policy
    rules = [
        {
            "rule": ready.rule.name,
            "action": ready.rule.action,
            "kinds": list(ready.kinds),
            "says": sentence(ready),
            **_now(ready, plan),
        }
        for ready in prepared.rules
    ]
    limits = {"max_objects": policy.max_objects, "max_bytes": policy.max_bytes}
    rest = {
        "protected": _protections(prepared),
        **limits,
        "warnings": list(warnings),
        "gaps": [{"what": gap.what, "why": gap.why} for gap in gaps],
    }
    lines = "".join(f"\n{dumps(rule)}," for rule in rules).removesuffix(",")
    yield f'{{"version": {VERSION}, "policy": {dumps(policy.source)}, "rules": [{lines}],\n{dumps(rest)[1:]}\n'


def warnings(prepared: Prepared, shadowed: Sequence[tuple[Ready, Ready]]) -> Iterator[str]:
    """What is allowed and yet hardly meant."""
    if not prepared.rules:
        yield "there is no [[rule]]: nothing will ever happen"
    for later, earlier in shadowed:
        yield (
            f"rule {later.rule.name!r} never acts: "
            f"{earlier.rule.name!r}, which stands before it, takes all that it would"
        )
    for ready in prepared.rules:
        if ready.rule.action != REPORT and not ready.selection.orphaned:
            yield f"rule {ready.rule.name!r} removes also what is idle or unknown: it does not ask for orphaned = true"
        if ready.rule.action == SAVE_AND_REMOVE and "pmsg" in ready.kinds:
            yield f"rule {ready.rule.name!r} cannot save POSIX queues with messages in them: those will stay"


def sentence(ready: Ready) -> str:
    """The rule in words: ``removes System V semaphore sets that are owned by alice and orphaned``."""
    rule = ready.rule
    asked = rule.conditions
    told = [say(getattr(asked, field)) for field, say in _CONDITIONS.items() if is_used(getattr(asked, field))]
    if ready.selection.older_than:
        told.append(f"not used for {exact(ready.selection.older_than, _TIMES)}")
    kept = "" if rule.action == REPORT else "; what is in use is kept"
    return f"{_ACTIONS[rule.action](rule)} {_kinds(ready)} that are {_and(told)}{kept}."


def _now(ready: Ready, plan: Sequence[Outcome]) -> dict[str, int]:
    """How many objects of *plan* the rule takes, by what becomes of them."""
    counts = Counter(
        "protected" if step.why.startswith(PROTECTED) else _CALLED[step.result]
        for step in plan
        if step.rule == ready.rule.name
    )
    return {what: counts[what] for what in _NOW}


def _protections(prepared: Prepared) -> list[str]:
    return list(dict.fromkeys(shield.name for shield in prepared.shields))


def _kinds(ready: Ready) -> str:
    if len(ready.kinds) == len(KINDS):
        return "objects of every kind"
    return _and([("" if KINDS[kind].posix else "System V ") + KINDS[kind].singular + "s" for kind in ready.kinds])


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _or(words: Sequence[str]) -> str:
    return " or ".join(map(escape, words))


def exact(number: int, units: tuple[tuple[int, str], ...]) -> str:
    """*number* in the largest unit that leaves no rest."""
    return next((f"{number // size}{unit}" for size, unit in units if number and number % size == 0), str(number))


_TIMES = ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIZES = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))
_CALLED = {WOULD_REMOVE: "would_remove", REPORTED: "reported", KEPT: "in_use"}
_NOW = {
    "would_remove": "to remove",
    "reported": "to report",
    "in_use": "to keep: in use",
    "protected": "to keep: protected",
}
_ACTIONS: dict[str, Callable[[Rule], str]] = {
    REPORT: lambda _: "reports",
    REMOVE: lambda _: "removes",
    SAVE_AND_REMOVE: lambda rule: f"saves to {rule.save_dir} and removes",
}
_CONDITIONS: dict[str, Callable[[Any], str]] = {
    "users": lambda users: f"owned by {_or(users)}",
    "groups": lambda groups: f"of group {_or(groups)}",
    "creators": lambda users: f"created by {_or(users)}",
    "keys": lambda keys: f"of key {_or(keys)}",
    "names": lambda names: f"named {_or(names)}",
    "producers": lambda names: f"made by {_or(names)}",
    "larger_than": lambda size: f"larger than {exact(size, _SIZES)}{'' if size % 1024 == 0 else ' bytes'}",
    "unattached": lambda _: "attached by nobody",
    "dest": lambda _: "removed but still attached",
    "world_writable": lambda _: "writable by everybody",
    "empty": lambda _: "empty",
    "orphaned": lambda _: "orphaned",
}
