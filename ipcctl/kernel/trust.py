"""What root reads orders from, or writes secrets to, must not be in other hands.

For root only: a file or directory, and everything on the way to it, belongs to root and nobody else can write it. A
directory on the way may be sticky (/tmp): what root owns there cannot be replaced (as sshd(8) with StrictModes).
"""

from __future__ import annotations

import os
import stat

from ipcctl.errors import Refused

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def open_trusted(path: str, what: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of *path*, opened with *flags*. *what* it is ("save directory") goes into the message.

    Raises Refused where others could write it and this process is root, OSError if it cannot be opened.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        if os.geteuid() == 0:
            _check(os.fstat(descriptor), path, what, sticky=False)
            real = os.path.realpath(f"/proc/self/fd/{descriptor}")
            while real != (real := os.path.dirname(real)):
                _check(os.stat(real), real, what, sticky=True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result, path: str, what: str, *, sticky: bool) -> None:
    if status.st_uid not in _trusted_owners():
        why, how = f"{path} belongs to uid {status.st_uid}", f"chown root {path}"
    elif status.st_mode & _OTHERS and not (sticky and status.st_mode & stat.S_ISVTX):
        why, how = f"others can write {path}", f"chmod go-w {path}"
    else:
        return
    raise Refused(f"{what} not trusted: {why}", hint=f"root uses only what nobody else can change: {how}")


def _trusted_owners() -> set[int]:
    """Root; in a user namespace also the owners that are not mapped there: they are whoever made the namespace."""
    owners = {0}
    with open("/proc/self/uid_map") as mapped:
        if mapped.read().split() != ["0", "0", "4294967295"]:
            with open("/proc/sys/kernel/overflowuid") as overflow:
                owners.add(int(overflow.read()))
    return owners
