"""What a removal would do or did, and what was saved, as listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.render.cells import human_bytes
from ipcctl.render.columns import Column, View, record_columns
from ipcctl.render.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.removal import Outcome


def content_of(item: Any) -> str:  # noqa: ANN401  any object
    """What is in an object, in a word or two."""
    return _CONTENT[item.kind](item)


_CONTENT: dict[str, Callable[[Any], str]] = {
    "shm": lambda item: human_bytes(item.size),
    "sem": lambda item: f"{item.nsems} sem",
    "msg": lambda item: f"{item.qnum} msg",
    "pshm": lambda item: human_bytes(item.size),
    "psem": lambda item: f"value {'-' if item.value is None else item.value}",
    "pmsg": lambda item: f"{'-' if item.qnum is None else item.qnum} msg",
}

_RESULT = Column("result", "what became of it", "phrase", lambda outcomes, _: [step.result for step in outcomes])
_WHY = Column("why", "the reason", "phrase", lambda outcomes, _: [step.why for step in outcomes])
_WHY_SHOWN = _WHY._replace(values=lambda outcomes, _: [step.why or None for step in outcomes])
_SAVED = Column("saved", "the file that holds the content", "path", lambda outcomes, _: [s.saved for s in outcomes])
_RULE = Column(
    "rule", "the rule that took it", "text", lambda outcomes, _: [s.rule.replace(" ", "_") for s in outcomes]
)
_RULE_EXACT = _RULE._replace(values=lambda outcomes, _: [step.rule for step in outcomes])
_WHAT = Column("content", "what is in it", "phrase", lambda outcomes, _: [content_of(step.object) for step in outcomes])


def outcome_listing(outcomes: Sequence[Outcome], view: View, title: str, *, rules: bool = False) -> Listing:
    """One line per object for people and pipes: reference, owner, content, result, why. All kinds together."""
    ref = Column("ref", "reference", "text", lambda steps, _: [step.object.ref for step in steps])
    user = Column(
        "user", "owner", "account", lambda steps, view: [view.users[s.object.uid] or s.object.uid for s in steps]
    )
    saved = (_SAVED,) if any(step.saved for step in outcomes) else ()
    why = (_WHY_SHOWN,) if any(step.why for step in outcomes) else ()
    return Listing(title, (ref, user, _WHAT, _RESULT, *saved, *((_RULE,) if rules else ()), *why), outcomes, view)


def outcome_listings_by_rule(outcomes: Sequence[Outcome], view: View) -> list[Listing]:
    """The same under the name of each rule, for a terminal: a column of names would take the room of the reasons."""
    return [
        outcome_listing([step for step in outcomes if step.rule == rule], view, rule)
        for rule in dict.fromkeys(step.rule for step in outcomes)
    ]


def outcome_records(outcomes: Sequence[Outcome], view: View, *, rules: bool = False) -> list[Listing]:
    """One listing per kind: the object's whole record, then result, why and the file it was saved to."""
    kinds = dict.fromkeys(step.object.kind for step in outcomes)
    more = (_RULE_EXACT,) if rules else ()
    return [
        Listing(
            kind,
            (*(of_object(column) for column in record_columns(kind)), _RESULT, _WHY, _SAVED, *more),
            [step for step in outcomes if step.object.kind == kind],
            view,
        )
        for kind in kinds
    ]


def of_object(column: Column) -> Column:
    """*column* of an outcome's object."""
    return column._replace(values=lambda steps, view: column.values([step.object for step in steps], view))
