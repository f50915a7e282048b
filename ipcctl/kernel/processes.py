"""Single processes: what they are called and when they started (proc_pid_stat(5))."""

from __future__ import annotations

from ipcctl.kernel.files import read_bytes


def command_of(proc: str, pid: int) -> str | None:
    """The command name of a live process (15 bytes at most); None if there is none such or it is hidden."""
    try:
        name = read_bytes(f"{proc}/{pid}/comm")
    except OSError:
        return None
    return name.decode("utf-8", "surrogateescape").rstrip("\n") or None
