"""Running commands against the clock."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KIB_PER_MIB = 1024
PIECE = 65536
"""Bytes of output looked at in one go."""


class BenchError(Exception):
    """A row could not be measured: a command is missing, failed, or did not do its work."""


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    peak: int
    """Peak resident memory in KiB, as wait4(2) counts it: never less than `floor`."""
    floor: int
    """Peak of the process that started the command, in KiB: exec(2) hands it on."""
    marks: int
    """How often the text looked for was in its output."""


class Sample(NamedTuple):
    """Several runs of the same thing."""

    seconds: float
    """The median."""
    peak: int = 0
    """The highest peak of resident memory in KiB; 0 where nothing was started."""
    floor: int = 0
    """Below this a peak cannot be told, in KiB."""


def ipcctl(*args: str) -> list[str]:
    """`ipcctl ARGS` as users run it: the console script beside this interpreter, else the module."""
    script = os.path.join(os.path.dirname(sys.executable), "ipcctl")
    return [script, *args] if os.access(script, os.X_OK) else [sys.executable, "-m", "ipcctl", *args]


def timed(command: Sequence[str], mark: bytes = b"\n") -> Run:
    """Run a command once, from the start of the process to its end; its output goes to memory.

    Afterwards the occurrences of `mark` in the output are counted: by default, the lines.

    Raises BenchError when it is not there or does not exit 0.
    """
    out, err = os.memfd_create("out"), os.memfd_create("err")
    nothing = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, here, there) for here, there in ((nothing, 0), (out, 1), (err, 2))]
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        began = time.perf_counter()
        pid = os.posix_spawnp(command[0], list(command), _environment(), file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        if code:
            raise BenchError(
                f"{' '.join(command)}: exit code {code}\n{os.pread(err, 10_000, 0).decode(errors='replace')}"
            )
        return Run(seconds, usage.ru_maxrss, floor, _count(out, mark))
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}") from error
    finally:
        for descriptor in (nothing, out, err):
            os.close(descriptor)


def alternate(
    ours: Callable[[], Run], peer: Callable[[], Run], runs: int, *, warm_up: bool = True
) -> tuple[Sample, Sample]:
    """Take turns: ours, peer, ours, peer ... so that a slow moment of the machine meets both."""
    if warm_up:
        ours()
        peer()
    pairs = [(ours(), peer()) for _ in range(runs)]
    return sample([pair[0] for pair in pairs]), sample([pair[1] for pair in pairs])


def sample(runs: Sequence[Run]) -> Sample:
    """Sum up runs."""
    highest = max(runs, key=lambda run: run.peak)
    return Sample(statistics.median(run.seconds for run in runs), highest.peak, highest.floor)


def repeat(work: Callable[[], object], runs: int) -> Sample:
    """Time a function of this process."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return Sample(statistics.median(seconds))


def _environment() -> dict[str, str]:
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": checkout,
    }


def _count(descriptor: int, mark: bytes) -> int:
    """In small pieces: what this process once had in memory is the floor of every later measurement."""
    total, offset, kept = 0, 0, b""
    while piece := os.pread(descriptor, PIECE, offset):
        offset += len(piece)
        text = kept + piece
        total += text.count(mark)
        kept = text[len(text) - len(mark) + 1 :]
    return total
