"""``ipcctl limits``: every limit beside its use."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ipcctl.act.limits import limits_beside_use
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, is_wide, note, note_gaps
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import MSG, PMSG, SEM, SHM
from ipcctl.policy.usage import over
from ipcctl.render.usage import limit_listing

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl limits               a bar for everything that can fill up
  ipcctl limits --check 80    exit 1 and name what is over 80 % (for cron)
  ipcctl limits --json | jq '.limits[] | select(.percent > 50)'
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def limits(
    *,
    check: Annotated[
        float | None, typer.Option(metavar="PCT", help="Exit 1 and name what is used above PCT percent.")
    ] = None,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    host: Host,
) -> int:
    """Show every IPC limit beside its use: what all objects take together, or the largest single one."""
    if check is not None and not 0 <= check <= 100:  # noqa: PLR2004  percent
        message = f"bad --check {check:g}"
        raise UsageError(message, hint="a percentage from 0 to 100")
    chosen = choose_format(format, json=json)
    snapshot = host.snapshot((SHM, SEM, MSG, PMSG), queue_limits=False)
    found, unread = limits_beside_use(host, snapshot)
    gaps = [*snapshot.gaps, *unread]
    high = found if check is None else over(found, check)
    output = Output(chosen, None, None, headings=True, exact_bytes=False, numeric=True)
    listing = limit_listing(high, output.view(host, time.time()), people=chosen == "table", wide=is_wide())
    output.write([listing], gaps, "limits")
    note_gaps(gaps)
    if check is not None and high:
        note(f"ipcctl: over {check:g} %: {' '.join(limit.name for limit in high)}")
    return int(any(gap.broken for gap in gaps) or (check is not None and bool(high)))
