"""``ipcctl metrics``: one scrape, printed or written for node_exporter."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ipcctl.cli.collect import choose_collectors, report
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import write
from ipcctl.kernel.host import Host

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl metrics | promtool check metrics
  ipcctl metrics --textfile /var/lib/prometheus/node-exporter/ipcctl.prom
  ipcctl metrics --collect.holders --collect.users 10
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, choice=choose_collectors)
def metrics(
    *,
    textfile: Annotated[
        str | None, typer.Option(metavar="PATH", help="Write PATH (its name ends in .prom) in one step, print nothing.")
    ] = None,
    choice: Any,  # noqa: ANN401  a Choice
    host: Host,
) -> int:
    """Print what `ipcctl exporter` serves, once: Prometheus' text format."""
    from ipcctl.exporter.scrape import Scraper
    from ipcctl.exporter.textfile import check_textfile, exposition, write_textfile

    if textfile is not None:
        check_textfile(textfile)
    families = Scraper(host, choice, report).families()
    if textfile is not None:
        write_textfile(textfile, families)
    else:
        write([exposition(families).decode()])
    return 0
