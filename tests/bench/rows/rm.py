"""Removing everything."""

from __future__ import annotations

from tests.bench.bench import Bench, Outcome, at_least, at_most, row
from tests.bench.measure import BenchError, Run, Sample, alternate, ipcctl, timed
from tests.bench.population import Population, count, ids, make
from tests.live import namespace

OURS = ipcctl("rm", "--user", "me", "--yes")
IN_LOOP = 300
"""How many objects the shell loop removes; the time for P is computed from it."""


@row("rm", "`ipcctl rm --user me --yes` on P, against `ipcrm -a`", at_most(3.0, "x"))
def rm(bench: Bench) -> Outcome:
    ours, peer = alternate(
        lambda: _on_twin(OURS, bench.p),
        lambda: _on_twin(["ipcrm", "-a"], bench.p),
        max(3, bench.runs // 2),
        warm_up=False,
    )
    return Outcome(ours.seconds / peer.seconds, ours, peer)


@row("rm-loop", "`ipcctl rm --user me --yes` on P, against a shell loop of `ipcrm`", at_least(100, "x faster"))
def rm_against_loop(bench: Bench) -> Outcome:
    ours, loop = alternate(lambda: _on_twin(OURS, bench.p), _loop, max(3, bench.runs // 2), warm_up=False)
    extrapolated = Sample(loop.seconds / IN_LOOP * bench.p.total, loop.peak)
    note = f"the loop extrapolated from {IN_LOOP} objects"
    return Outcome(extrapolated.seconds / ours.seconds, ours, extrapolated, note)


def _on_twin(command: list[str], population: Population) -> Run:
    """Time a command that removes a fresh population, in a fresh namespace."""
    namespace.enter()
    make(population)
    run = timed(command)
    if left := count():
        raise BenchError(f"{' '.join(command)} left {left} of {population.total} objects")
    return run


def _loop() -> Run:
    """What users write today: one ipcrm per object."""
    namespace.enter()
    make(Population(IN_LOOP, 0, 0))
    numbers = " ".join(map(str, ids("msg")))
    return timed(["sh", "-c", f"for id in {numbers}; do ipcrm -q $id; done"])
