"""Many rows of text from few columns. Loads nothing: drop-in commands format with it."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Sequence


def row_template(cells: Sequence[Sequence[object]], slots: Sequence[str]) -> tuple[str, list[Sequence[object]]]:
    """A %-template of one row and the columns it still needs: what is the same in every row is written into it."""
    template, varying = "", []
    for column, slot in zip(cells, slots, strict=True):
        first = column[0]
        if column.count(first) == len(column):
            template += (slot % (first,)).replace("%", "%%")
        else:
            template += slot
            varying.append(column)
    return template, varying


def rows(cells: Sequence[Sequence[object]], slots: Sequence[str]) -> list[str]:
    """One text per row: each column's cell in its slot (a %-template with one conversion)."""
    template, varying = row_template(cells, slots)
    if not varying:
        return [template % ()] * len(cells[0])
    return [template % row for row in zip(*varying, strict=True)]
