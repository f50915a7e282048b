"""A listing: the objects of one kind under chosen columns. Every format takes a sequence of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.render.columns import Column, View


class Listing(NamedTuple):
    """Objects of one kind, in the order they are to be shown, and the columns to show."""

    title: str
    columns: Sequence[Column]
    objects: Sequence[Any]
    view: View


def paths_apart(listing: Listing) -> list[Listing]:
    """A listing with a column of paths as two: beside the rest, most would be broken in the middle."""
    paths = [column for column in listing.columns if column.unit == "path"]
    if not paths:
        return [listing]
    first, *others = (column for column in listing.columns if column.unit != "path")
    which = [
        bool(any(values)) for values in zip(*(it.values(listing.objects, listing.view) for it in paths), strict=True)
    ]
    having = [item for item, has in zip(listing.objects, which, strict=True) if has]
    return [
        listing._replace(columns=(first, *others)),
        Listing("Files", (first, *paths), having, listing.view),
    ]
