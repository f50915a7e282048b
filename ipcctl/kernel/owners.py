"""Whose process each one is."""

from __future__ import annotations

import contextlib
import os


def owners_of_processes(proc: str) -> dict[int, int]:
    """The effective uid of each process that can be seen, by pid (proc(5))."""
    found: dict[int, int] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError):  # it ended just now
                found[int(name)] = os.stat(f"{proc}/{name}").st_uid
    return found
