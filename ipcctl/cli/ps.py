"""``ipcctl ps``: processes and what they hold or wait on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from ipcctl.act.holdings import holdings, look_up
from ipcctl.act.judge import Judge
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import Output, choose_output, note, note_gaps
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.holding import Holding
from ipcctl.model.words import count
from ipcctl.render.processes import NAME, PROCESSES

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl ps                          all that hold or wait on an object
  ipcctl ps 4711 4712                these two
  ipcctl ps --user postgres          one user's processes
  ipcctl ps --sort -size             the largest objects first
  ipcctl ps --json | jq '.processes[] | select(.how == "waiting")'
"""
_PID_DIGITS = 10


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, output=choose_output)
def ps(
    pids: Annotated[list[str] | None, typer.Argument(metavar="[PID]...", help="Only these processes.")] = None,
    *,
    user: Annotated[
        list[str], typer.Option(metavar="USER", help="Processes of USER: a name, a uid or `me`. Repeatable.")
    ] = [],  # noqa: B006  typer copies it
    output: Output,
    host: Host,
) -> int:
    """Show which process holds or waits on which object: one line for each pair, memory without a name included."""
    wanted = list(dict.fromkeys(_pid(text) for text in pids or []))
    uids = frozenset(host.accounts.uid(text) for text in user)
    output = output._replace(registry=PROCESSES)
    output.check([NAME])
    snapshot = host.snapshot(queue_limits=False)
    with Judge(host) as judge:
        judge.look()
        found = holdings(judge, host, snapshot, wanted, uids)
        named = look_up(judge, host, wanted)
        gaps = (*snapshot.gaps, *judge.gaps, *named.gaps)
    output.write(output.listings({NAME: found}, output.view(host, time.time())), gaps, NAME)
    if output.format == "table" and sys.stderr.isatty():
        note(_summary(found))
    note_gaps(gaps)
    for pid in named.missing:
        note(f"ipcctl: no such process: {pid}")
    return int(snapshot.broken or bool(named.missing))


def _pid(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _PID_DIGITS and int(text) > 0:
        return int(text)
    message = f"bad process id {text!r}"
    raise UsageError(message, hint="a decimal number, 1 or more: ipcctl ps 4711; `ipcctl ps` shows all")


def _summary(found: Sequence[Holding]) -> str:
    if not found:
        return "no process that can be seen holds or waits on an object"
    processes = len({holding.holder.pid for holding in found})
    objects = len({holding.object.ref for holding in found})
    return f"\n{count(processes, 'process')}, {count(objects, 'object')}"
