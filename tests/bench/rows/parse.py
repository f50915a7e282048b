"""Parsing alone: the text is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import BenchError, repeat
from tests.bench.population import make

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

GOAL = at_most(2.5, "us/object")
PARTS = (16, 4, 1)
"""Fractions of the listing, to see whether the time grows with it."""


@row("parse-msg", "`parse_msg` on P", GOAL)
def parse_msg(bench: Bench) -> Outcome:
    from ipcctl.parse import sysvipc

    return _per_object(bench, "msg", sysvipc.parse_msg)


@row("parse-sem", "`parse_sem` on P", GOAL)
def parse_sem(bench: Bench) -> Outcome:
    from ipcctl.parse import sysvipc

    return _per_object(bench, "sem", sysvipc.parse_sem)


@row("parse-shm", "`parse_shm` on P", GOAL)
def parse_shm(bench: Bench) -> Outcome:
    from ipcctl.parse import sysvipc

    return _per_object(bench, "shm", sysvipc.parse_shm)


def _per_object(bench: Bench, kind: str, parse: Callable[[str], Sized]) -> Outcome:
    """The figure is the worst of the sizes."""
    make(bench.p)
    with open(f"/proc/sysvipc/{kind}") as file:
        header, *lines = file.readlines()
    found = []
    for part in PARTS:
        count = len(lines) // part
        text = "".join([header, *lines[:count]])
        if len(parse(text)) != count:
            raise BenchError(f"{kind}: not every one of {count} lines became an object")
        sample = repeat(lambda text=text: parse(text), bench.runs)  # type: ignore[misc]
        found.append((count, sample, sample.seconds / count * 1e6))
    note = ", ".join(f"{count}: {figure:.2f} us" for count, _, figure in found)
    return Outcome(max(figure for *_, figure in found), found[-1][1], note=note)
