"""Who started this process, for the record: what the kernel knows, and what sudo says."""

from __future__ import annotations

import os
from typing import NamedTuple

from ipcctl.kernel.files import read_text

_UNSET = 2**32 - 1  # no login: a daemon, cron without pam_loginuid(8)


class Invoker(NamedTuple):
    """The person or service behind a run."""

    pid: int
    uid: int  # real
    loginuid: int | None  # who logged in, whatever became of the uid since (proc_pid_loginuid(5)); None = nobody did
    sudo_user: str | None  # by sudo(8)'s word, which is a variable of the environment; None = not through sudo


def invoker() -> Invoker:
    """Who started this process."""
    return Invoker(os.getpid(), os.getuid(), _login(), os.environ.get("SUDO_USER") or None)


def _login() -> int | None:
    try:
        uid = int(read_text("/proc/self/loginuid"))
    except (OSError, ValueError):  # a kernel without audit
        return None
    return None if uid == _UNSET else uid
