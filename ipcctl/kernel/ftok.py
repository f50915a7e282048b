"""Keys made from files, and the files that can have made a key (ftok(3)).

A key has the low 16 bits of the file's inode, the low 8 of its device, and 8 of a project id.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

from ipcctl.kernel.files import read_text
from ipcctl.model.names import escape
from ipcctl.model.origin import Origin
from ipcctl.model.snapshot import Gap
from ipcctl.parse.mountinfo import mount_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Where programs take the files of their keys from, beside their own directories and the homes of their users.
PLACES = (
    *("/", "/bin", "/dev", "/dev/null", "/dev/shm", "/dev/zero", "/etc", "/etc/group", "/etc/hosts", "/etc/passwd"),
    *("/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/tmp", "/usr", "/usr/bin"),
    *("/usr/lib", "/usr/local", "/usr/local/bin", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/lock"),
    *("/var/log", "/var/run", "/var/spool", "/var/tmp"),
)
_NOT_ENTERED = ("proc", "sysfs")  # file systems that show the system, in more directories than there are files
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # gone, or another file since it was listed


def key_of(path: str, proj: int) -> int:
    """The key that ftok(3) makes of *path*, a link followed, and the low 8 bits of *proj*. Raises OSError."""
    return (proj & 0xFF) << 24 | _bits(os.stat(path))


def _bits(status: os.stat_result) -> int:
    return (status.st_dev & 0xFF) << 16 | status.st_ino & 0xFFFF


def first_of(key: int, candidates: Iterable[tuple[str, str]]) -> Origin | None:
    """The first of *candidates*, each a file to look at and the path to call it, that can have made *key*."""
    for file, path in candidates:
        try:
            status = os.stat(file)
        except OSError:
            continue
        if _bits(status) == key & 0xFFFFFF:
            return Origin(key, path, key >> 24)
    return None


def search(key: int, tops: Iterable[str], gaps: list[Gap], proc: str = "/proc") -> Iterator[Origin]:
    """Every file at and under *tops* that can have made *key*. What cannot be read is added to *gaps*.

    A link among *tops* is followed, below them none is. proc and sysfs are entered only as one of *tops*. Raises
    OSError for one of *tops* that cannot be looked at.
    """
    walk = _Walk(key, _devices(proc), gaps)
    for top in tops:
        yield from walk.under(top)


class _Walk:
    """Visits each directory once, by descriptors: nobody can turn a directory into a link meanwhile."""

    def __init__(self, key: int, closed: set[int], gaps: list[Gap]) -> None:
        self._key = key
        self._closed = closed
        self._gaps = gaps
        self._visited: set[tuple[int, int]] = set()
        self._stack: list[tuple[int, Any, str]] = []  # a descriptor, what scandir() returned, the path

    def under(self, top: str) -> Iterator[Origin]:
        status = os.stat(top)
        if stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) in self._visited:
            return
        yield from self._made(status, top)
        if stat.S_ISDIR(status.st_mode):
            self._enter(os.path.realpath(top), None, top, status)
        try:
            while self._stack:
                yield from self._step()
        finally:
            while self._stack:
                self._leave()

    def _step(self) -> Iterator[Origin]:
        directory, entries, path = self._stack[-1]
        try:
            entry = next(entries, None)
            if entry is None:
                self._leave()
                return
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            if error.errno not in _VANISHED:
                self._miss(path, error)
                self._leave()
            return
        child = os.path.join(path, entry.name)
        yield from self._made(status, child)
        if stat.S_ISDIR(status.st_mode) and status.st_dev not in self._closed:
            self._enter(entry.name, directory, child, status)

    def _made(self, status: os.stat_result, path: str) -> Iterator[Origin]:
        """The link itself is no origin: ftok(3) follows it."""
        if _bits(status) == self._key & 0xFFFFFF and not stat.S_ISLNK(status.st_mode):
            yield Origin(self._key, path, self._key >> 24)

    def _enter(self, name: str, parent: int | None, path: str, status: os.stat_result) -> None:
        identity = (status.st_dev, status.st_ino)
        if identity in self._visited:
            return
        self._visited.add(identity)
        directory = -1
        try:
            directory = os.open(name, _DIRECTORY, dir_fd=parent)
            self._stack.append((directory, os.scandir(directory), path))
        except OSError as error:
            if directory >= 0:
                os.close(directory)
            if error.errno not in _VANISHED:
                self._miss(path, error)

    def _miss(self, path: str, error: OSError) -> None:
        deep = "too deep for the descriptors this process may have" if error.errno == errno.EMFILE else ""
        self._gaps.append(Gap(escape(path), deep or error.strerror or str(error)))

    def _leave(self) -> None:
        directory, entries, _ = self._stack.pop()
        entries.close()
        os.close(directory)


def _devices(proc: str) -> set[int]:
    """The devices of file systems that are not entered."""
    found = set()
    text = read_text(f"{proc}/self/mountinfo")
    for fstype in _NOT_ENTERED:
        for point in mount_points(text, fstype):
            try:
                found.add(os.stat(point).st_dev)
            except OSError:  # hidden by a later mount
                continue
    return found
