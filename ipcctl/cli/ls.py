"""``ipcctl ls``: list objects."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ipcctl.cli.options import Chosen, choose, new_command, open_host, with_options
from ipcctl.cli.output import Output, check_kinds, choose_output, complete_kinds, note, note_gaps
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS, MSG, PSHM
from ipcctl.model.words import count
from ipcctl.policy.selection import check_applies, possible_kinds, select
from ipcctl.policy.usage import size_of
from ipcctl.render.cells import human_bytes
from ipcctl.render.columns import HOLDERS, VERDICT, WHY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.objects import IpcObject

app = new_command()

_EVIDENCE = ("holders", "pids", "verdict", "why")

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
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND]...", help=" ".join(KINDS), autocompletion=complete_kinds)
    ] = None,
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
    snapshot = host.snapshot(possible_kinds(wanted, selection), queue_limits=output.needs(("qbytes", "fill"), MSG))
    objects = {kind: select(snapshot.objects.get(kind, ()), kind, selection, chosen.now) for kind in wanted}
    view, gaps, unsure = output.view(host, chosen.now), snapshot.gaps, 0
    with contextlib.ExitStack() as closing:
        shown = any(output.needs(_EVIDENCE, kind) for kind in wanted)
        if shown or selection.needs_evidence:
            from ipcctl.act.judge import Judge  # start-up: a plain listing needs none

            judge = closing.enter_context(Judge(host, wanted))
            if shown or selection.needs_holders:
                judge.look()  # now: what could not be seen is known before anything is written
            if unlinked:
                objects = {PSHM: select(judge.unlinked(), PSHM, selection, chosen.now)}
            objects = {kind: judge.select(items, selection, chosen.now) for kind, items in objects.items()}
            view = view._replace(holders=judge.holders, verdict=judge.verdict_on)
            gaps += judge.gaps
            unsure = judge.unsure
        output.write(output.listings(objects, view), gaps)
    if output.format == "table" and sys.stderr.isatty():
        note(_summary([item for items in objects.values() for item in items]))
        if unsure:
            from ipcctl.cli.objects import not_judged

            note(not_judged(unsure))
    note_gaps(gaps)
    return int(snapshot.broken)


def _summary(items: Sequence[IpcObject]) -> str:
    if not items:
        return "no objects"
    owners = len({item.uid for item in items})
    total = human_bytes(sum(map(size_of, items)))
    return f"\n{count(len(items), 'object')}, {total}, {count(owners, 'owner')}"
