"""One walk over /proc: who has which IPC object attached, mapped or open, and who sleeps on it.

Attached segments and mapped files come from maps, open files and queues from fd, sleepers from each thread's
syscall file. Files are matched by device and inode, segments by id within one IPC namespace.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.kernel.files import read_bytes
from ipcctl.kernel.namespaces import ipc_namespace, is_initial_ipc_namespace, is_initial_pid_namespace
from ipcctl.kernel.processes import comm_of
from ipcctl.model.holder import ATTACHED, HOWS, MAPPED, OPEN, WAITING, Holder
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.parse.maps import device_text, parse_maps
from ipcctl.parse.syscall import calls_of, parse_syscall

if TYPE_CHECKING:
    from collections.abc import Collection

    from ipcctl.kernel.processes import Processes
    from ipcctl.parse.syscall import Wait

Identity = tuple[int, int]  # st_dev, st_ino of a file
Target = tuple[str, int] | Identity  # ("shm", shmid), ("sem", semid), ("msg", msqid), or a file

_GONE = (FileNotFoundError, ProcessLookupError)
_NO_OBJECT = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/pts/", "/dev/tty")


class Places(NamedTuple):
    """Where the objects of the host live; None = nowhere, or it could not be seen."""

    shm: str  # the directory of POSIX shared memory
    shm_device: int | None  # st_dev of its file system
    mqueue_device: int | None


class Unlinked(NamedTuple):
    """A file of the shared memory file system that has no name any more but is still held."""

    path: str  # the name it had, as the kernel shows it
    entry: str  # a path under /proc that leads to the file
    mapped: int  # bytes that one holder maps


class Walk:
    """What one walk saw."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.holders: dict[Target, dict[int, Holder]] = {}
        self.unlinked: dict[Identity, Unlinked] = {}
        self.unreadable: list[int] = []  # processes that could not be looked into and may hold something here
        self.hidden = ""  # why whole processes are out of sight; empty = they are not

    def of(self, target: Target) -> tuple[Holder, ...]:
        """The holders of one object, by pid."""
        found = self.holders.get(target)
        return tuple(found[pid] for pid in sorted(found)) if found else ()

    def add(self, target: Target, holder: Holder) -> None:
        """Note a holder; a process is listed once, with the strongest way it holds the object."""
        known = self.holders.setdefault(target, {})
        old = known.get(holder.pid)
        if old is None or HOWS.index(holder.how) < HOWS.index(old.how):
            known[holder.pid] = holder


def walk(proc: str, places: Places, processes: Processes, kinds: Collection[str]) -> Walk:
    """Look into every process for holders of *kinds*. A process that goes meanwhile holds nothing."""
    seen = Walk()
    if not os.path.exists(f"{proc}/self/ns/ipc"):
        seen.hidden = f"{proc} shows no processes"
        return seen
    look = _Look(proc, places, processes, frozenset(kinds), seen)
    own = os.getpid()
    pids = [int(name) for name in os.listdir(proc) if name.isdigit()]
    if 1 not in pids:
        seen.hidden = "processes of other users are hidden (hidepid, proc(5)); root sees them"
    for pid in pids:
        if pid != own:
            look.at(pid)
    return seen


