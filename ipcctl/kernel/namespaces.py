"""Which namespaces this process is in (namespaces(7))."""

from __future__ import annotations

import os

_INITIAL_PID = "pid:[4026531836]"
_INITIAL_IPC = "ipc:[4026531839]"


def ipc_namespace(proc: str, pid: int | str = "self") -> str:
    """The IPC namespace of a process as ``ipc:[4026531839]``. Raises OSError."""
    return os.readlink(f"{proc}/{pid}/ns/ipc")


def processes_outside(proc: str) -> bool:
    """Whether processes that this pid namespace does not show may use this IPC namespace.

    So it is in a child pid namespace on the host's IPC namespace: a container with ``--ipc=host``.
    """
    try:
        return os.readlink(f"{proc}/self/ns/pid") != _INITIAL_PID and ipc_namespace(proc) == _INITIAL_IPC
    except OSError:
        return True


def is_initial_pid_namespace(proc: str) -> bool:
    """Whether this process sees the whole host."""
    try:
        return os.readlink(f"{proc}/self/ns/pid") == _INITIAL_PID
    except OSError:
        return False


def is_initial_ipc_namespace(namespace: str) -> bool:
    """Whether *namespace* is the one the host booted with."""
    return namespace == _INITIAL_IPC
