"""``ipcctl rm``: remove objects, safely."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ipcctl.act.remove import Remover
from ipcctl.cli.confirmation import confirm
from ipcctl.cli.objects import Verb, ask, not_judged
from ipcctl.cli.options import Chosen, choose, new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, note
from ipcctl.cli.record import RecordAsked, choose_record
from ipcctl.cli.removal import carry_out, numbers, report
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.removal import FAILED, KEPT, WOULD_REMOVE, Outcome
from ipcctl.model.words import count
from ipcctl.policy.plan import plan_removal
from ipcctl.render.columns import View
from ipcctl.render.outcomes import outcome_listing

if TYPE_CHECKING:
    from ipcctl.act.archive.save import Saver

app = new_command()

_VERB = Verb("rm", "remove", "removed")
_MIN_IDLE = 60  # seconds: a program between create and attach must not lose its object

_EXAMPLES = """\b
Examples:
  ipcctl rm shm:65538 msg:0x5432abcd pmsg:/jobs    by id, key or name
  ipcctl rm --user me --dry-run                    what would go, and why
  ipcctl rm --user "$SLURM_JOB_USER" --yes         in an epilog script
  ipcctl rm --orphaned --dry-run                   what nobody needs any more
  ipcctl rm shm --unattached --older-than 2h       one kind only
  ipcctl rm --orphaned --save /var/backups/ipc     each saved to a file first
  ipcctl rm --all --yes                            all that is not in use
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, chosen=choose, recorded=choose_record)
def rm(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF|KIND]...", help="shm:ID shm:0xKEY pmsg:/NAME; or a kind, to limit the filters."),
    ] = None,
    *,
    chosen: Chosen,
    all: Annotated[bool, typer.Option("--all", help="Every object: the explicit absence of a filter.")] = False,  # noqa: A002
    force: Annotated[bool, typer.Option("--force", help="Also what is in use.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan and stop.")] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="DIR", help="Save each object to a file in DIR first, or keep it.")
    ] = None,
    drain: Annotated[
        bool,
        typer.Option("--drain", help="With --save: POSIX queues too, whose messages are taken out for it."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Required without a terminal.")] = False,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    recorded: RecordAsked,
    host: Host,
) -> int:
    """Remove the objects named, or those that filters select. What is in use is kept unless --force."""
    asked_for = ask(what or [], chosen.on(host, min_idle=_MIN_IDLE), _VERB, everything=all)
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=False, numeric=numeric)
    view = output.view(host, chosen.now)
    with contextlib.ExitStack() as stack:
        saver = stack.enter_context(_saver(host, save, drain=drain)) if save is not None or drain else None
        objects, gaps = asked_for.look_up(host, chosen.now)
        remover = stack.enter_context(Remover(host, {item.kind for item in objects}, force=force))
        objects = remover.judge.select(objects, asked_for.selection, chosen.now)
        outcomes = plan_removal(objects, remover.judge.verdict_on, force=force)
        gaps = (*gaps, *remover.judge.gaps)
        asked = not (yes or dry_run) and any(step.result == WOULD_REMOVE for step in outcomes)
        record = RecordAsked().open("rm", view) if dry_run else recorded.open("rm", view)
        if asked:
            _confirm(outcomes, view)
        if not dry_run:
            outcomes = carry_out(
                remover.portions(outcomes, saver, recorded=recorded.asked),
                lambda portions: record.carry_out(portions, lambda some: remover.carry_out_portion(some, saver)),
                outcomes,
                output,
                view,
                gaps,
                quiet=asked,
                saves=saver is not None,
            )
        else:
            report(outcomes, output, view, gaps)
            note(numbers(outcomes) or "nothing matches; nothing would be removed")
        if remover.judge.young:
            spared = f"used in the last {asked_for.selection.min_idle:.0f}s left alone (--min-idle)"
            note(f"{count(remover.judge.young, 'object')} {spared}")
        if remover.judge.unsure:
            note(not_judged(remover.judge.unsure))
    return int(any(step.result == FAILED or (asked_for.refs and step.result == KEPT) for step in outcomes))


def _saver(host: Host, directory: str | None, *, drain: bool) -> Saver:
    from ipcctl.act.archive.save import Saver

    if directory is None:
        message = "--drain without --save"
        raise UsageError(message, hint="it says that saving may take the messages of POSIX queues out")
    return Saver(host, directory, drain=drain)


def _confirm(plan: Sequence[Outcome], view: View) -> None:
    going = sum(step.result == WOULD_REMOVE for step in plan)
    confirm(
        [outcome_listing(plan, view, "Plan")],
        f"Remove {count(going, 'object')}?",
        undone="nothing was removed",
        hint="--dry-run shows what would go, --yes removes it",
    )
