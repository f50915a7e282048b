"""CSV (RFC 4180): one heading for all kinds, exact values, an empty cell for null or a column a kind lacks."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ipcctl.render.cells import EXACT, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipcctl.render.listing import Listing


def comma_separated(listings: Sequence[Listing], *, headings: bool = True, order: Sequence[str] = ()) -> Iterator[str]:
    """The listings as one table; its columns are those of all listings, as in *order*, then as they appear.

    Objects that have none of the columns are left out.
    """
    known = dict.fromkeys(column.name for listing in listings for column in listing.columns)
    names = list(dict.fromkeys([*(name for name in order if name in known), *known]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if headings and names:
        writer.writerow(names)
    for listing in filter(_has_columns, listings):
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


def _has_columns(listing: Listing) -> bool:
    return bool(listing.columns)


def _texts(values: Sequence[object], unit: str) -> Sequence[str]:
    if unit in ("text", "path"):
        return [str(value) for value in values]
    if unit == "words":
        return [",".join(value) for value in values]  # type: ignore[arg-type]
    return written(values, unit, EXACT)
