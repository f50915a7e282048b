"""/proc/PID/limits: the resource limits of a process (proc_pid_limits(5))."""

from __future__ import annotations

_MSGQUEUE = "Max msgqueue size"
_UNLIMITED = 2**64 - 1
_DIGITS = 20  # of a 64-bit number


def parse_msgqueue_limit(text: str) -> int | None:
    """RLIMIT_MSGQUEUE in bytes, the soft limit; None = the file does not say."""
    for line in text.split("\n"):
        if line.startswith(_MSGQUEUE):
            soft = line.removeprefix(_MSGQUEUE).split()[:1]
            if soft == ["unlimited"]:
                return _UNLIMITED
            return int(soft[0][:_DIGITS]) if soft and soft[0].isascii() and soft[0].isdigit() else None
    return None
