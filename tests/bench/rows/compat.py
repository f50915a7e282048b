"""Being ipcs and ipcrm."""

from __future__ import annotations

import sys

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import alternate, ipcctl
from tests.bench.population import UNNAMED, make
from tests.bench.rows.rm import _on_twin
from tests.bench.rows.start import MORE_RUNS


@row("ipcs", "`ipcctl ipcs -a` on P, against `ipcs -a`", at_most(0.5, "x"))
def ipcs(bench: Bench) -> Outcome:
    make(bench.p)
    return bench.against(ipcctl("ipcs", "-a"), ["ipcs", "-a"])


@row("ipcs-unnamed", "the same, owned by 1,000 uids without a name", at_most(0.1, "x"))
def ipcs_unnamed(bench: Bench) -> Outcome:
    make(bench.p, UNNAMED)
    return bench._replace(runs=max(3, bench.runs // 3)).against(ipcctl("ipcs", "-a"), ["ipcs", "-a"])


@row("ipcrm", "`ipcctl ipcrm -a` on P, against `ipcrm -a`", at_most(3.0, "x"))
def ipcrm(bench: Bench) -> Outcome:
    ours, peer = alternate(
        lambda: _on_twin(ipcctl("ipcrm", "-a"), bench.p),
        lambda: _on_twin(["ipcrm", "-a"], bench.p),
        max(3, bench.runs // 2),
        warm_up=False,
    )
    return Outcome(ours.seconds / peer.seconds, ours, peer)


@row("start-ipcs", "cold `ipcctl ipcs`, nothing to list, against `python -c pass`", at_most(2.2, "x"))
def start_ipcs(bench: Bench) -> Outcome:
    often = bench._replace(runs=bench.runs * MORE_RUNS)
    return often.against(ipcctl("ipcs"), [sys.executable, "-c", "pass"])
