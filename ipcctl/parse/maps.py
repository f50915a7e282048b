"""/proc/PID/maps: what a process has in its memory (proc_pid_maps(5))."""

from __future__ import annotations

import re
from typing import NamedTuple

# address perms offset device inode path; the kernel escapes a newline in a path
_LINE = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ ([0-9a-f]+:[0-9a-f]+) (\d+) +(/.*)$", re.MULTILINE)
_SYSV = re.compile(rb"/SYSV[0-9a-f]{8} \(deleted\)$")
_SYSV_MARK = b"/SYSV"


class Mapping(NamedTuple):
    """One line of the file that speaks of an IPC object."""

    start: int
    end: int  # bytes from start to end are mapped
    inode: int  # of a System V segment: its shmid
    path: str  # as the process saw it, " (deleted)" at the end when the file is unlinked


class Mappings(NamedTuple):
    """What a process has mapped of each family."""

    segments: list[Mapping]  # System V; every line says "(deleted)", which means nothing there
    files: list[Mapping]  # of the file system asked for


def parse_maps(data: bytes, device: bytes) -> Mappings:
    """System V segments, and files on *device* (``00:1a``, as the file prints it; empty = none).

    Lines of another shape are no IPC objects. Most processes have none at all: two searches settle that.
    """
    segments: list[Mapping] = []
    files: list[Mapping] = []
    here = b" " + device + b" " if device else b""
    if _SYSV_MARK not in data and not (here and here in data):
        return Mappings(segments, files)
    for match in _LINE.finditer(data):
        start, end, where, inode, path = match.groups()
        if where == device:
            files.append(_mapping(start, end, inode, path))
        elif _SYSV.match(path):
            segments.append(_mapping(start, end, inode, path))
    return Mappings(segments, files)


def _mapping(start: bytes, end: bytes, inode: bytes, path: bytes) -> Mapping:
    return Mapping(int(start, 16), int(end, 16), int(inode), path.decode("utf-8", "surrogateescape"))


def device_text(major: int, minor: int) -> bytes:
    """A device as maps prints it."""
    return b"%02x:%02x" % (major, minor)
