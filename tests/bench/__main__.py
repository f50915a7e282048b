"""`python -m tests.bench [--quick] [--write] [ROW...]`: see --help."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys

from tests.bench import rows
from tests.bench.bench import ROWS, Bench, Row, run_row
from tests.bench.measure import BenchError
from tests.bench.population import Population
from tests.bench.report import Line, report
from tests.live import namespace

RESULTS = os.path.join(os.path.dirname(__file__), "RESULTS.md")
QUICK = Bench(p=Population(queues=3_200, sets=3_200, segments=400), runs=3)


def main() -> int:
    """Measure what is asked for, print the table, keep it when complete; 1 if a row could not be measured."""
    for module in sorted(found.name for found in pkgutil.iter_modules(rows.__path__)):
        importlib.import_module(f"{rows.__name__}.{module}")
    options = _options()
    wanted = [ROWS[name] for name in options.names or ROWS]
    bench = QUICK if options.quick else Bench()
    try:
        namespace.enter()
    except namespace.NamespaceUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    lines = [_measure(it, bench) for it in wanted]
    page = report(lines, bench)
    print(f"\n{page}")
    failed = [line.row.name for line in lines if isinstance(line.outcome, str)]
    complete = not failed and not options.quick and not options.names
    if complete or options.write:
        with open(RESULTS, "w") as file:
            file.write(page)
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure ipcctl beside its peers, in a private IPC namespace.",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the objects, few runs: does it work at all?")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md even if this is not the whole table")
    parser.add_argument("names", metavar="ROW", nargs="*", help=f"rows to measure: {', '.join(ROWS)}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return options


def _measure(it: Row, bench: Bench) -> Line:
    print(f"{it.name} ... ", end="", file=sys.stderr, flush=True)
    try:
        outcome = run_row(it, bench)
    except BenchError as error:
        print(f"FAILED\n{error}", file=sys.stderr)
        return Line(it, str(error))
    print(f"{outcome.figure:.2f} {it.goal.unit} (goal {it.goal})", file=sys.stderr)
    return Line(it, outcome)


if __name__ == "__main__":
    sys.exit(main())
