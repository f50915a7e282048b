"""What a process is called (proc_pid_comm(5)). Loads next to nothing."""

from __future__ import annotations

from ipcctl.kernel.files import read_bytes


def comm_of(proc: str, pid: int) -> str:
    """The command name of a process that was there a moment ago; "?" if it went."""
    try:
        return read_bytes(f"{proc}/{pid}/comm").decode("utf-8", "surrogateescape").rstrip("\n")
    except OSError:
        return "?"
