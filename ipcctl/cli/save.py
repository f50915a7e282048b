"""``ipcctl save``: an object's whole content into a file."""

from __future__ import annotations

from typing import Annotated

import typer

from ipcctl.act.archive.save import Saver
from ipcctl.act.judge import Judge
from ipcctl.cli.objects import Verb, ask
from ipcctl.cli.options import Chosen, choose, new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, note, note_gaps
from ipcctl.cli.removal import numbers
from ipcctl.kernel.host import Host
from ipcctl.model.removal import FAILED
from ipcctl.render.outcomes import outcome_listing, outcome_records

app = new_command()

_VERB = Verb("save", "save", "saved")

_EXAMPLES = """\b
Examples:
  ipcctl save shm:65538 -d /var/backups/ipc     one object, a file of its own
  ipcctl save --user me -d .                    all of mine
  ipcctl save pmsg:/jobs -d . --drain           messages go out and back
  ipcctl archive ./*.ipcctl                     what is in the files
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, chosen=choose)
def save(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF|KIND]...", help="shm:ID shm:0xKEY pmsg:/NAME; or a kind, to limit the filters."),
    ] = None,
    *,
    directory: Annotated[str, typer.Option("--dir", "-d", metavar="DIR", help="Where the files go.")],
    chosen: Chosen,
    all: Annotated[bool, typer.Option("--all", help="Every object: the explicit absence of a filter.")] = False,  # noqa: A002
    drain: Annotated[
        bool,
        typer.Option(
            "--drain",
            help="Take the messages of POSIX queues out and put them back in order. Meanwhile others see fewer; "
            "a kill -9 in between loses what is out.",
        ),
    ] = False,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    host: Host,
) -> int:
    """Save the objects named, or those that filters select: content and metadata, one file each."""
    asked = ask(what or [], chosen.on(host), _VERB, everything=all)
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=False, numeric=numeric)
    view = output.view(host, chosen.now)
    with Saver(host, directory, drain=drain) as saver:
        objects, gaps = asked.look_up(host, chosen.now)
        with Judge(host, {item.kind for item in objects}) as judge:
            objects = judge.select(objects, asked.selection, chosen.now)
            gaps = (*gaps, *judge.gaps)
        outcomes = [saver.save(item) for item in objects]
    text = output.format in ("table", "plain")
    output.write([outcome_listing(outcomes, view, "Saved")] if text else outcome_records(outcomes, view), gaps)
    note_gaps(gaps)
    note(numbers(outcomes) or "nothing matches; nothing was saved")
    return int(any(step.result == FAILED for step in outcomes))
