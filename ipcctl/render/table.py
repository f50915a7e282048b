"""Tables for people at a terminal, by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, WOULD_REMOVE
from ipcctl.model.verdict import IDLE, IN_USE, ORPHANED, UNKNOWN
from ipcctl.render.cells import RIGHT_ALIGNED, SHORT, SHORT_EXACT_BYTES, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipcctl.render.listing import Listing

_WORLD_WRITABLE = 0o002
_FULL, _FILLING = 95.0, 80.0


def tables(listings: Sequence[Listing], *, headings: bool = True, exact_bytes: bool = False) -> Iterator[Table]:
    """One rich table per listing; a listing without a title gets none."""
    for listing in listings:
        yield _table(listing, headings=headings, exact_bytes=exact_bytes)


def _table(listing: Listing, *, headings: bool, exact_bytes: bool) -> Table:
    writers = SHORT_EXACT_BYTES if exact_bytes else SHORT
    table = Table(
        title=f"{listing.title} ({len(listing.objects)})" if headings and listing.title else None,
        title_justify="left",
        title_style="bold",
        header_style="bold cyan",
        box=box.SIMPLE_HEAD,
        show_header=headings,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    cells = []
    for column in listing.columns:
        right = column.unit in RIGHT_ALIGNED
        table.add_column(column.name.upper(), justify="right" if right else "left", overflow="fold")
        values = column.values(listing.objects, listing.view)
        texts = written(values, column.unit, writers)
        cells.append([Text(text, style=_tone(column.name, value)) for text, value in zip(texts, values, strict=True)])
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    return table


def _tone(name: str, value: Any) -> str:  # noqa: ANN401  any column's value
    """The style of a cell: quiet where nothing is, loud where somebody should look."""
    if value is None or value == ():
        return "dim"
    tone = _TONES.get(name)
    return tone(value) if tone else ""


def _fullness(percent: float) -> str:
    return "red" if percent >= _FULL else "yellow" if percent >= _FILLING else ""


_VERDICTS = {IN_USE: "green", IDLE: "cyan", ORPHANED: "yellow", UNKNOWN: "magenta"}
_RESULTS = {
    KEPT: "green",
    WOULD_REMOVE: "yellow",
    REMOVED: "yellow",
    MARKED: "yellow",
    ALREADY_GONE: "dim",
    FAILED: "red",
}
_TONES: dict[str, Callable[[Any], str]] = {
    "ref": lambda _: "bold",
    "perms": lambda mode: "red" if mode & _WORLD_WRITABLE else "",
    "nattch": lambda count: "green" if count else "dim",
    "status": lambda _: "yellow",
    "fill": _fullness,
    "use": _fullness,
    "verdict": lambda verdict: _VERDICTS.get(verdict, ""),
    "result": lambda result: _RESULTS.get(result, ""),
}
