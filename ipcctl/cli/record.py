"""``--log`` and ``--syslog``: where removals are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from ipcctl.model.removal import Outcome
from ipcctl.render.columns import View


class RecordAsked(NamedTuple):
    """What was asked for; nothing is opened yet."""

    log: str | None = None
    syslog: bool = False

    @property
    def asked(self) -> bool:
        """Whether anything is written down."""
        return self.log is not None or self.syslog

    def open(self, command: str, view: View, policy: str | None = None) -> Any:  # noqa: ANN401  a Record or its absence
        """The record of a run of *command*, opened now. Raises RecordUnwritable."""
        if not self.asked:
            return _NoRecord()
        from ipcctl.act.record import Record
        from ipcctl.kernel.invoker import invoker
        from ipcctl.kernel.logfile import LogFile, SystemLog

        places = [*([LogFile(self.log)] if self.log is not None else ()), *([SystemLog()] if self.syslog else ())]
        return Record(places, command, invoker(), view, policy)


class _NoRecord:
    """Nothing is written down."""

    def carry_out(
        self, portions: Iterable[Sequence[Outcome]], remove: Callable[[Sequence[Outcome]], Iterable[Outcome]]
    ) -> Iterable[Outcome]:
        for portion in portions:
            yield from remove(portion)


def choose_record(
    log: Annotated[
        str | None, typer.Option("--log", metavar="FILE", help="Append a JSON line before and after each removal.")
    ] = None,
    syslog: Annotated[bool, typer.Option("--syslog", help="The same lines to the system log.")] = False,
) -> RecordAsked:
    """Where the record goes."""
    return RecordAsked(log, syslog)
