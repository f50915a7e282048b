"""What can be seen of the processes of one host: who holds which object, who is out of sight.

The walk over /proc is made once, when the first question needs it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Self

from ipcctl.errors import IpcctlError
from ipcctl.kernel import devshm, mqueue
from ipcctl.kernel.holders import Places, Walk, places_of, unlinked_size, walk
from ipcctl.kernel.namespaces import processes_outside
from ipcctl.kernel.processes import Processes
from ipcctl.model.holder import ALIVE
from ipcctl.model.kinds import KINDS, MSG, PMSG
from ipcctl.model.objects import PosixSegment
from ipcctl.model.snapshot import Gap
from ipcctl.model.words import count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ipcctl.kernel.host import Host
    from ipcctl.kernel.sysv import SysvControl
    from ipcctl.model.holder import Holder
    from ipcctl.model.objects import IpcObject

_DELETED = " (deleted)"
_STALE = 1.0  # seconds
_BY_ID = frozenset(kind for kind in KINDS if not KINDS[kind].posix)


class Sight:
    """Looks at the processes of one host at one moment. A context manager: it holds directories open."""

    def __init__(self, host: Host, kinds: Collection[str] = tuple(KINDS)) -> None:
        """Look for holders of *kinds*; nothing is read before it is asked for."""
        self._host = host
        self._kinds = frozenset(kinds)
        self._processes: Processes | None = None
        self._walked: Walk | None = None
        self._latest: Walk | None = None  # of queues only, for a removal that comes later
        self._looked_at = 0.0
        self._control: SysvControl | None = None
        self._directories: dict[str, int | None] = {}
        self._outside: bool | None = None

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        for directory in self._directories.values():
            if directory is not None:
                os.close(directory)

    @property
    def processes(self) -> Processes:
        """The processes as this judge knows them."""
        if self._processes is None:
            self._processes = Processes(self._host.roots.proc, live=self._host.live)
        return self._processes

    @property
    def walked(self) -> Walk:
        """The walk over /proc, made now if it was not yet."""
        if self._walked is None:
            queues = self.directory(PMSG) if PMSG in self._kinds else None
            places: Places = places_of(self._host.roots.shm, queues)
            self._walked = walk(self._host.roots.proc, places, self.processes, self._kinds)
            self._looked_at = time.monotonic()
        return self._walked

    def look(self) -> None:
        """Make the walk now, so that :attr:`gaps` is complete before anything is written."""
        _ = self.walked

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What the walk could not see."""
        if self._walked is None:
            return ()
        found = []
        if self._walked.unreadable:
            unseen = count(len(self._walked.unreadable), "process")
            found.append(Gap("holders", f"{unseen} could not be looked into; root with CAP_SYS_PTRACE sees more"))
        if self._walked.hidden:
            found.append(Gap("holders", self._walked.hidden))
        return tuple(found)

    def holders(self, item: IpcObject) -> tuple[Holder, ...]:
        """Who holds *item* now, as far as the walk could see."""
        return self.walked.of(target_of(item))

    def holds(self, item: IpcObject) -> bool:
        """Whether the walk saw anybody hold *item*."""
        return target_of(item) in self.walked.holders

    def waited_on(self) -> Collection[tuple[Any, int]]:
        """What the walk calls the System V queues somebody sleeps on, by a walk that is a second old at most.

        The queue itself does not tell. There may be other things among them.
        """
        if time.monotonic() - self._looked_at > _STALE:
            self._latest = walk(self._host.roots.proc, Places(self._host.roots.shm, None, None), self.processes, {MSG})
            self._looked_at = time.monotonic()
        return (self._latest or self.walked).holders

    def waiting_now(self, item: IpcObject) -> tuple[Holder, ...]:
        """Who sleeps on a System V queue, by :meth:`waited_on`."""
        return (self._latest or self.walked).of(target_of(item)) if target_of(item) in self.waited_on() else ()

    def unlinked(self) -> list[PosixSegment]:
        """Shared memory that has no name any more but is still held; its name ends in " (deleted)"."""
        directory = self.directory("pshm")
        linked = set() if directory is None else {entry.inode() for entry in os.scandir(directory)}
        found = []
        for (device, inode), file in sorted(self.walked.unlinked.items()):
            status = None if inode in linked else unlinked_size(file, (device, inode))
            if status is not None:
                name = "/" + file.path.removesuffix(_DELETED).rsplit("/", 1)[-1] + _DELETED
                found.append(PosixSegment(name, *status, device, inode))
        return found

    def commands(self, item: Any, pids: Iterable[int]) -> dict[int, str]:  # noqa: ANN401  any object
        """The command names of the processes on record for *item* and of *pids*, as far as they still are those."""
        used = {getattr(item, field, 0): getattr(item, "ctime", 0) for field in ("cpid", "notify_pid")}
        used |= dict.fromkeys(pids, item.last_used)
        for field, times in (("lpid", ("atime", "dtime")), ("lspid", ("stime",)), ("lrpid", ("rtime",))):
            used[getattr(item, field, 0)] = max(getattr(item, when, 0) for when in times)
        names = {pid: self.processes.comm(pid) for pid, when in used.items() if self.processes.fate(pid, when) == ALIVE}
        return {pid: name for pid, name in names.items() if name}

    def directory(self, kind: str) -> int | None:
        """An open directory of the files of *kind*; None if it cannot be had."""
        key = PMSG if kind == PMSG else "shm"
        if key not in self._directories:
            roots = self._host.roots
            try:
                self._directories[key] = (
                    mqueue.open_directory(roots.mqueue, roots.proc) if key == PMSG else devshm.open_directory(roots.shm)
                )
            except (OSError, IpcctlError):
                self._directories[key] = None
        return self._directories[key]

    @property
    def outside(self) -> bool:
        """Whether processes beyond this pid namespace may share these objects."""
        if self._outside is None:
            self._outside = processes_outside(self._host.roots.proc)
        return self._outside

    def control(self) -> SysvControl:
        """The System V calls. Raises InterfaceMissing on a relocated /proc."""
        if self._control is None:
            self._control = self._host.control()
        return self._control


def target_of(item: Any) -> tuple[Any, int]:  # noqa: ANN401  any object
    """What the walk calls *item*."""
    kind = item.kind
    return (kind, item[1]) if kind in _BY_ID else (item.device, item.inode)  # the second field is the id
