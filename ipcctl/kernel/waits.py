"""In which call a process that waits on an object sleeps: whether it sends or receives."""

from __future__ import annotations

import os
from typing import Any

from ipcctl.kernel.files import read_bytes
from ipcctl.model.kinds import KINDS
from ipcctl.parse.syscall import Wait, calls_of, parse_syscall


def call_on(proc: str, pid: int, item: Any) -> str | None:  # noqa: ANN401  any object that can be waited on
    """Out of ``msgsnd msgrcv semop mq_send mq_receive``; None = it sleeps there no more, or cannot be looked into."""
    base, calls = f"{proc}/{pid}/task", calls_of(os.uname().machine)
    try:
        threads = os.listdir(base)
    except OSError:
        return None
    for thread in threads:
        try:
            wait = parse_syscall(read_bytes(f"{base}/{thread}/syscall"), calls)
        except OSError:
            continue
        if wait and wait.kind == item.kind and _is_on(wait, f"{base}/{thread}", item):
            return wait.call
    return None


def why_deaf(proc: str) -> str:
    """Why nothing can be known of what threads sleep in; empty = it can."""
    machine = os.uname().machine
    if not calls_of(machine):
        return f"what threads sleep in is not known on {machine}"
    return "" if os.path.exists(f"{proc}/self/syscall") else "the kernel does not tell what threads sleep in"


def _is_on(wait: Wait, thread: str, item: Any) -> bool:  # noqa: ANN401
    if not KINDS[item.kind].posix:
        return bool(wait.number == item.id)
    try:
        status = os.stat(f"{thread}/fd/{wait.number}")
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (item.device, item.inode)
