"""``ipcctl doctor``: what is wrong here, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from ipcctl.act.examination import Examination
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import choose_format, note_gaps, print_rich, write
from ipcctl.kernel.host import Host
from ipcctl.model.finding import CRITICAL
from ipcctl.policy.checks import CHECKS, choose_checks, examine
from ipcctl.render.findings import as_lines, as_page, as_records

app = new_command()

_EXAMPLES = f"""\b
Checks:
{chr(10).join(f"  {check.name:<10} {check.help}" for check in CHECKS.values())}

\b
Examples:
  ipcctl doctor                              all of them, the worst first
  ipcctl doctor --check room --check limits  will the next object fit?
  ipcctl doctor --json | jq -r '.findings[] | .severity + ": " + .finding'
"""


def _complete(incomplete: str) -> list[str]:
    """The checks that begin like that, for the shell."""
    return [name for name in CHECKS if name.startswith(incomplete)]


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def doctor(
    *,
    check: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="Only this check. Repeatable.", autocompletion=_complete),
    ] = [],  # noqa: B006  typer copies it
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help="table, plain or json.")] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    system: Annotated[str, typer.Option("--system", hidden=True, metavar="DIR")] = "",
    host: Host,
) -> int:
    """Say what is wrong here and what to do about it. Exit 1 when something is critical."""
    chosen = choose_format(format, json=json, formats=("table", "plain", "json"))
    checks = choose_checks(check)
    host.roots = host.roots._replace(system=system)
    with Examination(host, checks) as examination:
        findings = examine(checks, examination.facts())
        gaps = examination.gaps
    if chosen == "json":
        write(as_records(findings, gaps))
    elif chosen == "table":
        print_rich(as_page(findings), soft_wrap=True)
    else:
        write(as_lines(findings))
    note_gaps(gaps)
    return int(any(gap.broken for gap in gaps) or any(finding.severity == CRITICAL for finding in findings))
