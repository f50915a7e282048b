"""Which processes descend from one, the short-lived and the daemons among them.

A software event of perf_event_open(2) that nothing ever counts is inherited by every descendant and records each fork,
each name and each mapping of a file in a ring buffer: exact, without stopping or changing anything. It needs
perf_event_paranoid <= 2, or CAP_PERFMON. Where it is refused the tree under a subreaper is looked at again and again,
and a process that lives shorter than a look is missed: :attr:`Lineage.gap` says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import struct

from ipcctl.kernel.comm import comm_of
from ipcctl.kernel.files import read_bytes

_CALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
_SOFTWARE, _DUMMY, _ATTR_SIZE = 1, 9, 128
_DISABLED, _INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV, _ENABLE_ON_EXEC = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 12
_MMAP, _COMM, _TASK, _WATERMARK, _MMAP_DATA, _MMAP2 = 1 << 8, 1 << 9, 1 << 13, 1 << 14, 1 << 17, 1 << 23
_CLOEXEC = 8
_RECORD_LOST, _RECORD_COMM, _RECORD_FORK, _RECORD_MMAP2 = 2, 3, 7, 10
_HEAD, _TAIL = 1024, 1032  # struct perf_event_mmap_page
_PAGES = 64  # of each ring, a power of two; with its head within perf_event_mlock_kb
_HEADER = struct.Struct("=IHH")  # type, misc, size
_REFUSED = "short-lived processes can be missed: perf_event_open(2) is refused (perf_event_paranoid above 2)"
_LOST = "some processes were missed: more was recorded than could be read in time"


class Lineage:
    """The descendants of *pid*, itself included. A context manager."""

    def __init__(self, pid: int, *, waits_for_exec: bool, mappings: bool) -> None:
        """Follow *pid* from now on, or from its next execve(2) on; note the files it maps if *mappings*."""
        self.names: dict[int, str] = {pid: comm_of("/proc", pid)}  # pid: the last command name that was seen
        self.mapped: dict[tuple[int, int], set[int]] = {}  # device and inode: who mapped it
        self.gap = ""  # why some may be missing; empty = none is, but what a set-uid program started
        self._rings: list[tuple[int, mmap.mmap]] = []
        try:
            self._open(pid, waits_for_exec=waits_for_exec, mappings=mappings)
        except OSError:
            self.close()
            self.gap = _REFUSED

    @property
    def exact(self) -> bool:
        """Whether the kernel records each fork; otherwise look again every few milliseconds."""
        return bool(self._rings)

    def update(self) -> None:
        """Take in what happened since the last time."""
        for _, ring in self._rings:
            self._drain(ring)
        if not self._rings:
            for pid in live_descendants(os.getpid()):
                self.names[pid] = comm_of("/proc", pid)

    def add(self, pid: int) -> None:
        """A process that is known to descend by other means."""
        self.names.setdefault(pid, "?")

    def close(self) -> None:
        """Give the buffers back. What was learnt stays."""
        for descriptor, ring in self._rings:
            ring.close()
            os.close(descriptor)
        self._rings = []

    def _open(self, pid: int, *, waits_for_exec: bool, mappings: bool) -> None:
        number = _CALLS.get(os.uname().machine)
        if number is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        flags = _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HV | _COMM | _TASK | _WATERMARK
        flags |= (_DISABLED | _ENABLE_ON_EXEC) if waits_for_exec else 0
        flags |= (_MMAP | _MMAP_DATA | _MMAP2) if mappings else 0
        size = mmap.PAGESIZE * _PAGES
        attributes = ctypes.create_string_buffer(_ATTR_SIZE)
        struct.pack_into("=IIQQQQQI", attributes, 0, _SOFTWARE, _ATTR_SIZE, _DUMMY, 0, 0, 0, flags, size // 2)
        libc = ctypes.CDLL(None, use_errno=True)
        for cpu in range(os.cpu_count() or 1):
            descriptor = libc.syscall(number, attributes, pid, cpu, -1, _CLOEXEC)
            if descriptor < 0:
                if ctypes.get_errno() == errno.ENODEV:  # this one is switched off
                    continue
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            try:
                self._rings.append((descriptor, mmap.mmap(descriptor, mmap.PAGESIZE + size)))
            except OSError:
                os.close(descriptor)
                raise

    def wake_by_signal(self) -> None:
        """Have SIGIO sent to this process when a buffer is half full."""
        for descriptor, _ in self._rings:
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)

    def _drain(self, ring: mmap.mmap) -> None:
        (head,) = struct.unpack_from("=Q", ring, _HEAD)
        (tail,) = struct.unpack_from("=Q", ring, _TAIL)
        if head == tail:
            return
        size = len(ring) - mmap.PAGESIZE
        first, last = tail % size, head % size
        data = ring[mmap.PAGESIZE + first : mmap.PAGESIZE + last] if first < last else (
            ring[mmap.PAGESIZE + first :] + ring[mmap.PAGESIZE : mmap.PAGESIZE + last]
        )  # fmt: skip
        struct.pack_into("=Q", ring, _TAIL, head)
        position = 0
        while position + _HEADER.size <= len(data):
            kind, _, length = _HEADER.unpack_from(data, position)
            self._note(kind, data[position + _HEADER.size : position + length])
            position += length

    def _note(self, kind: int, record: bytes) -> None:
        if kind == _RECORD_LOST:
            self.gap = _LOST
            return
        if kind not in (_RECORD_COMM, _RECORD_FORK, _RECORD_MMAP2):
            return
        (pid,) = struct.unpack_from("=I", record)
        if kind == _RECORD_FORK:
            (parent,) = struct.unpack_from("=I", record, 4)
            self.names.setdefault(pid, self.names.get(parent, "?"))
        elif kind == _RECORD_COMM:
            self.names[pid] = record[8:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        else:
            major, minor, inode = struct.unpack_from("=IIQ", record, 32)
            if inode:
                self.mapped.setdefault((os.makedev(major, minor), inode), set()).add(pid)


def live_descendants(root: int) -> list[int]:
    """The living processes under *root*, a subreaper: without it an orphan is no longer under it."""
    found: list[int] = []
    todo = [root]
    while todo:
        for pid in _children(todo.pop()):
            found.append(pid)
            todo.append(pid)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, read_bytes(f"/proc/{pid}/task/{thread}/children").split())
    return found
