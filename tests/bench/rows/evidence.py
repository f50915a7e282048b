"""Who holds what, and is it still needed."""

from __future__ import annotations

import os
import signal

import sysv_ipc

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import ipcctl
from tests.bench.population import make
from tests.live import namespace

PROCESSES = 1000


@row("holders", f"`ipcctl ls --holders` over {PROCESSES} processes, against `lsof -n -P`", at_most(0.5, "x"))
def holders(bench: Bench) -> Outcome:
    """One segment is attached, by this process; every process maps what this one did before."""
    return _among_many(bench)


@row("holders-file", "the same with a file in /dev/shm, which any mapping may be of", at_most(0.5, "x"))
def holders_of_a_file(bench: Bench) -> Outcome:
    """Segments are always mapped shared, files need not be: more mappings have to be looked at."""
    (namespace.SHM / "psm_1").touch()
    return _among_many(bench)


def _among_many(bench: Bench) -> Outcome:
    pids = [_sleeper() for _ in range(PROCESSES)]
    attached = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096)
    try:
        return bench.against(ipcctl("ls", "--holders"), ["lsof", "-n", "-P"])
    finally:
        attached.detach()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@row("verdict", "`ipcctl ls --verdict` on P, against `ipcctl ls`", at_most(2.0, "x"))
def verdict(bench: Bench) -> Outcome:
    make(bench.p)
    return bench.against(ipcctl("ls", "--verdict"), ipcctl("ls"))


def _sleeper() -> int:
    pid = os.fork()
    if pid == 0:
        while True:
            signal.pause()
    return pid
