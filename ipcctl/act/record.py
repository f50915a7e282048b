"""The record of removals: who, what, why, by which rule, with which result. One JSON object per line.

A line says ``removing`` before each removal and another what became of it: a process that is killed in between leaves
the first, so nothing is ever removed that the record does not name. Nothing is removed whose line cannot be written.
Files that are removed at once have all their first lines before that, and all their second ones after it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ipcctl.model.removal import REMOVING, WOULD_REMOVE
from ipcctl.render.cells import utc
from ipcctl.render.columns import record_columns
from ipcctl.render.listing import Listing
from ipcctl.render.records import VERSION, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipcctl.kernel.invoker import Invoker
    from ipcctl.kernel.logfile import Lines
    from ipcctl.model.removal import Outcome
    from ipcctl.render.columns import View


class Record:
    """Where a run of one command is written down."""

    def __init__(self, places: Sequence[Lines], command: str, by: Invoker, view: View, policy: str | None) -> None:
        """Write to each of *places*; *policy* = the path of the policy file, None without one."""
        self._places = places
        self._view = view
        user = view.users[by.uid] if hasattr(view.users, "__missing__") else view.users.get(by.uid)
        self._head = {"command": command, "policy": policy}
        self._by = {"by": {"user": user, **by._asdict()}}

    def carry_out(
        self, portions: Iterable[Sequence[Outcome]], remove: Callable[[Sequence[Outcome]], Iterable[Outcome]]
    ) -> Iterator[Outcome]:
        """What *remove* makes of *portions* of a plan, the removals of each between their lines.

        Raises RecordUnwritable: no more is removed.
        """
        for portion in portions:
            told = portion[0].result == WOULD_REMOVE
            for step in portion if told else ():
                self._write(step._replace(result=REMOVING))
            done = list(remove(portion))
            yield from done  # told before it is written: a full disk must not hide it
            for outcome in done if told else ():
                self._write(outcome)

    def _write(self, step: Outcome) -> None:
        line = json.dumps(self._line(step))
        for place in self._places:
            place.write(line)

    def _line(self, step: Outcome) -> dict[str, Any]:
        kind = step.object.kind
        (facts,) = record(Listing(kind, record_columns(kind), [step.object], self._view))
        head = {"version": VERSION, "time": utc(time.time()), **self._head}
        told = {"result": step.result, "why": step.why, "rule": step.rule or None, "saved": step.saved}
        return {**head, **told, **self._by, "object": facts}
