"""``ipcctl ls``: list objects."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ipcctl.act.judge import Judge
from ipcctl.cli.options import Chosen, choose, new_command, open_host, with_options
from ipcctl.cli.output import Output, check_kinds, choose_output, note, note_gaps
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS, MSG, PSHM
from ipcctl.policy.selection import check_applies, select
from ipcctl.policy.usage import size_of
from ipcctl.render.cells import human_bytes
from ipcctl.render.columns import HOLDERS, VERDICT, WHY

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl ls                                  everything, a table per kind
  ipcctl ls shm --unattached --sort -size    forgotten memory, largest first
  ipcctl ls sem --user apache                one user's semaphore sets
  ipcctl ls -o +cpid,lpid shm                more columns
  ipcctl ls --older-than 1d --json | jq -r '.objects[].ref'
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, chosen=choose, output=choose_output)
def ls(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[KIND]...", help=" ".join(KINDS))] = None,
    *,
    holders: Annotated[bool, typer.Option("--holders", help="Show who holds each object (a walk over /proc).")] = False,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="Show whether each object is still needed, and why.")
    ] = False,
    unlinked: Annotated[
        bool, typer.Option("--unlinked", help="Only POSIX memory without a name that is still held.")
    ] = False,
    chosen: Chosen,
    output: Output,
    host: Host,
) -> int:
    """List IPC objects: all six kinds, or those named."""
    wanted = check_kinds(kinds or [])
    selection = chosen.on(host)._replace(unlinked=unlinked)
    check_applies(wanted, selection)
    output.check(wanted)
    evidence = [HOLDERS] * (holders or unlinked) + [VERDICT, WHY] * (verdict or selection.orphaned)
    output = output._replace(more=tuple(evidence))
    snapshot = host.snapshot(wanted, queue_limits=output.needs(("qbytes", "fill"), MSG))
    with Judge(host, wanted) as judge:
        listed = {PSHM: judge.unlinked()} if unlinked else snapshot.objects
        objects = {
            kind: judge.select(select(items, kind, selection, chosen.now), selection, chosen.now)
            for kind, items in listed.items()
        }
        view = output.view(host, chosen.now)._replace(holders=judge.holders, verdict=judge.verdict_on)
        if any(output.needs(("holders", "pids", "verdict", "why"), kind) for kind in objects):
            judge.look()
        gaps = (*snapshot.gaps, *judge.gaps)
        output.write(output.listings(objects, view), gaps)
    if output.format == "table" and sys.stderr.isatty():
        items = [item for chosen_items in objects.values() for item in chosen_items]
        total, owners = sum(map(size_of, items)), len({item.uid for item in items})
        note(
            f"\n{len(items)} objects, {human_bytes(total)}, {owners} owner{'s' * (owners != 1)}"
            if items
            else "no objects"
        )
    note_gaps(gaps)
    return int(snapshot.broken)
