"""Carrying out a plan of removal and reporting it: what rm and clean share."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from typing import TYPE_CHECKING

from ipcctl.cli.output import note, note_gaps
from ipcctl.model.removal import FAILED, WOULD_REMOVE
from ipcctl.render.outcomes import outcome_listing, outcome_listings_by_rule, outcome_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import FrameType

    from ipcctl.cli.output import Output
    from ipcctl.model.removal import Outcome
    from ipcctl.model.snapshot import Gap
    from ipcctl.render.columns import View

    Portion = Sequence[Outcome]


def carry_out(
    portions: Iterable[Portion],
    remove: Callable[[Iterable[Portion]], Iterable[Outcome]],
    plan: Sequence[Outcome],
    output: Output,
    view: View,
    gaps: Sequence[Gap],
    *,
    quiet: bool = False,
    rules: bool = False,
    saves: bool = False,
    tell: bool = True,
) -> list[Outcome]:
    """Remove the *portions* of *plan* and report, whatever happens on the way.

    *quiet* = people saw the plan, show what differs from it; *rules* = with the rule that took each object;
    *saves* = content is saved first, which may take long and can be broken off; *tell* = end with the numbers.
    """
    outcomes: list[Outcome] = []
    with _interrupt_held() as interrupt:
        try:
            interrupt.at_once = saves
            outcomes.extend(remove(interrupt.between(portions)))
        except KeyboardInterrupt:
            note("\ninterrupted: what is not listed was not removed" + ", or is saved in a file" * saves)
            raise
        finally:
            interrupt.at_once = False
            planned = {step.object.ref: step for step in plan} if quiet and output.format == "table" else {}
            shown = [
                s for s in outcomes if not planned or (s.result == FAILED or s.result != planned[s.object.ref].result)
            ]
            report(shown, output, view, gaps, rules=rules)
            if tell:
                note(numbers(outcomes) or "nothing matches; nothing was removed")
    return outcomes


def numbers(outcomes: Iterable[Outcome]) -> str:
    """How many of *outcomes* ended in which way; empty = there are none."""
    counts = Counter(step.result for step in outcomes)
    return ", ".join(f"{count} {_IN_SUM.get(result, result)}" for result, count in counts.items())


_IN_SUM = {WOULD_REMOVE: "would be removed"}


class _Interrupt:
    """Ctrl-C, kept until it breaks nothing off; a second one is not kept."""

    def __init__(self) -> None:
        self.at_once = False  # what is being done can be broken off
        self._came = False

    def come(self, number: int, frame: FrameType | None) -> None:
        if self.at_once or self._came:
            signal.default_int_handler(number, frame)
        self._came = True

    def between(self, portions: Iterable[Portion]) -> Iterator[Portion]:
        """The *portions*, until it came. Raises KeyboardInterrupt."""
        for portion in portions:
            if self._came:
                raise KeyboardInterrupt
            yield portion


@contextlib.contextmanager
def _interrupt_held() -> Iterator[_Interrupt]:
    interrupt = _Interrupt()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt.come)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


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
