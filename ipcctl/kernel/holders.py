"""One walk over /proc: who has which IPC object attached, mapped or open, and who sleeps on it.

Attached segments and mapped files come from maps, open files and queues from fd, sleepers from each thread's
syscall file. Files are matched by device and inode, in whatever namespace the process is; segments, sets and queues by
id within one IPC namespace.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.errors import IpcctlError
from ipcctl.kernel.comm import comm_of
from ipcctl.kernel.files import read_bytes, read_open
from ipcctl.kernel.mappings import Sieve
from ipcctl.kernel.mounts import remote_paths
from ipcctl.kernel.namespaces import ipc_namespace, is_initial_ipc_namespace, is_initial_pid_namespace, processes_hidden
from ipcctl.kernel.sysvipc import read_columns
from ipcctl.kernel.waits import why_deaf
from ipcctl.model.holder import ATTACHED, HOWS, MAPPED, OPEN, WAITING, Holder
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.parse.maps import device_text, parse_maps
from ipcctl.parse.syscall import CALLS, IPC, calls_of, parse_syscall

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ipcctl.kernel.processes import Processes
    from ipcctl.parse.syscall import Wait

Identity = tuple[int, int]  # st_dev, st_ino of a file
Target = tuple[str, int] | Identity  # ("shm", shmid), ("sem", semid), ("msg", msqid), or a file

_GONE = (FileNotFoundError, ProcessLookupError)
_CALL_CHUNK = 1 << 10
_ROUNDS = 3  # listings of /proc: a process may hand over to a child that was not there when the first was made
_NO_OBJECT = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/pts/", "/dev/tty")


class Places(NamedTuple):
    """Where the objects of the host live; None = nowhere, or it could not be seen."""

    shm: str  # the directory of POSIX shared memory
    shm_device: int | None  # st_dev of its file system
    mqueue_device: int | None
    shared: bool = False  # the directory is no file system of its own: other files are on that device too
    empty: bool = False  # there is no file on it, with a name or without


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
        self.first_unreadable = False  # process 1 could not be looked into, and may hold files but nothing else here
        self.hidden = ""  # why whole processes are out of sight; empty = they are not
        self.deaf = ""  # why the calls that threads sleep in cannot be seen at all; empty = they can

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
    done = {int(os.readlink(f"{proc}/self"))}
    pids = [int(name) for name in os.listdir(proc) if name.isdigit()]
    seen.hidden = processes_hidden(proc, first_seen=1 in pids)
    for _ in range(_ROUNDS):
        for pid in pids:
            if pid not in done:
                look.at(pid)
        done.update(pids)
        pids = [int(name) for name in os.listdir(proc) if name.isdigit() and int(name) not in done]
        if not pids:
            break
    return seen


class _Look:
    """The walk's working set."""

    def __init__(self, proc: str, places: Places, processes: Processes, kinds: frozenset[str], seen: Walk) -> None:
        self._proc, self._places, self._processes, self._seen = proc, places, processes, seen
        self._namespace = ipc_namespace(proc)
        self._init_is_elsewhere = not is_initial_ipc_namespace(self._namespace) and is_initial_pid_namespace(proc)
        files = bool(kinds & {PSHM, PSEM}) and places.shm_device is not None
        self._device = device_text(*_numbers(places.shm_device)) if files and places.shm_device is not None else b""
        self._maps = (files and not places.empty) or (SHM in kinds and _anything_attached(proc))
        self._sieve = Sieve(places.shm_device if files and not places.empty else None)
        devices = {places.shm_device if files else None, places.mqueue_device if PMSG in kinds else None}
        self._devices = frozenset(device for device in devices if device is not None)
        waits = {kind for kind in (SEM, MSG, PMSG) if kind in kinds}
        wanted = {call for call, kind in CALLS.items() if kind in waits} | ({IPC} if waits else set())
        self._calls = {number: call for number, call in calls_of(os.uname().machine).items() if call in wanted}
        self._passed_over = (*_NO_OBJECT, *remote_paths(proc))
        seen.deaf = why_deaf(proc)

    def at(self, pid: int) -> None:
        """Look into one process."""
        base = f"{self._proc}/{pid}"
        try:
            self._look(pid, base)
        except _GONE:
            for thread in self._other_threads(pid):
                try:
                    self._look(pid, thread)
                except _GONE:
                    continue
                except PermissionError:
                    self._cannot_look(pid)
                return
        except PermissionError:
            self._cannot_look(pid)

    def _other_threads(self, pid: int) -> Iterator[str]:
        """Directories like that of a process: its first thread may have ended, and then shows nothing."""
        try:
            threads = os.listdir(f"{self._proc}/{pid}/task")
        except OSError:
            return
        for thread in threads:
            if thread != str(pid):
                yield f"{self._proc}/{pid}/task/{thread}"

    def _look(self, pid: int, base: str) -> None:
        same_namespace = ipc_namespace(self._proc, base[len(self._proc) + 1 :]) == self._namespace
        if not same_namespace and not self._devices:
            return
        if self._maps:
            self._look_at_maps(pid, base, same_namespace=same_namespace)
        if self._devices:
            self._look_at_descriptors(pid, base)
        if self._calls and same_namespace:
            self._look_at_threads(pid)

    def _look_at_maps(self, pid: int, base: str, *, same_namespace: bool) -> None:
        maps = os.open(f"{base}/maps", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not self._sieve.lets_through(maps):
                return
            data = read_open(maps)
        finally:
            os.close(maps)
        if not data:  # a kernel thread, or it ended just now
            raise ProcessLookupError
        mappings = parse_maps(data, self._device)
        if same_namespace:
            for mapping in mappings.segments:
                self._add((SHM, mapping.inode), pid, ATTACHED)
        for mapping in mappings.files:
            identity = (self._places.shm_device or 0, mapping.inode)
            self._add(identity, pid, MAPPED)
            if mapping.path.endswith(" (deleted)"):
                entry = f"{base}/map_files/{mapping.start:x}-{mapping.end:x}"
                self._note_unlinked(identity, mapping.path, entry, mapping.end - mapping.start)

    def _look_at_descriptors(self, pid: int, base: str) -> None:
        directory = os.open(f"{base}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in os.listdir(directory):
                try:
                    link = os.readlink(name, dir_fd=directory)
                    if f"{link}/".startswith(self._passed_over):
                        continue
                    status = os.stat(name, dir_fd=directory)
                except PermissionError:
                    raise
                except OSError:  # closed meanwhile
                    continue
                if status.st_dev in self._devices:
                    identity = (status.st_dev, status.st_ino)
                    self._add(identity, pid, OPEN)
                    if not status.st_nlink and status.st_dev == self._places.shm_device:
                        self._note_unlinked(identity, link, f"{base}/fd/{name}", 0)
        finally:
            os.close(directory)

    def _look_at_threads(self, pid: int) -> None:
        base = f"{self._proc}/{pid}/task"
        for thread in os.listdir(base):
            try:
                text = read_bytes(f"{base}/{thread}/syscall", _CALL_CHUNK)
            except _GONE:
                continue
            wait = parse_syscall(text, self._calls)
            if wait is not None:
                self._add_wait(wait, pid, f"{base}/{thread}")

    def _add_wait(self, wait: Wait, pid: int, thread: str) -> None:
        if wait.kind != PMSG:
            self._add((wait.kind, wait.number), pid, WAITING)
            return
        try:
            status = os.stat(f"{thread}/fd/{wait.number}")
        except OSError:
            return
        self._add((status.st_dev, status.st_ino), pid, WAITING)

    def _note_unlinked(self, identity: Identity, path: str, entry: str, mapped: int) -> None:
        if self._places.shared and not path.startswith(self._places.shm):
            return
        known = self._seen.unlinked.get(identity)
        if known is None or known.mapped < mapped:
            self._seen.unlinked[identity] = Unlinked(path, entry, mapped)

    def _add(self, target: Target, pid: int, how: str) -> None:
        try:
            uid = os.stat(f"{self._proc}/{pid}").st_uid
        except FileNotFoundError:
            return
        self._seen.add(target, Holder(pid, comm_of(self._proc, pid), uid, how))

    def _cannot_look(self, pid: int) -> None:
        """Count a process that may hold something here: no kernel thread, and not certainly elsewhere.

        The first process of the host does not leave the IPC namespace it booted in.
        """
        if pid == 1 and self._init_is_elsewhere:
            self._seen.first_unreadable = True
            return
        stat = self._processes.stat(pid)
        if self._processes.refused(pid) or (stat is not None and not stat.kernel_thread):
            self._seen.unreadable.append(pid)


def _anything_attached(proc: str) -> bool:
    """Whether any segment is; True where the kernel does not say."""
    try:
        return any(read_columns(SHM, ["nattch"], proc)[1][0])
    except (IpcctlError, OSError):
        return True


def _numbers(device: int) -> tuple[int, int]:
    return os.major(device), os.minor(device)


def places_of(host_shm: str, mqueue: int | None) -> Places:
    """The devices of the shared memory directory and of the open directory of queues (None = not to be had)."""
    mqueue_device = None if mqueue is None else os.fstat(mqueue).st_dev
    try:
        shm_device = os.stat(host_shm).st_dev
        shared = shm_device == os.stat(f"{host_shm}/..").st_dev
        inodes = os.statvfs(host_shm)
    except OSError:
        return Places(host_shm, None, mqueue_device)
    empty = inodes.f_files > 0 and inodes.f_files - inodes.f_ffree == 1  # the directory itself
    return Places(host_shm, shm_device, mqueue_device, shared, empty)


def unlinked_size(found: Unlinked, identity: Identity) -> tuple[int, int, int, int, int, int, int] | None:
    """Mode, uid, gid, size, bytes used, mtime, ctime of an unlinked file; at least what one holder maps.

    None = it has a name after all: in a directory below, or one that ends like that of an unlinked file.
    """
    try:
        status = os.stat(found.entry)
    except OSError:
        status = None
    if status is None or (status.st_dev, status.st_ino) != identity:
        return 0, 0, 0, found.mapped, found.mapped, 0, 0
    if status.st_nlink:
        return None
    return (
        status.st_mode & 0o7777,
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_blocks * 512,
        int(status.st_mtime),
        int(status.st_ctime),
    )
