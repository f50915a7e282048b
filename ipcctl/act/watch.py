"""Watching what a process and its descendants create, to say afterwards what of it is still there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Self

from ipcctl.errors import IpcctlError
from ipcctl.kernel import devshm, mqueue
from ipcctl.kernel.births import Births
from ipcctl.kernel.lineage import Lineage, live_descendants
from ipcctl.model.kinds import KINDS, PMSG, PSEM, PSHM, SEM
from ipcctl.model.leak import Leak
from ipcctl.model.snapshot import Gap
from ipcctl.policy.attribution import LEFT, PERHAPS, Trace, attribute

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ipcctl.act.judge import Judge
    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject

OFTEN, SELDOM = 0.01, 0.25  # seconds between two looks: without and with a record that the kernel keeps
_DIRECTORIES = {PSHM: "shm", PSEM: "shm", PMSG: "mqueue"}


class Watch:
    """From its making on, everything that *pid* and its descendants create. A context manager."""

    def __init__(self, host: Host, pid: int, *, waits_for_exec: bool) -> None:
        """Note what there is already, and follow *pid*: from its next execve(2) on, or from now on."""
        self._host = host
        self._pid = pid
        self._known = {identity(item) for item in seen(host)[0]}
        self._directories = _open_directories(host)
        self._births = Births(self._directories)
        self._lineage = Lineage(pid, waits_for_exec=waits_for_exec, mappings=not self._births.exact)
        self.every = SELDOM if self._lineage.exact else OFTEN  # seconds from one :meth:`look` to the next

    def __enter__(self) -> Self:
        """Watching has begun already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self._births.close()
        self._lineage.close()
        for directory in self._directories.values():
            os.close(directory)
        self._directories = {}

    @property
    def pids(self) -> Collection[int]:
        """The processes seen so far, the ended ones among them."""
        return self._lineage.names.keys()

    def wake_by_signal(self) -> None:
        """Have SIGIO sent when there is something to :meth:`look` at."""
        self._births.wake_by_signal()
        self._lineage.wake_by_signal()

    def look(self) -> None:
        """Take in what happened since the last time."""
        self._lineage.update()
        self._births.update(self._candidates())

    def reaped(self, pid: int) -> None:
        """*pid*, a descendant, ended."""
        self._lineage.add(pid)

    def new(self) -> tuple[list[IpcObject], tuple[Gap, ...]]:
        """The objects that appeared since the beginning, whosever they are, and what could not be seen."""
        self.look()
        objects, gaps = seen(self._host)
        missed = [Gap("processes", why) for why in (self._lineage.gap, self._births.gap) if why]
        return [item for item in objects if identity(item) not in self._known], (*gaps, *missed)

    def attributed(self, new: list[IpcObject], judge: Judge) -> tuple[list[Leak], list[Leak]]:
        """Those of the *new* objects that are the processes' for certain, and those that may be."""
        leaks: list[Leak] = []
        perhaps: list[Leak] = []
        complete = not (self._lineage.gap or self._births.gap)
        for item in new:
            answer, why, pids = attribute(self._trace(item, judge), self._lineage.names, complete=complete)
            if answer in (LEFT, PERHAPS):
                verdict, reason = judge.verdict_on(item)
                (leaks if answer == LEFT else perhaps).append(Leak(item, why, pids, f"{verdict}: {reason}"))
        return leaks, perhaps

    def _candidates(self) -> Iterator[int]:
        """Those that may live still; asked for only where files must be looked for in them."""
        yield from {self._pid, *live_descendants(os.getpid())}

    def _trace(self, item: Any, judge: Judge) -> Trace:  # noqa: ANN401  any object
        own = os.geteuid()
        if KINDS[item.kind].posix:
            foreign = item.uid != own
            file = devshm.file_name(item.kind, item.name)
            creator = self._births.creators.get((_DIRECTORIES[item.kind], file))
            if creator is not None:
                return Trace(creator, foreign=foreign)
            where = (item.device, item.inode)
            users = self._lineage.mapped.get(where, set()) | self._births.open.get(where, set())
            outsiders = {holder.pid for holder in judge.holders(item)} - set(self._lineage.names)
            return Trace(users=users, outsiders=outsiders, foreign=foreign)
        users = {getattr(item, field, 0) for field in ("lspid", "lrpid")}
        if item.kind == SEM:
            with contextlib.suppress(OSError, IpcctlError):
                users.update(judge.control().last_pids(item.semid, item.nsems))
        return Trace(getattr(item, "cpid", None), users, foreign=item.cuid != own)


def seen(host: Host) -> tuple[list[IpcObject], tuple[Gap, ...]]:
    """Every object there is now, and what could not be seen."""
    snapshot = host.snapshot(queue_limits=False)
    gaps = tuple(gap for gap in snapshot.gaps if gap.what in KINDS)
    return [item for items in snapshot.objects.values() for item in items], gaps


def identity(item: Any) -> tuple[Any, ...]:  # noqa: ANN401  any object
    """What no other object has while this one is there, nor soon after it is gone."""
    if KINDS[item.kind].posix:
        return (item.kind, item.name, item.device, item.inode)
    return (item.kind, item.id)


def _open_directories(host: Host) -> dict[str, int]:
    found = {}
    with contextlib.suppress(OSError):
        found["shm"] = devshm.open_directory(host.roots.shm)
    with contextlib.suppress(OSError, IpcctlError):
        found["mqueue"] = mqueue.open_directory(host.roots.mqueue, host.roots.proc)
    return found
