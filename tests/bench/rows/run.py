"""What `ipcctl run` adds to a command."""

from __future__ import annotations

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import alternate, ipcctl, timed

TRUE = ["true"]
MORE_RUNS = 3
"""A start is short and scatters."""


@row("run", "`ipcctl run -- true` minus `true`", at_most(60, "ms"))
def run(bench: Bench) -> Outcome:
    ours, bare = alternate(lambda: timed(ipcctl("run", "--", *TRUE)), lambda: timed(TRUE), bench.runs * MORE_RUNS)
    return Outcome((ours.seconds - bare.seconds) * 1000, ours, bare)
