"""/proc/PID/stat and /proc/PID/status (proc_pid_stat(5), proc_pid_status(5))."""

from __future__ import annotations

from typing import NamedTuple

from ipcctl.errors import ParseError
from ipcctl.model.holder import Credentials

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD
_DEAD = frozenset("ZXx")


class PidStat(NamedTuple):
    """The fields ipcctl uses; readable for everybody unless hidepid is set."""

    comm: str
    state: str
    ppid: int
    pgrp: int
    session: int
    flags: int
    threads: int  # those that ended but the first one are not counted
    starttime: int  # clock ticks since boot

    @property
    def kernel_thread(self) -> bool:
        """Whether it is a thread of the kernel, which holds no IPC object."""
        return bool(self.flags & _KERNEL_THREAD)

    @property
    def dead(self) -> bool:
        """Whether it is a zombie: it holds nothing any more. With more than one thread, only the first one ended."""
        return self.state in _DEAD and self.threads <= 1


def parse_pid_stat(text: str, source: str = "/proc/PID/stat") -> PidStat:
    """The fields of one process; a name may hold blanks and parentheses. Raises ParseError."""
    head, _, tail = text.rpartition(")")
    words = tail.split()
    try:
        return PidStat(
            comm=head.partition("(")[2],
            state=words[0],
            ppid=int(words[1]),
            pgrp=int(words[2]),
            session=int(words[3]),
            flags=int(words[6]),
            threads=int(words[17]),
            starttime=int(words[19]),
        )
    except (IndexError, ValueError):
        message = f"{source}: not a stat line: {text[:120]!r}"
        raise ParseError(message) from None


def parse_credentials(text: str, source: str = "/proc/PID/status") -> Credentials:
    """Users, groups and capabilities. Raises ParseError."""
    fields = dict(line.partition(":\t")[::2] for line in text.split("\n"))
    try:
        return Credentials(
            uid=int(fields["Uid"].split()[1]),
            uids=frozenset(map(int, fields["Uid"].split())),
            groups=frozenset({int(fields["Gid"].split()[1]), *map(int, fields.get("Groups", "").split())}),
            capabilities=int(fields["CapEff"], 16),
        )
    except (KeyError, IndexError, ValueError):
        message = f"{source}: no Uid, Gid and CapEff in it: {text[:120]!r}"
        raise ParseError(message) from None
