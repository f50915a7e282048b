"""Aligned text for pipes: one word per cell, exact numbers, nothing cut, no colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.render.cells import EXACT, RIGHT_ALIGNED, widest, written
from ipcctl.render.template import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipcctl.render.listing import Listing


def plain(listings: Sequence[Listing], *, headings: bool = True) -> Iterator[str]:
    """One table per listing, a blank line between two; each ends with a newline."""
    for number, listing in enumerate(listings):
        if number:
            yield "\n"
        yield "\n".join(_lines(listing, headings=headings)) + "\n"


def _lines(listing: Listing, *, headings: bool) -> list[str]:
    columns = listing.columns
    heads = [column.name.upper() for column in columns]
    cells = [written(column.values(listing.objects, listing.view), column.unit, EXACT) for column in columns]
    slots = []
    for column, head, texts in zip(columns, heads, cells, strict=True):
        width = max(widest(texts), len(head) if headings else 0)
        slots.append(f"%{width}s" if column.unit in RIGHT_ALIGNED else f"%-{width}s")
    if columns[-1].unit not in RIGHT_ALIGNED:
        slots[-1] = "%s"
    slots[1:] = ["  " + slot for slot in slots[1:]]
    lines = ["".join(slots) % tuple(heads)] if headings else []
    return lines + rows(cells, slots) if listing.objects else lines
