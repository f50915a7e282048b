"""Gathering the facts for the checks of ``ipcctl doctor``: nothing is read that no check asks for."""

from __future__ import annotations

import errno
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipcctl.act.holdings import calls
from ipcctl.act.judge import Judge
from ipcctl.act.limits import limits_beside_use
from ipcctl.errors import InterfaceMissing, IpcctlError
from ipcctl.kernel.limits import NO_LIMIT, read_msgqueue_limit
from ipcctl.kernel.logind import read_last_system_uid, read_login_settings, read_services
from ipcctl.kernel.mqueue import mounted_at
from ipcctl.kernel.owners import owners_of_processes
from ipcctl.kernel.waits import why_deaf
from ipcctl.model.finding import Facts
from ipcctl.model.kinds import KINDS, PMSG
from ipcctl.model.snapshot import Gap, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.detail import Semaphore
    from ipcctl.policy.checks import Check


class Examination:
    """One look at a host. A context manager: verdicts are asked for while the checks run."""

    def __init__(self, host: Host, checks: Sequence[Check]) -> None:
        """Look at *host* for *checks* only."""
        self._host = host
        self._needs = frozenset(need for check in checks for need in check.needs)
        self._kinds = [kind for kind in KINDS if any(kind in check.kinds for check in checks)]
        self._judge = Judge(host)
        self._snapshot = Snapshot({})
        self._gaps: list[Gap] = []

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        self._judge.__exit__()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be seen."""
        return (*self._snapshot.gaps, *self._gaps, *self._judge.gaps)

    def facts(self) -> Facts:
        """Everything that the checks need."""
        host = self._host
        self._snapshot = host.snapshot(self._kinds, queue_limits="holders" in self._needs)
        failed = {gap.what for gap in self._snapshot.gaps}
        objects = {kind: items for kind, items in self._snapshot.objects.items() if items or kind not in failed}
        facts = Facts(
            users=host.accounts.users,
            euid=os.geteuid(),
            now=time.time(),
            objects=objects,
            shm_path=host.roots.shm,
            last_system_uid=read_last_system_uid(host.roots.system),
        )
        for need, read in _READERS.items():
            if need in self._needs:
                facts = facts._replace(**read(_Sources(self, host, self._judge, self._snapshot, facts)))
        return facts

    def note(self, gap: Gap) -> None:
        """Remember what could not be seen."""
        self._gaps.append(gap)


class _Sources(NamedTuple):
    """What a reader reads from."""

    examination: Examination
    host: Host
    judge: Judge
    snapshot: Snapshot
    facts: Facts  # so far


def _limits(sources: _Sources) -> dict[str, Any]:
    limits, gaps = limits_beside_use(sources.host, sources.snapshot)
    for gap in gaps:
        sources.examination.note(gap)
    return {"limits": limits or None}


def _shm_use(sources: _Sources) -> dict[str, Any]:
    try:
        return {"shm_use": sources.host.shm_use()}
    except OSError as error:
        sources.examination.note(Gap("devshm", f"{error.filename}: {error.strerror}"))
        return {}


def _walk(sources: _Sources) -> dict[str, Any]:
    judge = sources.judge
    judge.look()
    unseen = [gap.why for gap in judge.gaps]
    if judge.outside:
        unseen.append("processes outside this pid namespace cannot be seen")
    return {
        "holders": judge.holders,
        "calls": partial(calls, judge, sources.host),
        "fate": judge.processes.fate,
        "unseen": "; ".join(unseen),
        "deaf": why_deaf(sources.host.roots.proc),
    }


def _unlinked(sources: _Sources) -> dict[str, Any]:
    return {**_walk(sources), "unlinked": sources.judge.unlinked()}


def _verdict(sources: _Sources) -> dict[str, Any]:
    return {**_walk(sources), "verdict": sources.judge.verdict_on}


def _semaphores(sources: _Sources) -> dict[str, Any]:
    def read(item: Any) -> Sequence[Semaphore] | None:  # noqa: ANN401  a semaphore set
        try:
            control = sources.judge.control()
            return control.semaphores(item.semid, item.nsems) if control.waiters(item.semid, item.nsems) else []
        except InterfaceMissing:
            return None
        except OSError as error:
            return [] if error.errno in (errno.EINVAL, errno.EIDRM) else None

    return {**_walk(sources), "semaphores": read}


def _queue_allowance(sources: _Sources) -> dict[str, Any]:
    """The limit of each owner of queues: one's own, another's by a process of his, one with a queue open if any."""
    judge, euid = sources.judge, sources.facts.euid
    queues, owners = sources.facts.objects.get(PMSG, ()), owners_of_processes(sources.host.roots.proc)
    known = {}
    for uid in {queue.uid for queue in queues}:
        pids: list[int | str] = ["self"]
        if uid != euid:
            owned = [queue for queue in queues if queue.uid == uid]
            pids = [holder.pid for queue in owned for holder in judge.holders(queue) if holder.uid == uid]
            pids = pids or [pid for pid, owner in owners.items() if owner == uid]
        limits = [read_msgqueue_limit(sources.host.roots.proc, pid) for pid in pids]
        smallest = min((limit for limit in limits if limit is not None), default=None)
        if smallest is not None:
            known[uid] = smallest
        elif not pids and not judge.walked.hidden:
            known[uid] = NO_LIMIT  # he runs nothing that could reach one
    try:
        limits_of_all = sources.host.mqueue_limits()
        default = (limits_of_all.msg_default, limits_of_all.msgsize_default)
    except IpcctlError:
        return {"queue_allowance": known}
    return {"queue_allowance": known, "queue_default": default}


def _mqueue(sources: _Sources) -> dict[str, Any]:
    roots = sources.host.roots
    if roots.mqueue is not None:
        return {"mqueue": roots.mqueue, "mqueue_asked": True}
    try:
        return {"mqueue": mounted_at(roots.proc), "mqueue_asked": True}
    except OSError:
        return {"mqueue_asked": False}


def _login(sources: _Sources) -> dict[str, Any]:
    roots = sources.host.roots
    login = read_login_settings(roots.proc, sources.judge.processes, roots.system)
    if login is None or not login.remove_ipc:
        return {"login": login}
    owners = {item.uid for items in sources.facts.objects.values() for item in items}
    return {"login": login, "services": read_services(roots.proc, owners)}


_READERS: dict[str, Callable[[_Sources], dict[str, Any]]] = {
    "limits": _limits,
    "shm_use": _shm_use,
    "holders": _walk,
    "unlinked": _unlinked,
    "verdict": _verdict,
    "semaphores": _semaphores,
    "queue_allowance": _queue_allowance,
    "mqueue": _mqueue,
    "login": _login,
}
