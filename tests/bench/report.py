"""The table and what it was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import KIB_PER_MIB, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.bench import Bench, Outcome, Row

PACKAGES = ("ipcctl", "typer", "rich", "prometheus_client")
HEADINGS = ("work", "ours", "peer", "figure", "goal", "met", "peak memory, ours / peer", "note")


class Line(NamedTuple):
    """A row that was measured, or the reason why not."""

    row: Row
    outcome: Outcome | str


def report(lines: Sequence[Line], bench: Bench) -> str:
    """Render the whole page in Markdown."""
    table = [HEADINGS, *map(_cells, lines)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(HEADINGS))]
    rendered = ["| " + " | ".join(map(str.ljust, cells, widths)) + " |" for cells in table]
    rendered.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    facts = [f"- {name}: {value}" for name, value in _conditions(bench).items()]
    return "\n".join(["# Measured beside the peers", "", *facts, "", *rendered, ""])


def _cells(line: Line) -> tuple[str, ...]:
    goal = line.row.goal
    if isinstance(line.outcome, str):
        return (line.row.work, "", "", "FAILED", str(goal), "no", "", line.outcome.strip().splitlines()[-1])
    figure, ours, peer, note = line.outcome
    memory = " / ".join(_memory(sample) for sample in (ours, peer) if sample and sample.peak)
    return (
        line.row.work,
        _time(ours.seconds) if ours.seconds else "",
        _time(peer.seconds) if peer else "",
        f"{figure:.2f} {goal.unit}",
        str(goal),
        "yes" if goal.met(figure) else "**no**",
        memory,
        note,
    )


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1000:.1f} ms"


def _memory(sample: Sample) -> str:
    told = sample.peak > sample.floor
    return f"{'' if told else '< '}{sample.peak / KIB_PER_MIB:.0f} MiB"


def _conditions(bench: Bench) -> dict[str, str]:
    queues, sets, segments = bench.p
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
        "P": f"{queues} message queues, {sets} semaphore sets, {segments} segments, all of one owner",
        "how": "medians; ours and the peer in turn, from process start to exit, output to memory",
        "machine": f"{_cpu()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "util-linux": _first_line("ipcs", "--version"),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }


def _cpu() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
