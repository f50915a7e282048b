"""Asking a person before something is changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ipcctl.cli.output import note, print_rich
from ipcctl.errors import Refused, UsageError
from ipcctl.render.listing import Listing


def confirm(plan: Sequence[Listing], question: str, *, undone: str, hint: str) -> None:
    """Show the plan and ask; *undone* is what to say otherwise: "nothing was removed".

    Raises Refused unless the answer is yes, UsageError with *hint* where nobody can be asked.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        message = f"{undone.replace(' was', '')}: there is no terminal to confirm on"
        raise UsageError(message, hint=hint)
    from ipcctl.render.table import tables

    print_rich(tables(plan), stderr=True)
    try:
        sys.stderr.write(f"\n{question} [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        note(f"\nipcctl: interrupted; {undone}")
        raise
    if answer.strip().lower() not in ("y", "yes"):
        message = f"not confirmed; {undone}"
        raise Refused(message, hint="answer y, or give --yes")
