"""What a command or a test left behind, as listings and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.verdict import IDLE, IN_USE
from ipcctl.model.words import count
from ipcctl.render.cells import human_bytes
from ipcctl.render.columns import Column, View, record_columns
from ipcctl.render.listing import Listing
from ipcctl.render.outcomes import content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.leak import Found, Leak


def leak_listing(leaks: Sequence[Leak], view: View, title: str = "") -> Listing:
    """One line per object for people: reference, owner, content, what became of it, whose it is, its use."""
    columns = (
        Column("ref", "reference", "text", lambda leaks, _: [leak.object.ref for leak in leaks]),
        Column(
            *("user", "owner", "account"),
            lambda leaks, view: [view.users[leak.object.uid] or leak.object.uid for leak in leaks],
        ),
        Column("content", "what is in it", "phrase", lambda leaks, _: [content_of(leak.object) for leak in leaks]),
        Column("result", "what became of it", "text", lambda leaks, _: [leak.result for leak in leaks]),
        Column(
            *("why", "whose it is, and whether it is used", "phrase"),
            lambda leaks, _: [_told(leak) for leak in leaks],
        ),
    )
    return Listing(title, columns, leaks, view)


def _told(leak: Leak) -> str:
    """The evidence, and the use where there is one: that nobody uses it is what a leak is."""
    return f"{leak.why}; {leak.use}" if leak.use.startswith((IN_USE, IDLE)) else leak.why


def summary(leaks: Sequence[Leak]) -> str:
    """``2 objects, 64K``."""
    size = sum(getattr(leak.object, "size", 0) or getattr(leak.object, "cbytes", 0) for leak in leaks)
    number = count(len(leaks), "object")
    return f"{number}, {human_bytes(size)}" if size else number


def leak_report(command: Sequence[str], status: int, found: Found, view: View) -> str:
    """The JSON document of ``run --report``; *status* negative = ended by that signal."""
    from json import dumps

    from ipcctl.render.records import VERSION

    document = {
        "version": VERSION,
        "command": [word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for word in command],
        "status": status if status >= 0 else None,
        "signal": -status if status < 0 else None,
        "leaks": leak_records(found.leaks, view),
        "perhaps": leak_records(found.perhaps, view),
        "gaps": [{"what": gap.what, "why": gap.why} for gap in found.gaps],
    }
    return dumps(document, indent=1) + "\n"


def leak_records(leaks: Sequence[Leak], view: View) -> list[dict[str, Any]]:
    """Each object's record with ``result``, ``why``, ``pids`` and ``use``."""
    from ipcctl.render.records import record

    return [
        record(Listing("", record_columns(leak.object.kind), [leak.object], view))[0]
        | {"result": leak.result, "why": leak.why, "pids": list(leak.pids), "use": leak.use}
        for leak in leaks
    ]
