"""CSV (RFC 4180): one heading for all kinds, exact values, an empty cell for null or a column a kind lacks."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ipcctl.render.cells import EXACT, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipcctl.render.listing import Listing


def comma_separated(listings: Sequence[Listing], *, headings: bool = True) -> Iterator[str]:
    """The listings as one table; its columns are those of all listings in order of appearance."""
    names = list(dict.fromkeys(column.name for listing in listings for column in listing.columns))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if headings and names:
        writer.writerow(names)
    for listing in listings:
        cells = {
            column.name: [
                "" if value is None else text for value, text in zip(values, _texts(values, column.unit), strict=True)
            ]
            for column in listing.columns
            for values in (column.values(listing.objects, listing.view),)
        }
        missing = [""] * len(listing.objects)
        writer.writerows(zip(*(cells.get(name, missing) for name in names), strict=True))
    yield out.getvalue()


def _texts(values: Sequence[object], unit: str) -> Sequence[str]:
    if unit == "text":
        return [str(value) for value in values]
    if unit == "words":
        return [",".join(value) for value in values]  # type: ignore[arg-type]
    return written(values, unit, EXACT)
