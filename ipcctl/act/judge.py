"""Gathering the evidence about objects and judging them: who holds one, and is it still needed.

The lease probe is asked only about files that
the walk found unheld, and only for a verdict or a removal.
"""

from __future__ import annotations

import os
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ipcctl.act.sight import Sight
from ipcctl.kernel import devshm, lease
from ipcctl.model.evidence import BUSY, NOT_ASKED, Evidence
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, NEVER, WAITING, Holder, Recorded
from ipcctl.model.kinds import KINDS, MSG, SEM, SHM
from ipcctl.model.snapshot import Gap
from ipcctl.model.verdict import ORPHANED, UNKNOWN
from ipcctl.model.words import count
from ipcctl.policy.access import may_use
from ipcctl.policy.producers import process_in_name, producer_of
from ipcctl.policy.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.verdict import Verdict
    from ipcctl.policy.selection import Selection

_BY_GROUP = 0o060  # bits of the mode
_ODD_FILE_SYSTEM = "its file system does not tell who maps a file"


class Judge(Sight):
    """Gathers the evidence about objects, and judges them."""

    def __init__(self, host: Host, kinds: Collection[str] = tuple(KINDS), *, probe: bool = True) -> None:
        """Judge objects of *kinds*; nothing is read before it is asked for.

        Without *probe* no lease is taken, for who looks again and again: then the walk alone speaks about files.
        """
        super().__init__(host, kinds)
        self._probe = probe
        self._credentials: list[Any] | None = None
        self._now = time.time()
        self._verdicts: dict[int, tuple[IpcObject, Verdict]] = {}  # by identity; the object is kept alive with it
        self._alike: dict[tuple[Any, ...], Verdict] = {}
        self._last_users: dict[int, tuple[int, ...]] = {}  # of each set that was judged
        self._telling: dict[int, bool] = {}  # directories: whether leases on their files speak of mappings too
        self.young = 0  # of what was asked for as orphaned: used too lately to be left behind
        self.unsure = 0  # of what was asked for as orphaned: unknown, and therefore left out
        self._mute = 0  # sets that may be those of a process asked for, which they do not tell

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be seen, and what was left out by a selection for that."""
        if not self._mute:
            return super().gaps
        them = "it" if self._mute == 1 else "them"
        return (*super().gaps, Gap(SEM, f"no right to ask {count(self._mute, 'set')} who used {them} last"))

    def verdict_on(self, item: IpcObject) -> Verdict:
        """Whether *item* is still used, and why; asked once per object."""
        known = self._verdicts.get(id(item))
        if known is None:
            known = self._verdicts[id(item)] = (item, self._judge(item))
        return known[1]

    def _judge(self, item: IpcObject) -> Verdict:
        likeness = _LIKENESS.get(item.kind)
        alike = None if likeness is None or self.holds(item) else likeness(self, item)
        if alike is None:
            return judge(item, self.evidence(item), self._now)
        known = self._alike.get(alike)
        if known is None:
            known = self._alike[alike] = judge(item, self.evidence(item), self._now)
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
            idle = [item for item in chosen if item.last_used <= now - selection.min_idle]
            self.young += len(chosen) - len(idle)
            chosen = idle
            verdicts = [self.verdict_on(item).verdict for item in chosen]
            self.unsure += verdicts.count(UNKNOWN)
            chosen = [item for item, verdict in zip(chosen, verdicts, strict=True) if verdict == ORPHANED]
        return chosen

    def _pids_of(self, item: Any) -> set[int]:  # noqa: ANN401  any object
        """The processes that hold *item* or are on record for it."""
        recorded = {getattr(item, field, 0) for field in ("cpid", "lpid", "lspid", "lrpid", "notify_pid")}
        if item.kind == SEM:
            try:
                recorded.update(self.control().last_pids(item.semid, item.nsems))
            except PermissionError:
                self._mute += 1
            except OSError:  # it is gone
                pass
        return (recorded | {holder.pid for holder in self.holders(item)}) - {0, None}

    def evidence(self, item: Any) -> Evidence:  # noqa: ANN401  any object
        """Everything that can be seen about *item*."""
        if KINDS[item.kind].posix:
            return self._file(item)
        return _GATHER[item.kind](self, item)

    def _recorded(self, role: str, pid: int, when: int) -> Recorded:
        fate = self.processes.fate(pid, when)
        return Recorded(role, pid, fate, when, self.processes.comm(pid) if fate == ALIVE else None)

    def _followers(self, recorded: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
        """The session or process group that one of those gone began, if it lives on: a pipeline, a daemon's workers."""
        led = next((it.pid for it in recorded if it.pid and it.fate == GONE and self.processes.leads(it.pid)), 0)
        return (Recorded(f"the session or process group that {led} began", 0, ALIVE, 0),) if led else ()

    def _segment(self, item: Any) -> Evidence:  # noqa: ANN401
        if item.nattch:
            return Evidence(holders=self.holders(item) if self._walked else ())
        last = self._recorded("last attach or detach", item.lpid, max(item.atime, item.dtime))
        recorded = (self._recorded("created", item.cpid, item.ctime), last)
        return Evidence(recorded=recorded + self._followers(recorded))

    def _semaphore_set(self, item: Any) -> Evidence:  # noqa: ANN401
        try:
            waiters, pids = self.uses(item)
        except OSError:
            return Evidence(holders=self._waiting(item))
        holders = self._waiting(item)  # a stopped or frozen process still waits, but is not counted
        if waiters or holders:
            return Evidence(holders=holders, waiters=waiters)
        when = max(item.otime, item.ctime) if any(pids) else item.otime
        recorded = tuple(
            self._recorded("last operation", pid, when) for pid in dict.fromkeys(pids) if pid or not any(pids)
        )
        recorded += self._followers(recorded)
        if any(process.fate in (ALIVE, HIDDEN) for process in recorded):
            return Evidence(recorded=recorded, waiters=waiters)
        own = item.uid == item.cuid == os.geteuid() and not item.mode & _BY_GROUP  # hidepid hides nobody of one's own
        return Evidence(recorded=recorded, waiters=waiters, blind=self._blind(own=own), kin=self._kin(item))

    def uses(self, item: Any) -> tuple[int, tuple[int, ...]]:  # noqa: ANN401
        """The kernel's count of waiters on a set, and the processes of its last operations. Raises OSError."""
        found = self.control().uses(item.semid, item.nsems)
        self._last_users[item.semid] = found[1]
        return found

    def last_users(self, item: Any) -> tuple[int, ...]:  # noqa: ANN401
        """The processes of the last operations on a set, as they were judged, if its times may not tell a later one.

        Times are whole seconds, by a clock that may be a tick behind.
        """
        return self._last_users.get(item.semid, ()) if item.otime >= int(self._now) - 1 else ()

    def _kin(self, item: Any) -> int:  # noqa: ANN401
        """Live processes of its owner or creator that were there at the last use, or came right after it (fork, exec).

        The kernel records neither who made a set or a queue nor all who use it: a parent whose workers operate on it.
        """
        by_group = item.mode & _BY_GROUP
        found = self.processes.older_of(item.uid, item.gid if by_group else None, item.last_used)
        if found or item.cuid in (item.uid, 0):  # what root made and gave away, workers need, and not all that is root
            return found
        return self.processes.older_of(item.cuid, item.cgid if by_group else None, item.last_used)

    def _blind(self, *, own: bool = False) -> str:
        """Why users of an object may be out of sight altogether."""
        if self.outside:
            return "processes outside this pid namespace cannot be seen"
        return "" if own else self.walked.hidden

    def _message_queue(self, item: Any) -> Evidence:  # noqa: ANN401
        holders = self._waiting(item)
        if holders:
            return Evidence(holders=holders)
        last = (
            self._recorded("last send", item.lspid, item.stime),
            self._recorded("last receive", item.lrpid, item.rtime),
        )
        recorded = last + self._followers(last)
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
        lost = "" if self._leases_tell(self.directory(item.kind)) else _ODD_FILE_SYSTEM
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
        if directory is None or not self._leases_tell(directory):
            return NOT_ASKED
        try:
            return lease.probe(directory, devshm.file_name(item.kind, item.name), (item.device, item.inode))
        except FileNotFoundError:
            return NOT_ASKED
        except OSError:
            return BUSY

    def _leases_tell(self, directory: int | None) -> bool:
        """Asked once for each directory, which this judge holds open."""
        if directory is None:
            return False
        if directory not in self._telling:
            self._telling[directory] = lease.tells(directory)
        return self._telling[directory]

    def _unseen(self, item: Any) -> int:  # noqa: ANN401
        """How many processes that could not be looked into have the rights to wait on *item*."""
        if self._credentials is None:
            self._credentials = [self.processes.credentials(pid) for pid in self.walked.unreadable]
        return sum(known is None or may_use(known, item) for known in self._credentials)


_like_segment = attrgetter("nattch", "cpid", "ctime", "lpid", "atime", "dtime")
_like_set = attrgetter("otime", "ctime", "uid", "gid", "cuid", "cgid", "mode")
_like_queue = attrgetter("lspid", "stime", "lrpid", "rtime", "ctime", "uid", "gid", "cuid", "cgid", "mode")


def _uses_like_set(judge: Judge, item: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
    try:
        return (SEM, judge.uses(item), _like_set(item))
    except OSError:
        return None


# Objects that nobody holds and that are alike in these get the same verdict: hosts are full of them.
_LIKENESS: dict[str, Callable[[Judge, Any], tuple[Any, ...] | None]] = {
    SHM: lambda _, item: (SHM, _like_segment(item)),
    SEM: _uses_like_set,
    MSG: lambda _, item: (MSG, _like_queue(item)),
}
_GATHER = {SHM: Judge._segment, SEM: Judge._semaphore_set, MSG: Judge._message_queue}  # noqa: SLF001  its own rules
