"""The bench measures what it says, and says so when it cannot."""

from __future__ import annotations

import sys

import pytest

import tests.bench.bench
from tests.bench import population
from tests.bench.bench import Bench, Outcome, Row, at_least, at_most, row, run_row
from tests.bench.measure import BenchError, Sample, timed
from tests.bench.population import Population

SMALL = Bench(Population(queues=5, sets=4, segments=3), runs=3)
GOAL = at_most(2, "x")


def test_goal_has_a_direction() -> None:
    assert (True, False) == (at_most(2, "x").met(2), at_most(2, "x").met(2.1))
    assert (False, True) == (at_least(2, "x").met(1.9), at_least(2, "x").met(2))


def test_row_names_are_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.bench.bench, "ROWS", {})
    with pytest.raises(ValueError, match=r"twice"):
        row("twice", "", GOAL)(row("twice", "", GOAL)(lambda _: Outcome(1, Sample(1))))


def test_missing_command_fails_the_row() -> None:
    with pytest.raises(BenchError, match=r"no-such-command"):
        timed(["no-such-command"])


def test_failing_command_fails_the_row_and_says_what_it_said() -> None:
    with pytest.raises(BenchError, match=r"exit code 3\nout of luck"):
        timed(["sh", "-c", "echo out of luck >&2; exit 3"])


def test_timed_command_tells_seconds_memory_and_lines() -> None:
    run = timed([sys.executable, "-c", "import time; b'x' * 100_000_000; time.sleep(0.1); print('done')"])
    assert 1 == run.marks
    assert 0.1 < run.seconds < 30
    assert run.peak > 100_000_000 // 1024


def test_marks_are_found_across_the_pieces_the_output_is_read_in() -> None:
    assert 30_000 == timed([sys.executable, "-c", "print('0123456' * 30_000)"], mark=b"345").marks


@pytest.mark.live
def test_row_runs_in_a_namespace_of_its_own() -> None:
    def measure(bench: Bench) -> Outcome:
        population.make(bench.p)
        return bench.against(["sh", "-c", "wc -l < /proc/sysvipc/msg"], ["true"])._replace(note=str(population.count()))

    assert "12" == run_row(Row("", "", GOAL, measure), SMALL).note
    assert 0 == population.count()


@pytest.mark.live
def test_row_that_raises_is_not_skipped() -> None:
    with pytest.raises(BenchError, match=r"ZeroDivisionError"):
        run_row(Row("", "", GOAL, lambda _: Outcome(1 / 0, Sample(1))), SMALL)


@pytest.mark.live
def test_population_is_what_was_asked_for_and_can_be_cleared() -> None:
    population.make(SMALL.p)
    assert [5, 4, 3] == [len(population.ids(kind)) for kind in ("msg", "sem", "shm")]
    population.clear()
    assert 0 == population.count()


@pytest.mark.live
def test_owners_share_the_population(strangers: tuple[int, int]) -> None:
    population.make(Population(4, 0, 0), owners=strangers)
    with open("/proc/sysvipc/msg") as rows:
        owners = [int(line.split()[7]) for line in rows.readlines()[1:]]
    assert [*[strangers[0]] * 2, *[strangers[1]] * 2] == owners