class _Look:
    """The walk's working set."""

    def __init__(self, proc: str, places: Places, processes: Processes, kinds: frozenset[str], seen: Walk) -> None:
        self._proc, self._places, self._processes, self._seen = proc, places, processes, seen
        self._namespace = ipc_namespace(proc)
        self._init_is_elsewhere = not is_initial_ipc_namespace(self._namespace) and is_initial_pid_namespace(proc)
        files = bool(kinds & {PSHM, PSEM}) and places.shm_device is not None
        self._device = device_text(*_numbers(places.shm_device)) if files and places.shm_device is not None else b""
        self._maps = SHM in kinds or files
        devices = {places.shm_device if files else None, places.mqueue_device if PMSG in kinds else None}
        self._devices = frozenset(device for device in devices if device is not None)
        waits = {kind for kind in (SEM, MSG, PMSG) if kind in kinds}
        self._calls = {number: kind for number, kind in calls_of(os.uname().machine).items() if kind in waits}

    def at(self, pid: int) -> None:
        """Look into one process."""
        base = f"{self._proc}/{pid}"
        try:
            same_namespace = ipc_namespace(self._proc, pid) == self._namespace
            if not same_namespace and not self._shares_files(base):
                return
            if self._maps:
                self._look_at_maps(pid, base, same_namespace=same_namespace)
            if self._devices:
                self._look_at_descriptors(pid, base)
            if self._calls and same_namespace:
                self._look_at_threads(pid, base)
        except _GONE:
            return
        except PermissionError:
            self._cannot_look(pid)

    def _shares_files(self, base: str) -> bool:
        """Whether a process of another IPC namespace sees the same shared memory file system."""
        if self._places.shm_device not in self._devices:
            return False
        try:
            return os.stat(f"{base}/root{self._places.shm}").st_dev == self._places.shm_device
        except OSError:
            return False

    def _look_at_maps(self, pid: int, base: str, *, same_namespace: bool) -> None:
        mappings = parse_maps(read_bytes(f"{base}/maps"), self._device)
        if same_namespace:
            for mapping in mappings.segments:
                self._add((SHM, mapping.inode), pid, base, ATTACHED)
        for mapping in mappings.files:
            identity = (self._places.shm_device or 0, mapping.inode)
            self._add(identity, pid, base, MAPPED)
            if mapping.path.endswith(" (deleted)"):
                entry = f"{base}/map_files/{mapping.start:x}-{mapping.end:x}"
                self._note_unlinked(identity, mapping.path, entry, mapping.end - mapping.start)

    def _look_at_descriptors(self, pid: int, base: str) -> None:
        directory = f"{base}/fd"
        for name in os.listdir(directory):
            path = f"{directory}/{name}"
            try:
                link = os.readlink(path)
                if link.startswith(_NO_OBJECT):
                    continue
                status = os.stat(path)
            except OSError:
                continue
            if status.st_dev in self._devices:
                identity = (status.st_dev, status.st_ino)
                self._add(identity, pid, base, OPEN)
                if link.endswith(" (deleted)") and status.st_dev == self._places.shm_device:
                    self._note_unlinked(identity, link, path, 0)

    def _look_at_threads(self, pid: int, base: str) -> None:
        for thread in os.listdir(f"{base}/task"):
            try:
                text = read_bytes(f"{base}/task/{thread}/syscall")
            except _GONE:
                continue
            wait = parse_syscall(text, self._calls)
            if wait is not None:
                self._add_wait(wait, pid, base)

    def _add_wait(self, wait: Wait, pid: int, base: str) -> None:
        if wait.kind != PMSG:
            self._add((wait.kind, wait.number), pid, base, WAITING)
            return
        try:
            status = os.stat(f"{base}/fd/{wait.number}")
        except OSError:
            return
        self._add((status.st_dev, status.st_ino), pid, base, WAITING)

    def _note_unlinked(self, identity: Identity, path: str, entry: str, mapped: int) -> None:
        known = self._seen.unlinked.get(identity)
        if known is None or known.mapped < mapped:
            self._seen.unlinked[identity] = Unlinked(path, entry, mapped)

    def _add(self, target: Target, pid: int, base: str, how: str) -> None:
        self._seen.add(target, Holder(pid, comm_of(self._proc, pid), os.stat(base).st_uid, how))

    def _cannot_look(self, pid: int) -> None:
        """Count a process that may hold something here: no kernel thread, and not certainly elsewhere.

        The first process of the host does not leave the namespace it booted in.
        """
        if pid == 1 and self._init_is_elsewhere:
            return
        stat = self._processes.stat(pid)
        if stat is not None and not stat.kernel_thread:
            self._seen.unreadable.append(pid)


def _numbers(device: int) -> tuple[int, int]:
    return os.major(device), os.minor(device)


def places_of(host_shm: str, mqueue: int | None) -> Places:
    """The devices of the shared memory directory and of the open directory of queues (None = not to be had)."""
    try:
        shm_device: int | None = os.stat(host_shm).st_dev
    except OSError:
        shm_device = None
    return Places(host_shm, shm_device, None if mqueue is None else os.fstat(mqueue).st_dev)


def unlinked_size(found: Unlinked) -> tuple[int, int, int, int, int, int, int]:
    """Mode, uid, gid, size, bytes used, mtime, ctime of an unlinked file; at least what one holder maps."""
    try:
        status = os.stat(found.entry)
    except OSError:
        return 0, 0, 0, found.mapped, found.mapped, 0, 0
    return (
        status.st_mode & 0o7777,
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_blocks * 512,
        int(status.st_mtime),
        int(status.st_ctime),
    )
