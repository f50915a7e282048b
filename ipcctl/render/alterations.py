"""What was changed about an object: before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.kinds import KINDS
from ipcctl.render.cells import perms_text
from ipcctl.render.columns import Column, View, record_columns
from ipcctl.render.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.alteration import Alteration


def alteration_listing(alterations: Sequence[Alteration], view: View, title: str = "") -> Listing:
    """One line per field for people and pipes."""
    columns = (
        Column("field", "what is changed", "text", lambda steps, _: [_name(step) for step in steps]),
        Column("before", "as it was", "text", lambda steps, view: [_text(s.field, s.before, view) for s in steps]),
        Column("after", "as it is", "text", lambda steps, view: [_text(s.field, s.after, view) for s in steps]),
    )
    return Listing(title, columns, alterations, view)


def altered_record(item: Any, alterations: Sequence[Alteration], result: str, view: View) -> list[Listing]:  # noqa: ANN401
    """The object's whole record, ``result``, and ``changes``: a list of ``field num before after``."""
    columns = (
        *record_columns(item.kind),
        Column("result", "what became of it", "text", lambda _, __: [result]),
        Column("changes", "field num before after", "objects", lambda _, __: [[_record(it) for it in alterations]]),
    )
    return [Listing(KINDS[item.kind].title, columns, [item], view)]


def _name(step: Alteration) -> str:
    """``user`` for a uid: people read its name."""
    return {"uid": "user", "gid": "group"}.get(step.field, step.field) + ("" if step.num is None else f"[{step.num}]")


def _text(field: str, value: Any, view: View) -> str | None:  # noqa: ANN401
    if value is None:
        return None
    write = _TEXTS.get(field)
    return write(value, view) if write else str(value)


def _record(step: Alteration) -> dict[str, Any]:
    perms = step.field == "perms"
    before, after = ((perms_text(it) if perms and it is not None else it) for it in (step.before, step.after))
    return {"field": step.field, "num": step.num, "before": before, "after": after}


_TEXTS: dict[str, Callable[[Any, View], str]] = {
    "perms": lambda mode, _: perms_text(mode),
    "uid": lambda uid, view: view.users[uid] or str(uid),
    "gid": lambda gid, view: view.groups[gid] or str(gid),
    "locked": lambda locked, _: "yes" if locked else "no",
}
