"""POSIX shared memory and named semaphores: regular files directly in /dev/shm (shm_overview(7), sem_overview(7)).

The directory holds anything anybody put there. Nothing is followed, nothing is descended into.
"""

from __future__ import annotations

import os
import stat

from ipcctl.errors import ParseError
from ipcctl.model.names import escape
from ipcctl.model.objects import PosixSegment, PosixSemaphore
from ipcctl.model.snapshot import Gap
from ipcctl.model.words import count
from ipcctl.parse.devshm import SEMAPHORE_BYTES, parse_semaphore

SEMAPHORE_PREFIX = "sem."
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_directory(path: str) -> int:
    """A descriptor of the directory at *path*. Raises OSError."""
    return os.open(path, _DIRECTORY)


def file_name(kind: str, name: str) -> bytes:
    """The file behind an object's name: ``/x`` is ``x``, for a semaphore ``sem.x``."""
    prefix = SEMAPHORE_PREFIX if kind == "psem" else ""
    return (prefix + name[1:]).encode("utf-8", "surrogateescape")


def is_semaphore(file: str) -> bool:
    """Whether a file bears the name of a named semaphore. ``sem.`` alone does not: sem_open(3) refuses ``/``."""
    return file.startswith(SEMAPHORE_PREFIX) and file != SEMAPHORE_PREFIX


def list_segments(directory: int) -> list[PosixSegment]:
    """Shared memory objects by name: regular files that are not named as semaphores."""
    return [
        PosixSegment(
            name="/" + name,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size,
            allocated=status.st_blocks * 512,
            mtime=int(status.st_mtime),
            ctime=int(status.st_ctime),
            device=status.st_dev,
            inode=status.st_ino,
        )
        for name, status in _regular_files(directory)
        if not is_semaphore(name)
    ]


def list_semaphores(directory: int, gaps: list[Gap]) -> list[PosixSemaphore]:
    """Named semaphores by name. A file too short to be one becomes a gap; an unreadable one has no value."""
    found = []
    unreadable = 0
    for file, status in _regular_files(directory):
        if not is_semaphore(file):
            continue
        name = "/" + file[len(SEMAPHORE_PREFIX) :]
        if status.st_size < SEMAPHORE_BYTES:
            why = f"{status.st_size} bytes, a named semaphore has {SEMAPHORE_BYTES}: not made by sem_open(3)"
            gaps.append(Gap(f"psem:{escape(name)}", why))
            continue
        try:
            value: int | None = _value(directory, file)
        except FileNotFoundError:
            continue
        except (OSError, ParseError):
            value = None
            unreadable += 1
        found.append(
            PosixSemaphore(
                name=name,
                mode=stat.S_IMODE(status.st_mode),
                uid=status.st_uid,
                gid=status.st_gid,
                value=value,
                mtime=int(status.st_mtime),
                ctime=int(status.st_ctime),
                device=status.st_dev,
                inode=status.st_ino,
            )
        )
    if unreadable:
        gaps.append(
            Gap("psem", f"no right to read the value of {count(unreadable, 'semaphore')}: the owner or root can")
        )
    return found


def _value(directory: int, file: str) -> int:
    descriptor = os.open(file.encode("utf-8", "surrogateescape"), _FILE, dir_fd=directory)
    try:
        return parse_semaphore(os.read(descriptor, 8), source=file)
    finally:
        os.close(descriptor)


def _regular_files(directory: int) -> list[tuple[str, os.stat_result]]:
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                if entry.is_file(follow_symlinks=False):
                    name = os.fsencode(entry.name).decode("utf-8", "surrogateescape")
                    found.append((name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:  # removed while we looked
                continue
    found.sort(key=lambda pair: pair[0])
    return found
