"""Saving a segment and restoring it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ipcctl.kernel import content, creation
from tests.bench.bench import Bench, Outcome, at_least, row
from tests.bench.measure import Run, alternate, ipcctl, timed
from tests.live import namespace

GIB = 1 << 30
MIB = 1 << 20
KEY = "0x7"
FACTOR = "x the speed"


@row(
    "save",
    "`ipcctl save` and `restore` of a dense 1 GiB POSIX segment, against `cp` there and back",
    at_least(0.7, FACTOR),
)
def save_posix(bench: Bench) -> Outcome:
    return _there_and_back(bench, "pshm:/x", ["--as-name", "/y"])


@row("save-sysv", "the same with a System V segment, against `cp` of a file", at_least(0.7, FACTOR))
def save_system_v(bench: Bench) -> Outcome:
    segment = creation.create_segment(int(KEY, 16), GIB, 0o600)
    pid = os.fork()  # what this process touches would count as the commands' memory
    if pid == 0:
        with content.attached(segment, GIB, write=True) as it:
            for offset in range(0, GIB, MIB):
                it.view[offset : offset + MIB] = os.urandom(MIB)
            os._exit(0)
    os.waitpid(pid, 0)
    return _there_and_back(bench, f"shm:{KEY}", ["--as-key", "0x8"])


def _there_and_back(bench: Bench, ref: str, elsewhere: list[str]) -> Outcome:
    """In memory only: the directory is a tmpfs, so that no disk is in the way."""
    original, copy = namespace.SHM / "x", namespace.SHM / "y"
    with original.open("wb") as file:
        for _ in range(GIB // MIB):
            file.write(os.urandom(MIB))
    directory = Path(tempfile.mkdtemp())
    namespace.mount("tmpfs", directory, "tmpfs", 0, "mode=700")
    saved = directory / "copy"

    def ours() -> Run:
        there = timed(ipcctl("save", ref, "--dir", str(directory)))
        (file,) = directory.iterdir()
        back = timed(ipcctl("restore", str(file), *elsewhere))
        file.unlink()
        timed(ipcctl("rm", "--yes", f"{ref.partition(':')[0]}:{elsewhere[1]}"))
        return _both(there, back)

    def cp() -> Run:
        there = timed(["cp", str(original), str(saved)])
        back = timed(["cp", str(saved), str(copy)])
        saved.unlink()
        copy.unlink()
        return _both(there, back)

    try:
        mine, theirs = alternate(ours, cp, bench.runs)
    finally:
        namespace.umount(directory)
        directory.rmdir()
    return Outcome(theirs.seconds / mine.seconds, mine, theirs, "tmpfs to tmpfs; ours has a checksum in each direction")


def _both(there: Run, back: Run) -> Run:
    return there._replace(seconds=there.seconds + back.seconds, peak=max(there.peak, back.peak))
