"""Listing everything."""

from __future__ import annotations

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import BenchError, ipcctl, timed
from tests.bench.population import make

PEER = ["ipcs", "-a"]


@row("ls", "`ipcctl ls` on P, against `ipcs -a`", at_most(1.0, "x"))
def ls(bench: Bench) -> Outcome:
    return _against_ipcs(bench, ipcctl("ls"))


@row("ls-json", "`ipcctl ls --json` on P, against `ipcs -a`", at_most(1.0, "x"))
def ls_json(bench: Bench) -> Outcome:
    return _against_ipcs(bench, ipcctl("ls", "--json"))


def _against_ipcs(bench: Bench, command: list[str]) -> Outcome:
    make(bench.p)
    for listing in (command, PEER):
        if timed(listing, mark=b"0x").marks < bench.p.total:
            raise BenchError(f"{' '.join(listing)} does not list all {bench.p.total} objects")
    return bench.against(command, PEER)
