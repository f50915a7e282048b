"""Single processes: what they are called, when they started, whether a number on record is still that process."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from typing import TYPE_CHECKING

from ipcctl.errors import ParseError
from ipcctl.kernel.files import read_text
from ipcctl.kernel.namespaces import ipc_namespace
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, NEVER, RECYCLED, Credentials
from ipcctl.parse.pidstat import PidStat, parse_credentials, parse_pid_stat

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOCK_ERROR = 0.05  # seconds: start times are told in clock ticks, and the two clocks are read one after the other
_RIGHT_AFTER = 1  # seconds in which a program comes to use what another one made for it (a fork, an exec)
_CLOCK_STEP = 60  # seconds the clock may have been set forward since: the start by today's clock is too late by them
_ABSENT = (FileNotFoundError, ProcessLookupError)


class Processes:
    """The processes of one /proc, each looked at once for the life of this object."""

    def __init__(self, proc: str, *, live: bool = True) -> None:
        """Nothing is read until asked. Not *live*: a recorded tree, of whose processes the kernel knows nothing."""
        self._live = live
        self._proc = proc
        self._boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._tick = os.sysconf("SC_CLK_TCK")
        self._stats: dict[int, PidStat | None] = {}
        self._refused: set[int] = set()
        self._ours: bool | None = None
        self._jump: float | None = None
        self._leaders: frozenset[int] | None = None
        self._aged: list[tuple[float, Credentials]] | None = None
        self._starts: dict[tuple[int, int | None], list[float]] = {}

    def stat(self, pid: int) -> PidStat | None:
        """The process with this number now; None if there is none, it is a zombie, or it is hidden."""
        if pid not in self._stats:
            found = None
            try:
                found = parse_pid_stat(read_text(f"{self._proc}/{pid}/stat"))
            except _ABSENT:
                pass
            except (OSError, ParseError):
                self._refused.add(pid)
            self._stats[pid] = None if found is None or found.dead else found
        return self._stats[pid]

    def refused(self, pid: int) -> bool:
        """Whether there is such a process, but not even its stat can be read (hidepid, proc(5))."""
        return self.stat(pid) is None and pid in self._refused

    def comm(self, pid: int) -> str | None:
        """Its command name; None as :meth:`stat`."""
        found = self.stat(pid)
        return found.comm if found else None

    def started(self, pid: int) -> float | None:
        """Epoch seconds at which it started, by today's clock; None as :meth:`stat`."""
        found = self.stat(pid)
        return self._boot + found.starttime / self._tick if found else None

    @property
    def ours(self) -> bool:
        """Whether this /proc counts processes as this process does: as its own pid namespace.

        The kernel tells recorded numbers in the reader's; an outer /proc shows other processes under them.
        """
        if self._ours is None:
            self._ours = self._live and _counts_alike(self._proc)
        return self._ours

    def fate(self, pid: int, used: int) -> str:
        """What became of the process that used an object at *used* (epoch seconds; 0 = not recorded).

        pid 0 is NEVER where nothing was recorded, HIDDEN otherwise. A process that started well after *used* has only
        the number in common; within a minute the clock may have been set. A record older than the boot tells that it
        was: then the number counts.
        """
        if not pid:
            return HIDDEN if used else NEVER
        started = self.started(pid) if self.ours else None
        if started is None:
            return self._fate_of_absent(pid)
        latest = used + _CLOCK_STEP + self._jump_since(used)
        if used and int(started - _CLOCK_ERROR) > latest and used >= self._boot:
            return RECYCLED
        return ALIVE

    def _jump_since(self, moment: float) -> float:
        """Seconds by which the clock may have been set forward after it showed *moment*, as one does that slept.

        Start times are counted from the boot, and by today's clock they come too late by it. /proc was mounted when the
        first process had started: if it seems the other way round, the clock was set since. A moment less than the jump
        ago came after it.
        """
        if self._jump is None:
            first = self.started(1)
            mounted = os.stat(self._proc).st_ctime
            self._jump = max(0.0, (self._boot if first is None else first) - mounted) if self._live else 0.0
        return self._jump if moment + self._jump <= time.time() + _CLOCK_ERROR else 0.0

    def leads(self, pid: int) -> bool:
        """Whether a live process belongs to a session or process group that *pid* began."""
        if self._leaders is None:
            stats = [self.stat(number) for number in self._all()]
            self._leaders = frozenset(number for stat in stats if stat for number in (stat.pgrp, stat.session))
        return pid in self._leaders

    def older_of(self, uid: int, gid: int | None, used: int) -> int:
        """How many live processes of *uid* that share our IPC namespace were there at *used* (epoch seconds) or soon.

        With *gid* also those of that group; root is in all of them, and means none. A worker counts as old as the
        parents it was forked from without exec, by their common name; as old as can be if they died. One that cannot be
        looked into counts.
        """
        if (uid, gid) not in self._starts:
            self._starts[uid, gid] = sorted(
                start
                for start, known in self._neighbours()
                if uid in known.uids or (gid in known.groups and 0 not in known.uids)
            )
        return bisect_right(self._starts[uid, gid], used + _RIGHT_AFTER + self._jump_since(used))

    def _neighbours(self) -> list[tuple[float, Credentials]]:
        """The processes that may use what is in our IPC namespace, and since when they can have."""
        if self._aged is None:
            self._aged = []
            here = _namespace(self._proc, "self")
            for pid in self._all():
                known = self.credentials(pid)
                if known is None or _namespace(self._proc, pid) not in (here, None):
                    continue
                if (start := self._oldest(pid)) is not None:
                    self._aged.append((start, known))
        return self._aged

    def _all(self) -> Iterator[int]:
        own = os.getpid()
        return (int(name) for name in os.listdir(self._proc) if name.isdigit() and int(name) != own)

    def _oldest(self, pid: int) -> float | None:
        """The start of the oldest forebear of the same name; None for what cannot use an object."""
        stat, oldest = self.stat(pid), self.started(pid)
        if stat is None or stat.kernel_thread or stat.comm in _BYSTANDERS:
            return None
        comm = stat.comm
        while stat.ppid > 1 and (parent := self.stat(stat.ppid)) and parent.comm == comm:
            pid, stat = stat.ppid, parent
            oldest = self.started(pid)
        return 0.0 if self._is_bereft(pid, stat) else oldest

    def _is_bereft(self, pid: int, stat: PidStat) -> bool:
        """Whether its parent died: a process is in the session of whoever forked it, unless it began one itself.

        What began a process group is a job of its own, left behind by a shell, and no worker.
        """
        parent = self.stat(stat.ppid)
        return parent is not None and parent.session != stat.session and pid not in (stat.session, stat.pgrp)

    def credentials(self, pid: int) -> Credentials | None:
        """What it may do; None if that cannot be read."""
        try:
            return parse_credentials(read_text(f"{self._proc}/{pid}/status"))
        except (OSError, ParseError):
            return None

    def _fate_of_absent(self, pid: int) -> str:
        """A number without a readable /proc entry: gone, a zombie, hidden by hidepid, or of a recorded tree."""
        if not self._live or (self.ours and pid in self._refused):
            return HIDDEN
        if self.ours and os.path.exists(f"{self._proc}/{pid}"):
            return GONE
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return GONE
        except PermissionError:
            return HIDDEN
        return HIDDEN


# What every session has and what uses no System V semaphores and queues.
_BYSTANDERS = frozenset(
    {"sh", "bash", "dash", "zsh", "fish", "tmux: server", "screen", "sshd", "sshd-session", "login", "su", "sudo"}
    | {"systemd", "(sd-pam)", "dbus-daemon", "ssh-agent", "gpg-agent", "agetty", "cron"}
)


def _namespace(proc: str, pid: int | str) -> str | None:
    try:
        return ipc_namespace(proc, pid)
    except OSError:
        return None


def _counts_alike(proc: str) -> bool:
    own = str(os.getpid())
    try:
        status = read_text(f"{proc}/self/status")
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in status.split("\n") if line.startswith("NSpid:")), [own])
    return numbers == [own] and os.readlink(f"{proc}/self") == own
