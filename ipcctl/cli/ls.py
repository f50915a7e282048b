"""``ipcctl ls``: list objects."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ipcctl.cli.options import Chosen, choose, new_command, open_host, with_options
from ipcctl.cli.output import Output, check_kinds, choose_output, note, note_gaps
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS, MSG
from ipcctl.policy.selection import check_applies, select
from ipcctl.policy.usage import size_of
from ipcctl.render.cells import human_bytes

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
    chosen: Chosen,
    output: Output,
    host: Host,
) -> int:
    """List IPC objects: all six kinds, or those named."""
    wanted = check_kinds(kinds or [])
    selection = chosen.on(host)
    check_applies(wanted, selection)
    output.check(wanted)
    snapshot = host.snapshot(wanted, queue_limits=output.needs(("qbytes", "fill"), MSG))
    objects = {kind: select(items, kind, selection, chosen.now) for kind, items in snapshot.objects.items()}
    output.write(output.listings(objects, output.view(host, chosen.now)), snapshot.gaps)
    if output.format == "table" and sys.stderr.isatty():
        items = [item for chosen_items in objects.values() for item in chosen_items]
        total, owners = sum(map(size_of, items)), len({item.uid for item in items})
        note(
            f"\n{len(items)} objects, {human_bytes(total)}, {owners} owner{'s' * (owners != 1)}"
            if items
            else "no objects"
        )
    note_gaps(snapshot.gaps)
    return int(snapshot.broken)
