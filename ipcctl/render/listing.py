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


def row_template(cells: Sequence[Sequence[str]], slots: Sequence[str]) -> tuple[str, list[Sequence[str]]]:
    """A %-template of one row and the columns it still needs: what is the same in every row is written into it."""
    template, varying = "", []
    for column, slot in zip(cells, slots, strict=True):
        first = column[0]
        if column.count(first) == len(column):
            template += (slot % first).replace("%", "%%")
        else:
            template += slot
            varying.append(column)
    return template, varying


def rows(cells: Sequence[Sequence[str]], slots: Sequence[str]) -> list[str]:
    """One text per row: each column's cell in its slot (a %-template with one ``%s``)."""
    template, varying = row_template(cells, slots)
    if not varying:
        return [template % ()] * len(cells[0])
    return [template % row for row in zip(*varying, strict=True)]
