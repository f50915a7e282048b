"""Who creates a file in a directory of POSIX objects, seen at the moment it happens.

fanotify(7) names the process along with the file, but only to CAP_SYS_ADMIN. inotify(7) names the file only: then the
processes in question are looked at right away, and who has it open counts as having had a hand in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# CLOEXEC, NONBLOCK, REPORT_DFID_NAME, and UNLIMITED_QUEUE: only who may ask for that is told the process
_FAN_INIT = 0x1 | 0x2 | 0xC00 | 0x10
_FAN_MARK_ADD, _FAN_MARK_FLUSH, _FAN_Q_OVERFLOW = 0x1, 0x80, 0x4000
_CREATED = 0x80 | 0x100  # MOVED_TO and CREATE, the same in both interfaces
_FAN_EVENT = struct.Struct("=IBBHQii")  # length, version, reserved, metadata length, mask, fd, pid
_FAN_NAMED = 2  # FAN_EVENT_INFO_TYPE_DFID_NAME
_HANDLE_AT = 12  # in the record: its header and the fsid
_AT_FDCWD = -100
_CHUNK = 1 << 16
_OVERFLOW = "the creation of some files was missed: more happened than could be read in time"


class Births:
    """Watches directories from its making on. A context manager."""

    def __init__(self, directories: Mapping[str, int]) -> None:
        """Watch *directories*: open descriptors by any name of the caller's."""
        self.creators: dict[tuple[str, bytes], int] = {}  # directory and file: who made the last of that name
        self.open: dict[tuple[int, int], set[int]] = {}  # device and inode: who was seen having it open
        self.exact = True  # creators knows everyone
        self.gap = ""
        self._groups: dict[str, int] = {}
        self._devices = frozenset(os.fstat(directory).st_dev for directory in directories.values())
        self._libc = libc = ctypes.CDLL(None, use_errno=True)
        try:
            for name, directory in directories.items():
                self._groups[name] = _watch_as_root(libc, directory)
        except (OSError, AttributeError):
            self.close()
            self.exact = False
            for name, directory in directories.items():
                with contextlib.suppress(OSError):
                    self._groups[name] = _watch(libc, directory)

    def update(self, candidates: Iterable[int]) -> None:
        """Take in what happened; without the kernel's word look at the living *candidates* if anything did."""
        happened = False
        for name, group in self._groups.items():
            while True:
                try:
                    events = os.read(group, _CHUNK)
                except BlockingIOError:
                    break
                happened = True
                if self.exact:
                    self._note(name, events)
        if happened and not self.exact:
            for pid in candidates:
                self._look_at(pid)

    def wake_by_signal(self) -> None:
        """Have SIGIO sent to this process at each creation; fanotify, which names the process, needs none."""
        if not self.exact:
            for group in self._groups.values():
                fcntl.fcntl(group, fcntl.F_SETOWN, os.getpid())
                fcntl.fcntl(group, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)

    def close(self) -> None:
        """Stop watching. What was learnt stays."""
        if self.exact:  # the kernel waits for what it takes back, 10 to 20 ms: once, if all is given back before
            for group in self._groups.values():
                self._libc.fanotify_mark(group, _FAN_MARK_FLUSH, ctypes.c_uint64(0), _AT_FDCWD, None)
        for group in self._groups.values():
            os.close(group)
        self._groups = {}

    def _note(self, directory: str, events: bytes) -> None:
        position = 0
        while position + _FAN_EVENT.size <= len(events):
            length, _, _, head, mask, _, pid = _FAN_EVENT.unpack_from(events, position)
            if mask & _FAN_Q_OVERFLOW:
                self.gap, self.exact = _OVERFLOW, False
            elif events[position + head] == _FAN_NAMED:
                record = events[position + head : position + length]
                (handle,) = struct.unpack_from("=I", record, _HANDLE_AT)
                file = record[_HANDLE_AT + 8 + handle :].split(b"\0", 1)[0]
                self.creators[directory, file] = pid
            position += length

    def _look_at(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    status = os.stat(f"/proc/{pid}/fd/{name}")
                    if status.st_dev in self._devices:
                        self.open.setdefault((status.st_dev, status.st_ino), set()).add(pid)


def _watch_as_root(libc: ctypes.CDLL, directory: int) -> int:
    group: int = libc.fanotify_init(_FAN_INIT, os.O_RDONLY)
    if group < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    path = f"/proc/self/fd/{directory}".encode()
    if libc.fanotify_mark(group, _FAN_MARK_ADD, ctypes.c_uint64(_CREATED), _AT_FDCWD, path) < 0:
        os.close(group)
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return group


def _watch(libc: ctypes.CDLL, directory: int) -> int:
    group: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if group < 0 or libc.inotify_add_watch(group, f"/proc/self/fd/{directory}".encode(), _CREATED) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return group
