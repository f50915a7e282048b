"""``ipcctl clean``: remove what a policy file says, and no more."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import typer

from ipcctl.act.powers import lacking
from ipcctl.act.remove import Remover
from ipcctl.cli.notes import note, note_gaps
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format
from ipcctl.cli.policy import DEFAULT_POLICY, load_policy
from ipcctl.cli.record import RecordAsked, choose_record
from ipcctl.cli.removal import carry_out, numbers, report
from ipcctl.errors import Refused
from ipcctl.kernel.host import Host
from ipcctl.kernel.lock import only_run
from ipcctl.model.removal import FAILED, Outcome
from ipcctl.policy.cleaning import PROTECTED, over_the_limits, plan_cleaning

if TYPE_CHECKING:
    from ipcctl.act.archive.save import Saver

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl policy check FILE                what a policy means, in words
  ipcctl clean --policy FILE --dry-run    what it would remove now, and why
  ipcctl clean --log /var/log/ipcctl.log  from cron: /etc/ipcctl/policy.toml
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, recorded=choose_record)
def clean(
    *,
    policy: Annotated[str, typer.Option("--policy", metavar="FILE", help="The policy.")] = DEFAULT_POLICY,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan and stop; no record.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another run to end instead of leaving.")] = False,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    textfile: Annotated[
        str | None, typer.Option("--textfile", metavar="PATH.prom", help="Write metrics of the run for node_exporter.")
    ] = None,
    recorded: RecordAsked,
    host: Host,
) -> int:
    """Remove what the rules of a policy file say. What is in use or protected is kept, and a run has limits."""
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=False, numeric=numeric)
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        if not dry_run:
            stack.enter_context(only_run("clean", wait=wait, waiting=lambda what: note(f"ipcctl: {what}; waiting")))
            stack.enter_context(_metrics(textfile, outcomes))
        now = time.time()
        view = output.view(host, now)
        prepared = load_policy(policy, host)
        if not dry_run:
            record = recorded.open("clean", view, policy)
            savers = {ready.rule.name: _saver(host, ready.rule.save_dir, stack) for ready in prepared.rules}
        snapshot = host.snapshot(prepared.kinds, queue_limits=False)
        if snapshot.broken:
            note_gaps(snapshot.gaps)
            raise Refused("the listing is not whole; nothing was removed")
        remover = stack.enter_context(Remover(host, prepared.kinds))
        plan = plan_cleaning(prepared, snapshot.objects, remover.judge.verdict_on, host.accounts.users, now)
        gaps = (*lacking(), *snapshot.gaps, *remover.judge.gaps)
        excess = over_the_limits(plan, prepared.policy)
        if dry_run or excess:
            report(plan, output, view, gaps, rules=True)
            if excess:
                outcomes += plan
                raise Refused(
                    f"{excess}; nothing was removed", hint="mend the policy, or raise its limit in [defaults]"
                )
            if sys.stderr.isatty():
                note(numbers(plan) or "no rule takes anything; nothing would be removed")
            return 0

        by_rule = groupby(plan, attrgetter("rule"))
        people = output.format in ("table", "plain")

        def remove(portions: Iterable[Sequence[Outcome]]) -> Iterator[Outcome]:
            removing = record.carry_out(portions, lambda some: remover.carry_out_portion(some, savers[some[0].rule]))
            return _shown(removing, outcomes, people=people)

        carry_out(
            (
                portion
                for rule, steps in by_rule
                for portion in remover.portions(steps, savers[rule], recorded=recorded.asked)
            ),
            remove,
            *(plan, output, view, gaps),
            rules=True,
            saves=any(savers.values()),
            tell=sys.stderr.isatty(),
        )
    return int(any(step.result == FAILED for step in outcomes))


def _shown(steps: Iterable[Outcome], outcomes: list[Outcome], *, people: bool) -> Iterator[Outcome]:
    """Put *steps* into *outcomes*; what is protected is no news for *people*."""
    for step in steps:
        outcomes.append(step)
        if not (people and step.why.startswith(PROTECTED)):
            yield step


def _saver(host: Host, directory: str | None, stack: contextlib.ExitStack) -> Saver | None:
    if directory is None:
        return None
    from ipcctl.act.archive.save import Saver

    return stack.enter_context(Saver(host, directory, drain=False))


@contextlib.contextmanager
def _metrics(path: str | None, outcomes: list[Outcome]) -> Iterator[None]:
    """Write the metrics of the run to *path*, also of one that failed."""
    if path is None:
        yield
        return
    from ipcctl.exporter.cleaning import clean_families
    from ipcctl.exporter.textfile import check_textfile, write_textfile

    check_textfile(path)
    began, success = time.time(), False
    try:
        yield
        success = not any(step.result == FAILED for step in outcomes)
    finally:
        write_textfile(path, clean_families(outcomes, began, time.time(), success=success))
