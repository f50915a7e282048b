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
