"""``ipcctl archive``: look inside files of saved objects."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ipcctl.act.archive.check import check_archive
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, note
from ipcctl.errors import BadArchive, UsageError
from ipcctl.kernel.host import Host
from ipcctl.render.archives import archive_listing, archive_records, inside_listings

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl archive shm-0x2a-65538.*.ipcctl    what it holds; is it whole?
  ipcctl archive pmsg-jobs.*.ipcctl --peek 5       its first five messages
  ipcctl archive ./*.ipcctl --json | jq '.objects[] | {file, user}'
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def archive(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="What ipcctl save or rm --save wrote.")],
    *,
    peek: Annotated[
        int, typer.Option(metavar="N", help="Also the first N messages of each queue and values of each set.")
    ] = 0,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    host: Host,
) -> int:
    """Read files of saved objects from end to end and show what is in them. Nothing is made."""
    if peek < 0:
        message = f"bad --peek {peek}"
        raise UsageError(message, hint="how many: 0 or more")
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=False, numeric=numeric)
    whole, broken = [], []
    for path in files:
        try:
            whole.append(check_archive(path, peek))
        except BadArchive as refusal:
            broken.append(refusal)
    view = output.view(host, time.time())
    text = output.format in ("table", "plain")
    listings = [archive_listing(whole, view), *inside_listings(whole, view, peek)]
    output.write(listings if text else archive_records(whole, view), ())
    for error in broken:
        note(f"ipcctl: {error}" + (f"\n  hint: {error.hint}" if error.hint else ""))
    return int(bool(broken))
