"""``ipcctl set``: change an object that stays."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from ipcctl.act.alter import Alterer, wanted
from ipcctl.act.judge import Judge
from ipcctl.cli.confirmation import confirm
from ipcctl.cli.objects import Asked, Verb
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import Output, choose_format, note, note_gaps
from ipcctl.kernel.host import Host
from ipcctl.model.names import escape
from ipcctl.model.verdict import IN_USE
from ipcctl.parse.reference import parse_reference
from ipcctl.policy.selection import Selection
from ipcctl.render.alterations import alteration_listing, altered_record

app = new_command()

_VERB = Verb("set", "set", "changed")
_FORMATS = ("table", "plain", "json")
_EXAMPLES = """\b
Examples:
  ipcctl set shm:65538 --mode 640 --owner postgres:www-data
  ipcctl set sem:0x5432abcd --value 3=1        one of them; all: --values 1,0
  ipcctl set msg:0x2a --qbytes 64K --dry-run   before and after; no change
  ipcctl set pshm:/cache --size 2G             smaller if nobody maps it
  ipcctl set psem:/lock --value 1 --yes        also while it is open
"""


def choose(
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="Permissions, octal: 640.")] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="USER[:GROUP]", help="Owner, or USER:GROUP, or :GROUP; names or numbers.")
    ] = None,
    qbytes: Annotated[str | None, typer.Option(metavar="SIZE", help="Bytes that msg may hold: 64K.")] = None,
    value: Annotated[
        list[str], typer.Option(metavar="[NUM=]V", help="Value of semaphore NUM of sem (repeatable), or of psem.")
    ] = [],  # noqa: B006  typer copies it
    values: Annotated[str | None, typer.Option(metavar="V,...", help="Values of all semaphores of sem.")] = None,
    lock: Annotated[
        bool | None, typer.Option("--lock/--unlock", help="Keep shm in memory, or let it be swapped again.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="SIZE", help="Bytes of pshm.")] = None,
) -> dict[str, Any]:
    """What is to be, as typed, by option."""
    given = dict(locals())
    return {"--lock/--unlock": given.pop("lock"), **{f"--{name}": text for name, text in given.items()}}


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, texts=choose)
def alter(
    ref: Annotated[str, typer.Argument(metavar="REF", help="shm:ID shm:0xKEY pmsg:/NAME")],
    *,
    texts: dict[str, Any],
    force: Annotated[bool, typer.Option("--force", help="Make pshm smaller even if that kills who maps it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would change and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, though it is in use.")] = False,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help="table, plain or json.")] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    host: Host,
) -> None:
    """Change an object: owner, permissions, limit, values, lock or size. Asks first if processes use it."""
    want = wanted(host, parse_reference(ref).kind, texts)
    output = Output(
        choose_format(format, json=json, formats=_FORMATS), None, None, headings=True, exact_bytes=False, numeric=False
    )
    view = output.view(host, time.time())
    (item,), gaps = Asked(_VERB, (), (ref,), Selection()).look_up(host, view.now)
    seen = None  # what a person saw and said yes to
    with Judge(host, {item.kind}) as judge:
        alterer = Alterer(host, item, want, judge)
        plan = alterer.plan()
        if plan:
            alterer.check(force=force)
            if not dry_run:
                verdict, why = alterer.verdict()
                if verdict == IN_USE and not yes:
                    why = escape(why)
                    question = f"Set {item.ref}, which is in use ({why})?"
                    hint = f"it is in use ({why}): --dry-run shows what would change, --yes changes it"
                    confirm([alteration_listing(plan, view)], question, undone="nothing was changed", hint=hint)
                    seen = plan
                plan = alterer.carry_out(plan, force=force)
    result = "unchanged" if not plan else "would set" if dry_run else "set"
    text = output.format in ("table", "plain")
    if output.format != "table" or plan != seen:
        listings = [alteration_listing(plan, view)] if text else altered_record(alterer.item, plan, result, view)
        output.write(listings, gaps)
    note_gaps(gaps)
    note(f"{item.ref}: {_SAID[result]}")


_SAID = {"unchanged": "is so already; nothing was changed", "would set": "would be changed", "set": "changed"}
