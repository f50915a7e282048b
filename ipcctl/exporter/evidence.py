"""The collector ``holders``: who holds, who waits, what is left over. A walk over /proc, so only when asked for."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from ipcctl.act.judge import Judge
from ipcctl.errors import IpcctlError
from ipcctl.model.holder import WAITING
from ipcctl.model.kinds import KINDS, MSG, PMSG, SEM
from ipcctl.model.verdict import ORPHANED, UNKNOWN
from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipcctl.exporter.view import Sample, View
    from ipcctl.kernel.holders import Walk

_WAITED_ON = (SEM, MSG)  # everything else that a process waits on is a file: a POSIX queue


def holders(view: View) -> Iterator[Sample]:
    """Verdicts by kind, waiters, memory without a name. A kind that cannot be listed is left out.

    No lease is taken: a scrape must not make anybody's open(2) wait.
    """
    seen: dict[str, Sequence[Any]] = {}
    for kind in KINDS:
        with contextlib.suppress(IpcctlError, OSError):  # the kind's own collector says so
            seen[kind] = view.objects(kind)
    with Judge(view.host, probe=False) as judge:
        judge.look()
        for kind, items in seen.items():
            yield from _verdicts(judge, kind, items)
        yield "pshm_unlinked_bytes", (), sum(item.allocated for item in judge.unlinked())
        yield from _waiters(judge, seen.get(SEM))
        for kind, pids in _blocked(judge.walked).items():
            yield "blocked_processes", (kind,), len(pids)
        yield "processes_unreadable", (), len(judge.walked.unreadable) + judge.walked.first_unreadable


def _verdicts(judge: Judge, kind: str, items: Sequence[Any]) -> Iterator[Sample]:
    verdicts = [(judge.verdict_on(item).verdict, item) for item in items]
    orphans = [item for verdict, item in verdicts if verdict == ORPHANED]
    yield "orphaned_objects", (kind,), len(orphans)
    yield "orphaned_bytes", (kind,), sum(map(size_of, orphans))
    yield "unknown_objects", (kind,), sum(verdict == UNKNOWN for verdict, _ in verdicts)


def _waiters(judge: Judge, sets: Sequence[Any] | None) -> Iterator[Sample]:
    """The kernel's own counts, of the sets that may be read."""
    if sets is None:
        return
    total: Counter[str] = Counter(ncount=0, zcount=0)
    try:
        control = judge.control()
    except OSError:
        return
    for item in sets:
        with contextlib.suppress(OSError):  # gone, or no right to ask
            ncount, zcount = control.waits(item.semid, item.nsems)
            total.update(ncount=ncount, zcount=zcount)
    for wait, threads in total.items():
        yield "sem_waiters", (wait,), threads


def _blocked(walk: Walk) -> dict[str, set[int]]:
    blocked: dict[str, set[int]] = {SEM: set(), MSG: set(), PMSG: set()}
    for (what, _), processes in walk.holders.items():
        kind = what if what in _WAITED_ON else PMSG
        blocked[str(kind)] |= {holder.pid for holder in processes.values() if holder.how == WAITING}
    return blocked
