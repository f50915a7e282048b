"""In which call a process that waits on an object sleeps: whether it sends or receives."""

from __future__ import annotations

import os
from typing import Any

from ipcctl.kernel.files import read_bytes
from ipcctl.model.kinds import KINDS
from ipcctl.parse.callname import CALLS, Sleep, numbers_known, parse_sleep


def call_on(proc: str, pid: int, item: Any) -> str | None:  # noqa: ANN401  any object that can be waited on
    """Out of ``msgsnd msgrcv semop mq_send mq_receive``; None = it sleeps there no more, or cannot be looked into."""
    base, machine = f"{proc}/{pid}/task", os.uname().machine
    try:
        threads = os.listdir(base)
    except OSError:
        return None
    for thread in threads:
        try:
            sleep = parse_sleep(read_bytes(f"{base}/{thread}/syscall"), machine)
        except OSError:
            continue
        if sleep and sleep.call in CALLS.get(item.kind, ()) and _is_on(sleep, f"{base}/{thread}", item):
            return sleep.call
    return None


def why_deaf(proc: str) -> str:
    """Why nothing can be known of what threads sleep in; empty = it can."""
    if not os.path.exists(f"{proc}/self/syscall"):
        return "the kernel does not tell what threads sleep in"
    machine = os.uname().machine
    return "" if numbers_known(machine) else f"what threads sleep in is not known on {machine}"


def _is_on(sleep: Sleep, thread: str, item: Any) -> bool:  # noqa: ANN401
    if not KINDS[item.kind].posix:
        return bool(sleep.number == item.id)
    try:
        status = os.stat(f"{thread}/fd/{sleep.number}")
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (item.device, item.inode)
