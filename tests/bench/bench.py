"""What a row is, and how one is run.

    @row("ls", "`ipcctl ls` on P", at_most(1.0, "x"))
    def ls(bench: Bench) -> Outcome:
        make(bench.p)
        return bench.against(ipcctl("ls"), ["ipcs", "-a"])

Each row runs in a forked child, in a fresh IPC namespace: rows cannot disturb each other, and what one has
loaded does not count in the memory of the commands another one starts.
"""

from __future__ import annotations

import os
import pickle
import traceback
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import BenchError, Sample, alternate, timed
from tests.bench.population import P, Population, clear
from tests.live import namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Goal(NamedTuple):
    """What a figure is held against."""

    limit: float
    unit: str
    """`x`: times the peer. Else the unit of the figure itself."""
    upward: bool = False
    """More is better."""

    def met(self, figure: float) -> bool:
        """Whether the figure is good enough."""
        return figure >= self.limit if self.upward else figure <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.upward else '<='} {self.limit:g} {self.unit}"


def at_most(limit: float, unit: str) -> Goal:
    """Make a goal that smaller figures meet."""
    return Goal(limit, unit)


def at_least(limit: float, unit: str) -> Goal:
    """Make a goal that larger figures meet."""
    return Goal(limit, unit, upward=True)


class Outcome(NamedTuple):
    """What a row found."""

    figure: float
    """In the unit of the row's goal."""
    ours: Sample
    peer: Sample | None = None
    note: str = ""
    """What a reader must know to read the figure."""


class Bench(NamedTuple):
    """What a row may ask for."""

    p: Population = P
    runs: int = 9
    """How often to measure what takes a fraction of a second."""

    def against(self, ours: Sequence[str], peer: Sequence[str]) -> Outcome:
        """Run two commands in turn; the figure is how many times longer ours takes."""
        mine, theirs = alternate(lambda: timed(ours), lambda: timed(peer), self.runs)
        return Outcome(mine.seconds / theirs.seconds, mine, theirs)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    work: str
    """What is measured, against what."""
    goal: Goal
    measure: Callable[[Bench], Outcome]


ROWS: dict[str, Row] = {}
"""Every row, by name, in the order of registration."""


def row(name: str, work: str, goal: Goal) -> Callable[[Callable[[Bench], Outcome]], Callable[[Bench], Outcome]]:
    """Register the decorated function as a row. Raises ValueError when the name is taken."""

    def register(measure: Callable[[Bench], Outcome]) -> Callable[[Bench], Outcome]:
        if name in ROWS:
            raise ValueError(f"two rows are called {name}")
        ROWS[name] = Row(name, work, goal, measure)
        return measure

    return register


def run_row(it: Row, bench: Bench) -> Outcome:
    """Measure one row in a child of its own. Raises BenchError with the reason when that fails."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            namespace.enter()
            answer = pickle.dumps(it.measure(bench))
            clear()
        except BenchError as error:
            answer = pickle.dumps(str(error))
        except BaseException:  # noqa: BLE001  nothing may get past the fork into the caller's code
            answer = pickle.dumps(traceback.format_exc())
        with open(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        received = pipe.read()
    os.waitpid(pid, 0)
    if not received:
        raise BenchError("the child died without a word")
    outcome = pickle.loads(received)  # noqa: S301  from our own child
    if isinstance(outcome, str):
        raise BenchError(outcome)
    return Outcome(*outcome)
