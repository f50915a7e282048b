"""``ipcctl show``: everything about an object."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from ipcctl.act.judge import Judge
from ipcctl.act.origin import origin_of
from ipcctl.cli.objects import find
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import choose_format, note, note_gaps, print_rich, write
from ipcctl.errors import ObjectMissing, UsageError
from ipcctl.kernel.detail import read_detail
from ipcctl.kernel.host import Host
from ipcctl.policy.producers import producer_of
from ipcctl.render.columns import View
from ipcctl.render.detail import Exhibit, as_lines, as_panel, as_records

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl show shm:65538         permissions, times, sizes
  ipcctl show sem:0x5432abcd    each semaphore: value, waiters, last process
  ipcctl show msg:3 --peek 5    the first five messages, left where they are
  ipcctl show pmsg:/jobs --json
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def show(
    refs: Annotated[list[str], typer.Argument(metavar="REF...", help="shm:ID shm:0xKEY pmsg:/NAME")],
    *,
    peek: Annotated[int, typer.Option(metavar="N", help="Show the first N messages without taking them.")] = 0,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help="table, plain or json.")] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    host: Host,
) -> int:
    """Show everything about the objects named: who holds them, whether they are still needed, what is in them."""
    if peek < 0:
        message = f"bad --peek {peek}"
        raise UsageError(message, hint="a number of messages, 0 or more")
    chosen = choose_format(format, json=json, formats=("table", "plain", "json"))
    found = find(host, refs)
    view = View(host.accounts.users, host.accounts.groups, time.time())
    with Judge(host, {item.kind for item in found.objects}) as judge:
        exhibits = [_exhibit(host, judge, item, peek, view) for item in found.objects]
    gaps = [*found.gaps, *judge.gaps, *(gap for exhibit in exhibits for gap in exhibit.detail.gaps)]
    if chosen == "json":
        write(as_records(exhibits, gaps))
    elif chosen == "table":
        print_rich(as_panel(exhibit) for exhibit in exhibits)
    else:
        for number, exhibit in enumerate(exhibits):
            write(["\n"] if number else [])
            write(as_lines(exhibit))
    note_gaps(gaps)
    for ref in found.missing:
        note(f"ipcctl: no such object: {ref}")
    if found.missing:
        note(f"  hint: {ObjectMissing.hint}")
    return int(bool(found.missing) or any(gap.broken for gap in gaps))


def _exhibit(host: Host, judge: Judge, item: Any, peek: int, view: View) -> Exhibit:  # noqa: ANN401  any object
    detail = read_detail(host, item, peek)
    commands = judge.commands(item, [semaphore.pid for semaphore in detail.semaphores])
    holders = judge.holders(item)
    return Exhibit(
        item,
        detail,
        commands,
        view,
        judge.verdict_on(item),
        holders,
        producer_of(item, host.accounts.users),
        origin_of(host, item, commands),
    )
