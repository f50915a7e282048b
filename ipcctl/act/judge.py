"""Gathering the evidence about objects and judging them: who holds one, and is it still needed.

The walk over /proc is made once, when the first question needs it. The lease probe is asked only about files that
the walk found unheld, and only for a verdict or a removal.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, Self

from ipcctl.errors import IpcctlError
from ipcctl.kernel import devshm, lease, mqueue
from ipcctl.kernel.holders import Places, Walk, places_of, unlinked_size, walk
from ipcctl.kernel.namespaces import processes_outside
from ipcctl.kernel.processes import Processes
from ipcctl.model.evidence import BUSY, NOT_ASKED, Evidence
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, NEVER, WAITING, Holder, Recorded
from ipcctl.model.kinds import KINDS, MSG, PMSG, SEM, SHM
from ipcctl.model.objects import PosixSegment
from ipcctl.model.snapshot import Gap
from ipcctl.model.verdict import ORPHANED
from ipcctl.policy.access import may_use
from ipcctl.policy.producers import process_in_name, producer_of
from ipcctl.policy.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.kernel.sysv import SysvControl
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.verdict import Verdict
    from ipcctl.policy.selection import Selection

_DELETED = " (deleted)"
_RIGHT_AFTER = 1  # seconds
_STALE = 1.0  # seconds
_ODD_FILE_SYSTEM = "its file system does not tell who maps a file"


class Judge:
    """Looks at the processes of one host at one moment. A context manager: it holds directories open."""

    def __init__(self, host: Host, kinds: Collection[str] = tuple(KINDS), *, probe: bool = True) -> None:
        """Judge objects of *kinds*; nothing is read before it is asked for.

        Without *probe* no lease is taken, for who looks again and again: then the walk alone speaks about files.
        """
        self._probe = probe
        self._host = host
        self._kinds = frozenset(kinds)
        self._processes: Processes | None = None
        self._walked: Walk | None = None
        self._latest: Walk | None = None  # of queues only, for a removal that comes later
        self._looked_at = 0.0
        self._control: SysvControl | None = None
        self._directories: dict[str, int | None] = {}
        self._outside: bool | None = None
        self._credentials: list[Any] | None = None
        self._now = time.time()
        self._verdicts: dict[int, tuple[IpcObject, Verdict]] = {}  # by identity; the object is kept alive with it
        self._alike: dict[tuple[Any, ...] | None, Verdict] = {}

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
            count = len(self._walked.unreadable)
            why = f"{count} process{'es' * (count > 1)} could not be looked into; CAP_SYS_PTRACE sees more (proc(5))"
            found.append(Gap("holders", why))
        if self._walked.hidden:
            found.append(Gap("holders", self._walked.hidden))
        return tuple(found)

    def holders(self, item: IpcObject) -> tuple[Holder, ...]:
        """Who holds *item* now, as far as the walk could see."""
        return self.walked.of(_target(item))

    def waiting_now(self, item: IpcObject) -> tuple[Holder, ...]:
        """Who sleeps on a System V queue, by a walk that is a second old at most: the queue itself does not tell."""
        if time.monotonic() - self._looked_at > _STALE:
            self._latest = walk(self._host.roots.proc, Places(self._host.roots.shm, None, None), self.processes, {MSG})
            self._looked_at = time.monotonic()
        return (self._latest or self.walked).of(_target(item))

    def verdict_on(self, item: IpcObject) -> Verdict:
        """Whether *item* is still used, and why; asked once per object."""
        known = self._verdicts.get(id(item))
        if known is None:
            known = self._verdicts[id(item)] = (item, self._judge(item))
        return known[1]

    def _judge(self, item: IpcObject) -> Verdict:
        likeness = _LIKENESS.get(item.kind)
        if likeness is None or self.holders(item):
            return judge(item, self.evidence(item), self._now)
        alike = likeness(self, item)
        known = self._alike.get(alike)
        if known is None:
            known = judge(item, self.evidence(item), self._now)
            if alike is not None:
                self._alike[alike] = known
        return known

    def select(self, items: Sequence[Any], selection: Selection, now: float) -> list[Any]:
        """Those of *items* that the filters about holders, verdicts and producers mean."""
        chosen = list(items)
        if selection.producers:
            users = self._host.accounts.users
            chosen = [item for item in chosen if producer_of(item, users) in selection.producers]
        if selection.pids:
            pids = set(selection.pids)
            chosen = [item for item in chosen if pids & self._pids_of(item)]
        if selection.orphaned:
            newest = now - selection.min_idle
            chosen = [item for item in chosen if item.last_used <= newest and self.verdict_on(item).verdict == ORPHANED]
        return chosen

    def _pids_of(self, item: Any) -> set[int]:  # noqa: ANN401  any object
        """The processes that hold *item* or are on record for it."""
        recorded = {getattr(item, field, 0) for field in ("cpid", "lpid", "lspid", "lrpid")}
        if item.kind == SEM:
            with contextlib.suppress(OSError):
                recorded.update(self.control().last_pids(item.semid, item.nsems))
        return (recorded | {holder.pid for holder in self.holders(item)}) - {0}

    def evidence(self, item: Any) -> Evidence:  # noqa: ANN401  any object
        """Everything that can be seen about *item*."""
        if KINDS[item.kind].posix:
            return self._file(item)
        return _GATHER[item.kind](self, item)

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

    def _recorded(self, role: str, pid: int, when: int) -> Recorded:
        fate = self.processes.fate(pid, when)
        return Recorded(role, pid, fate, when, self.processes.comm(pid) if fate == ALIVE else None)

    def _segment(self, item: Any) -> Evidence:  # noqa: ANN401
        if item.nattch:
            return Evidence(holders=self.holders(item) if self._walked else ())
        last = self._recorded("last attach or detach", item.lpid, max(item.atime, item.dtime))
        return Evidence(recorded=(self._recorded("created", item.cpid, item.ctime), last))

    def _semaphore_set(self, item: Any) -> Evidence:  # noqa: ANN401
        try:
            control = self.control()
            waiters = control.waiters(item.semid, item.nsems)
            pids = control.last_pids(item.semid, item.nsems)
        except OSError:
            return Evidence(holders=self._waiting(item))
        holders = self._waiting(item)  # a stopped or frozen process still waits, but is not counted
        if waiters or holders:
            return Evidence(holders=holders, waiters=waiters)
        when = max(item.otime, item.ctime) if any(pids) else item.otime
        recorded = tuple(
            self._recorded("last operation", pid, when) for pid in dict.fromkeys(pids) if pid or not any(pids)
        )
        lead = next((r.pid for r in recorded if r.pid and r.fate != ALIVE and self.processes.leads(r.pid)), 0)
        if lead:
            recorded += (Recorded(f"a process of the session or group of {lead}", lead, ALIVE, 0),)
        if any(process.fate in (ALIVE, HIDDEN) for process in recorded):
            return Evidence(recorded=recorded, waiters=waiters)
        own = item.uid == item.cuid == os.geteuid()  # hidepid hides nobody of one's own
        return Evidence(recorded=recorded, waiters=waiters, blind=self._blind(own=own), kin=self._kin(item))

    def _kin(self, item: Any) -> int:  # noqa: ANN401
        """Live processes of its owner that were there at the last use, or came right after it (a fork, an exec).

        The kernel records neither who made a set or a queue nor all who use it: a parent whose workers operate on it.
        """
        return self.processes.older_of(item.uid, item.last_used + _RIGHT_AFTER)

    def _blind(self, *, own: bool = False) -> str:
        """Why users of an object may be out of sight altogether."""
        if self.outside:
            return "processes outside this pid namespace cannot be seen"
        return "" if own else self.walked.hidden

    def _message_queue(self, item: Any) -> Evidence:  # noqa: ANN401
        holders = self._waiting(item)
        if holders:
            return Evidence(holders=holders)
        recorded = (
            self._recorded("last send", item.lspid, item.stime),
            self._recorded("last receive", item.lrpid, item.rtime),
        )
        if all(process.fate == NEVER for process in recorded) or any(process.fate == ALIVE for process in recorded):
            return Evidence(recorded=recorded)
        blind = self.walked.deaf or self._blind()
        return Evidence(recorded=recorded, unseen=self._unseen(item), blind=blind, kin=self._kin(item))

    def _waiting(self, item: IpcObject) -> tuple[Holder, ...]:
        return tuple(holder for holder in self.holders(item) if holder.how == WAITING)

    def _file(self, item: Any) -> Evidence:  # noqa: ANN401
        holders = self.holders(item)
        if holders:
            return Evidence(holders=holders)
        asked = self.ask_lease(item)
        sign, veiled = self._sign_in_name(item)
        if asked != NOT_ASKED:
            return Evidence(lease=asked, sign=sign, veiled=veiled)
        unseen = len(self.walked.unreadable) + self.walked.first_unreadable
        directory = self.directory(item.kind)
        lost = "" if directory is not None and lease.tells(directory) else _ODD_FILE_SYSTEM
        return Evidence(lease=asked, unseen=unseen, blind=lost or self._blind(), sign=sign, veiled=veiled)

    def _sign_in_name(self, item: Any) -> tuple[str | None, str]:  # noqa: ANN401
        """What the producer's pid in the name of a file says: that it lives, or that nobody can tell."""
        pid = process_in_name(item)
        fate = self.processes.fate(pid, item.mtime) if pid else GONE
        if fate == ALIVE and pid:
            return f"process {pid} of its name lives ({self.processes.comm(pid)})", ""
        return None, f"process {pid} of its name is not visible here" if fate == HIDDEN else ""

    def ask_lease(self, item: Any) -> str:  # noqa: ANN401
        """The kernel's own answer for a file: FREE, BUSY, or NOT_ASKED: no right to ask, or it is gone."""
        directory = self.directory(item.kind) if self._probe else None
        if directory is None or not lease.tells(directory):
            return NOT_ASKED
        try:
            return lease.probe(directory, devshm.file_name(item.kind, item.name), (item.device, item.inode))
        except FileNotFoundError:
            return NOT_ASKED
        except OSError:
            return BUSY

    @property
    def outside(self) -> bool:
        """Whether processes beyond this pid namespace may share these objects."""
        if self._outside is None:
            self._outside = processes_outside(self._host.roots.proc)
        return self._outside

    def _unseen(self, item: Any) -> int:  # noqa: ANN401
        """How many processes that could not be looked into have the rights to wait on *item*."""
        if self._credentials is None:
            self._credentials = [self.processes.credentials(pid) for pid in self.walked.unreadable]
        return sum(known is None or may_use(known, item) for known in self._credentials)

    def control(self) -> SysvControl:
        """The System V calls. Raises InterfaceMissing on a relocated /proc."""
        if self._control is None:
            self._control = self._host.control()
        return self._control


def _like_segment(_: Judge, item: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
    return None if item.nattch else (SHM, item.cpid, item.ctime, item.lpid, item.atime, item.dtime)


def _like_set(judge: Judge, item: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
    try:
        control = judge.control()
        if control.waiters(item.semid, item.nsems):
            return None
        pids = control.last_pids(item.semid, item.nsems)
    except OSError:
        return None
    return (SEM, *pids, item.otime, item.ctime, item.uid, item.cuid)


def _like_queue(_: Judge, item: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return (
        *(MSG, item.lspid, item.stime, item.lrpid, item.rtime),
        *(item.ctime, item.uid, item.gid, item.cuid, item.cgid, item.mode),
    )


# Objects that nobody holds and that are alike in these get the same verdict: hosts are full of them.
_LIKENESS = {SHM: _like_segment, SEM: _like_set, MSG: _like_queue}
_GATHER = {SHM: Judge._segment, SEM: Judge._semaphore_set, MSG: Judge._message_queue}  # noqa: SLF001  its own rules


def _target(item: Any) -> tuple[Any, int]:  # noqa: ANN401
    return (item.device, item.inode) if KINDS[item.kind].posix else (item.kind, item.id)
