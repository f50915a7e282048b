"""Other users: real uids, and a way for them to reach the interpreter and the checkout."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import stat
import sys
from pathlib import Path

from tests.live import namespace
from tests.live.covered import cover

ALICE = 61001
"""A test user without a name."""
BOB = 61002
"""Another one."""

PR_SET_DUMPABLE = 4
WORLD_SEARCH = stat.S_IXOTH
WORLD_LIST = stat.S_IROTH | stat.S_IXOTH


def become(uid: int, gid: int | None = None) -> None:
    """Give up root for good: become `uid` with group `gid` (default: the same number) and no other group.

    For forked children only. Where the interpreter or the checkout lies in a closed directory (a 0700 home, a
    private clone), the child first takes a mount namespace of its own, in which that directory can be passed;
    nothing changes for any other process.
    """
    if not namespace.current().other_uids:
        raise PermissionError("another uid needs root: the user namespace of this run maps one uid only")
    if closed_directories():
        namespace.unshare(namespace.CLONE_NEWNS)
        for directory in closed_directories():
            _open_up(directory)
    os.setgroups([])
    os.setgid(uid if gid is None else gid)
    os.setuid(uid)
    # After setuid without exec the kernel hides /proc/PID from the user himself: be as if he had started it.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


@functools.cache
def needed_paths() -> tuple[Path, ...]:
    """Return what a child needs to go on importing: the interpreter and every directory on its path."""
    names = [sys.executable, sys.prefix, sys.base_prefix, str(package_root()), *sys.path]
    paths = [Path(name) for name in names if name and Path(name).exists()]
    return tuple(dict.fromkeys([*paths, *(path.resolve() for path in paths)]))


@functools.cache
def closed_directories() -> tuple[Path, ...]:
    """Return the directories on the way to `needed_paths` that stop a stranger, outermost first."""
    found: set[Path] = set()
    for path in needed_paths():
        found.update(parent for parent in path.parents if not _mode(parent) & WORLD_SEARCH)
        if path.is_dir() and _mode(path) & WORLD_LIST != WORLD_LIST:
            found.add(path)
    return tuple(sorted(found))


def package_root() -> Path:
    """Return the directory that holds the package under test."""
    spec = importlib.util.find_spec("ipcctl")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package ipcctl cannot be found")
    return Path(spec.origin).parents[1]


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _open_up(directory: Path) -> None:
    """Cover `directory` with one that everybody may pass, holding what is on the way to `needed_paths`."""
    needed = needed_paths()
    names = [
        name
        for name in os.listdir(directory)
        if directory in needed or any(path.is_relative_to(directory / name) for path in needed)
    ]
    cover(directory, names)
