"""Which namespaces this process is in (namespaces(7))."""

from __future__ import annotations

import os

from ipcctl.errors import ParseError
from ipcctl.kernel.files import read_text
from ipcctl.parse.mountinfo import mount_options
from ipcctl.parse.pidstat import parse_credentials

_CAP_SYS_PTRACE = 1 << 19
_SHOWS_ALL = ("", "0", "off", "1", "noaccess")
_HIDES_FROM_GROUP = ("4", "ptraceable")
_INITIAL_PID = "pid:[4026531836]"
_INITIAL_IPC = "ipc:[4026531839]"


def ipc_namespace(proc: str, pid: int | str = "self") -> str:
    """The IPC namespace of a process as ``ipc:[4026531839]``. Raises OSError."""
    return os.readlink(f"{proc}/{pid}/ns/ipc")


def processes_outside(proc: str) -> bool:
    """Whether processes that this pid namespace does not show may use this IPC namespace.

    In the first pid namespace everybody is in sight. In another one nothing tells who else joined the IPC namespace (a
    container with ``--ipc=host``, the containers of a pod), unless it is younger than the pid namespace: then its first
    process, which everybody here descends from, is in another one.
    """
    try:
        if os.readlink(f"{proc}/self/ns/pid") == _INITIAL_PID:
            return False
        here = ipc_namespace(proc)
        return here == _INITIAL_IPC or ipc_namespace(proc, 1) == here
    except OSError:
        return True


def processes_hidden(proc: str, *, first_seen: bool) -> str:
    """Why /proc does not list the processes of others (hidepid, proc(5)); empty = it does."""
    try:
        options = mount_options(read_text(f"{proc}/self/mountinfo"), "proc")
        known = parse_credentials(read_text(f"{proc}/self/status"))
    except (OSError, ParseError):
        return f"{proc} does not show its own options"
    hidepid, group = options.get("hidepid", ""), int(options.get("gid") or 0)
    able = known.capabilities & _CAP_SYS_PTRACE or (hidepid not in _HIDES_FROM_GROUP and group in known.groups)
    if first_seen and (hidepid in _SHOWS_ALL or able):
        return ""
    return "processes of other users are hidden (hidepid, proc(5)); root sees them"


def is_initial_pid_namespace(proc: str) -> bool:
    """Whether this process sees the whole host."""
    try:
        return os.readlink(f"{proc}/self/ns/pid") == _INITIAL_PID
    except OSError:
        return False


def is_initial_ipc_namespace(namespace: str) -> bool:
    """Whether *namespace* is the one the host booted with."""
    return namespace == _INITIAL_IPC
