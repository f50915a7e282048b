"""Single processes: what they are called, when they started, whether a number on record is still that process."""

from __future__ import annotations

import contextlib
import os
import time

from ipcctl.errors import ParseError
from ipcctl.kernel.files import read_bytes, read_text
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, NEVER, RECYCLED, Credentials
from ipcctl.parse.pidstat import PidStat, parse_credentials, parse_pid_stat

_CLOCK_ERROR = 0.05  # seconds: start times are told in clock ticks, and the two clocks are read one after the other


class Processes:
    """The processes of one /proc, each looked at once for the life of this object."""

    def __init__(self, proc: str, *, live: bool = True) -> None:
        """Nothing is read until asked. Not *live*: a recorded tree, of whose processes the kernel knows nothing."""
        self._live = live
        self._proc = proc
        self._boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._tick = os.sysconf("SC_CLK_TCK")
        self._stats: dict[int, PidStat | None] = {}
        self._leaders: frozenset[int] | None = None
        self._owners: dict[int, int] | None = None

    def stat(self, pid: int) -> PidStat | None:
        """The process with this number now; None if there is none, it is a zombie, or it is hidden."""
        if pid not in self._stats:
            try:
                found = parse_pid_stat(read_text(f"{self._proc}/{pid}/stat"))
            except (OSError, ParseError):
                found = None
            self._stats[pid] = None if found is None or found.dead else found
        return self._stats[pid]

    def comm(self, pid: int) -> str | None:
        """Its command name; None as :meth:`stat`."""
        found = self.stat(pid)
        return found.comm if found else None

    def started(self, pid: int) -> float | None:
        """Epoch seconds at which it started, by today's clock; None as :meth:`stat`."""
        found = self.stat(pid)
        return self._boot + found.starttime / self._tick if found else None

    def fate(self, pid: int, used: int) -> str:
        """What became of the process that used an object at *used* (epoch seconds; 0 = not recorded).

        pid 0 is NEVER where nothing was recorded, HIDDEN otherwise. A process that started after *used* has only
        the number in common. A record older than the boot tells that the clock was set since: then the number counts.
        """
        if not pid:
            return HIDDEN if used else NEVER
        started = self.started(pid)
        if started is None:
            return self._fate_of_absent(pid)
        if used and int(started - _CLOCK_ERROR) > used >= self._boot:
            return RECYCLED
        return ALIVE

    def leads(self, pid: int) -> bool:
        """Whether a live process belongs to a session or process group that *pid* began."""
        if self._leaders is None:
            stats = [self.stat(int(name)) for name in os.listdir(self._proc) if name.isdigit()]
            self._leaders = frozenset(number for stat in stats if stat for number in (stat.pgrp, stat.session))
        return pid in self._leaders

    def older_of(self, uid: int, when: int) -> int:
        """How many live processes of *uid* are older than *when*, or have an ancestor that is (the first one aside)."""
        if self._owners is None:
            self._owners = {}
            for name in os.listdir(self._proc):
                with contextlib.suppress(OSError, ValueError):
                    self._owners[int(name)] = os.stat(f"{self._proc}/{name}").st_uid
        return sum(owner == uid and self._older(pid, when) for pid, owner in self._owners.items())

    def _older(self, pid: int, when: int) -> bool:
        while pid > 1:
            stat, started = self.stat(pid), self.started(pid)
            if stat is None or started is None or stat.kernel_thread:
                return False
            if int(started - _CLOCK_ERROR) <= when:
                return True
            pid = stat.ppid
        return False

    def credentials(self, pid: int) -> Credentials | None:
        """What it may do; None if that cannot be read."""
        try:
            return parse_credentials(read_text(f"{self._proc}/{pid}/status"))
        except (OSError, ParseError):
            return None

    def _fate_of_absent(self, pid: int) -> str:
        """A number without a readable /proc entry: gone, a zombie, hidden by hidepid, or of a recorded tree."""
        if not self._live:
            return HIDDEN
        if os.path.exists(f"{self._proc}/{pid}"):
            return GONE
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return GONE
        except PermissionError:
            return HIDDEN
        return HIDDEN


def comm_of(proc: str, pid: int) -> str:
    """The command name of a process that was there a moment ago; "?" if it went."""
    try:
        return read_bytes(f"{proc}/{pid}/comm").decode("utf-8", "surrogateescape").rstrip("\n")
    except OSError:
        return "?"
