"""Carrying out a plan of removal and reporting it: what rm and clean share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipcctl.cli.output import note, note_gaps
from ipcctl.model.removal import FAILED
from ipcctl.render.outcomes import outcome_listing, outcome_listings_by_rule, outcome_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipcctl.cli.output import Output
    from ipcctl.model.removal import Outcome
    from ipcctl.model.snapshot import Gap
    from ipcctl.render.columns import View


def carry_out(
    removing: Iterable[Outcome],
    plan: Sequence[Outcome],
    output: Output,
    view: View,
    gaps: Sequence[Gap],
    *,
    quiet: bool = False,
    rules: bool = False,
    tell: bool = True,
) -> list[Outcome]:
    """Remove and report, whatever happens on the way.

    *quiet* = people saw the plan, show what differs from it; *rules* = with the rule that took each object;
    *tell* = end with the numbers.
    """
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(removing)
    except KeyboardInterrupt:
        note("\ninterrupted: what is not listed was not removed")
        raise
    finally:
        planned = {step.object.ref: step for step in plan} if quiet and output.format == "table" else {}
        shown = [s for s in outcomes if not planned or (s.result == FAILED or s.result != planned[s.object.ref].result)]
        report(shown, output, view, gaps, rules=rules)
        counts = Counter(step.result for step in outcomes)
        if tell:
            said = ", ".join(f"{count} {result}" for result, count in counts.items())
            note(said or "nothing matches; nothing was removed")
    return outcomes


def report(
    outcomes: Sequence[Outcome], output: Output, view: View, gaps: Sequence[Gap], *, rules: bool = False
) -> None:
    """Put *outcomes* on stdout, and what could not be seen on stderr."""
    if output.format == "table" and rules:
        listings = outcome_listings_by_rule(outcomes, view)
    elif output.format in ("table", "plain"):
        listings = [outcome_listing(outcomes, view, "Removal", rules=rules)]
    else:
        listings = outcome_records(outcomes, view, rules=rules)
    output.write(listings, gaps)
    note_gaps(gaps)
