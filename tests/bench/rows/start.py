"""How long a command takes that has nothing to do."""

from __future__ import annotations

import os
import sys

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import ipcctl

EMPTY_PROGRAM = os.path.join(os.path.dirname(os.path.dirname(__file__)), "empty_typer.py")
MORE_RUNS = 3
"""Starts are short and scatter: measure them this many times more often."""


@row("start-ls", "cold `ipcctl ls`, nothing to list, against an empty typer program", at_most(1.4, "x"))
def start_ls(bench: Bench) -> Outcome:
    often = bench._replace(runs=bench.runs * MORE_RUNS)
    return often.against(ipcctl("ls"), [sys.executable, EMPTY_PROGRAM])
