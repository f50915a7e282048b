"""Limits and owners as listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.render.cells import human_bytes
from ipcctl.render.columns import Column, View
from ipcctl.render.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.limits import Limit
    from ipcctl.policy.usage import OwnerTotal

_HUGE = 10**15  # numbers that mean "no limit in practice": shown short to people


def limit_listing(limits: Sequence[Limit], view: View, *, people: bool, wide: bool = True) -> Listing:
    """One line per limit; for *people* numbers are short and a bar shows the use of what fills up.

    Without *wide* it fits 80 columns: no unit and no explanation, and of the setting only what it is called.
    """
    return Listing("Limits", (_FOR_PEOPLE if wide else _NARROW) if people else _EXACT, limits, view)


def _short(number: int | None, unit: str) -> str:
    if number is None:
        return "-"
    if unit == "bytes":
        return human_bytes(number)
    return f"{number:.1e}" if number >= _HUGE else str(number)


_NAME = Column("limit", "the kernel's name", "text", lambda rows, _: [row.name for row in rows])
_KIND = Column("kind", "kind it bounds", "text", lambda rows, _: [row.kind for row in rows])
_UNIT = Column("unit", "what is counted", "text", lambda rows, _: [row.unit for row in rows])
_PERCENT = Column("percent", "used in percent of max", "percent", lambda rows, _: [row.percent for row in rows])
_SETTING = Column("setting", "how to change it", "phrase", lambda rows, _: [row.setting for row in rows])
_EXACT = (
    _NAME,
    _KIND,
    Column("used", "in use by all objects, or by the largest", "number", lambda rows, _: [row.used for row in rows]),
    Column("max", "the limit", "number", lambda rows, _: [row.limit for row in rows]),
    _UNIT,
    _PERCENT,
    Column("shared", "all objects count against it", "flag", lambda rows, _: [row.shared for row in rows]),
    _SETTING,
)
_USED = Column("used", "in use", "short", lambda rows, _: [_short(row.used, row.unit) for row in rows])
_MAX = Column("max", "the limit", "short", lambda rows, _: [_short(row.limit, row.unit) for row in rows])
_USE = Column("use", "of what fills up", "bar", lambda rows, _: [row.percent if row.shared else None for row in rows])
_FOR_PEOPLE = (
    _NAME,
    _USED,
    _MAX,
    _UNIT,
    _USE,
    Column(
        "what",
        "what it bounds",
        "phrase",
        lambda rows, _: [row.help if row.shared else f"largest: {row.help}" for row in rows],
    ),
    _SETTING,
)
_NARROW = (
    _NAME,
    _USED,
    _MAX,
    _USE,
    Column("setting", "what to change", "phrase", lambda rows, _: [_setting_name(row.setting) for row in rows]),
)


def _setting_name(setting: str) -> str:
    """``kernel.shmmni`` of ``sysctl -w kernel.shmmni=N``."""
    return setting.removeprefix("sysctl -w ").partition("=")[0]


def owner_listing(totals: Sequence[OwnerTotal], view: View, kinds: Sequence[str], *, people: bool = False) -> Listing:
    """One line per owner; *people* read how long ago the oldest was used, programs when."""
    columns = [
        Column("user", "owner", "account", lambda rows, view: [view.users[row.uid] or row.uid for row in rows]),
        Column("uid", "owner's user id", "number", lambda rows, _: [row.uid for row in rows]),
        Column("objects", "objects of all kinds", "number", lambda rows, _: [sum(row.counts.values()) for row in rows]),
        *(_count(kind) for kind in kinds),
        Column("bytes", "bytes they hold", "bytes", lambda rows, _: [row.bytes for row in rows]),
        Column("rss", "bytes in memory", "bytes", lambda rows, _: [row.rss for row in rows]),
        _AGE if people else _OLDEST,
    ]
    return Listing("Owners", columns, totals, view)


def _count(kind: str) -> Column:
    return Column(kind, f"objects of kind {kind}", "number", lambda rows, _: [row.counts[kind] for row in rows])


_OLDEST = Column("oldest", "least recent use of one", "time", lambda rows, _: [row.oldest or None for row in rows])
_AGE = Column(
    "oldest",
    "time since the least recent use of one",
    "seconds",
    lambda rows, view: [max(0, int(view.now) - row.oldest) if row.oldest else None for row in rows],
)
