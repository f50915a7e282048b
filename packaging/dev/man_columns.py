"""Keep the table of columns in man/ipcctl.1 equal to the registry that ``-o``, ``--sort`` and JSON use.

``make man`` rewrites the block between the two comments; tests/test_docs.py fails where it was forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path

from generated import keep

from ipcctl.model.kinds import KINDS
from ipcctl.render.columns import COLUMNS, DEFAULT, WIDE, Column

PAGE = Path(__file__).parents[2] / "man" / "ipcctl.1"
_LINE = 110  # characters of one line of source


def block() -> str:
    """The tables as mdoc: columns of every kind, of the System V and the POSIX kinds, and of each kind alone."""
    common = _shared(list(COLUMNS))
    text = _table("Columns of every kind", common)
    for posix, title in ((False, "System V"), (True, "POSIX")):
        kinds = [kind for kind in COLUMNS if KINDS[kind].posix == posix]
        family = [column for column in _shared(kinds) if column not in common]
        text += _table(f"Columns of the {title} kinds ( Cm {' , '.join(kinds)} )", family)
        for kind in kinds:
            own = [column for column in COLUMNS[kind] if column not in [*common, *family]]
            text += _table(f"Columns of Cm {kind}", own) + ".Pp\n"
            text += f"Usual:\n{_words(DEFAULT[kind])}On a wide terminal:\n{_words(WIDE[kind])}"
    return text


def _shared(kinds: list[str]) -> list[Column]:
    """The columns that all *kinds* have, help text and all."""
    first, *others = (COLUMNS[kind] for kind in kinds)
    return [column for column in first if all(column in columns for columns in others)]


def _table(title: str, columns: list[Column]) -> str:
    return f'.Ss {title}\n.Bl -tag -width "notify_pid" -compact\n{"".join(map(_item, columns))}.El\n'


def _item(column: Column) -> str:
    dagger = "" if column.record else " (not in JSON)"
    return f".It Cm {column.name}\n{column.help}{dagger}\n"


def _words(names: tuple[str, ...]) -> str:
    """The names as macro lines of a bearable length."""
    lines, line = [], ".Cm"
    for name in names:
        if len(line) + len(name) > _LINE:
            lines.append(line)
            line = ".Cm"
        line += f" {name}"
    return "\n".join([*lines, line]) + " .\n"


if __name__ == "__main__":
    sys.exit(keep(PAGE, "columns", block()))
