"""``ipcctl users``: totals per owner."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, note_gaps
from ipcctl.kernel.host import Host
from ipcctl.policy.usage import owner_totals
from ipcctl.render.usage import owner_listing

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl users                       who owns how much, the largest first
  ipcctl users --json | jq '.users[] | select(.sem > 100)'
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def users(
    *,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    bytes: Annotated[bool, typer.Option("--bytes", help="Sizes in bytes in tables too.")] = False,  # noqa: A002
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    host: Host,
) -> int:
    """Show what each owner has: objects per kind, bytes, bytes in memory, the oldest; sorted by bytes."""
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=bytes, numeric=numeric)
    snapshot = host.snapshot(queue_limits=False)
    totals, view = owner_totals(snapshot.objects), output.view(host, time.time())
    listing = owner_listing(totals, view, tuple(snapshot.objects), people=output.format == "table")
    output.write([listing], snapshot.gaps, "users")
    note_gaps(snapshot.gaps)
    return int(snapshot.broken)
