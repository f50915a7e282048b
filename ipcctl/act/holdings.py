"""The other way round: from processes to the objects they hold or wait on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.kernel.namespaces import ipc_namespace
from ipcctl.kernel.waits import call_on
from ipcctl.model.holder import HIDDEN, WAITING
from ipcctl.model.holding import Holding
from ipcctl.model.snapshot import Gap

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ipcctl.act.judge import Judge
    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.snapshot import Snapshot


class Named(NamedTuple):
    """The processes that a person named: those that do not exist, and what cannot be seen of the others."""

    missing: tuple[int, ...]
    gaps: tuple[Gap, ...]


def calls(judge: Judge, host: Host, item: IpcObject) -> dict[int, str]:
    """The call in which each process that waits on *item* sleeps: msgsnd msgrcv semop mq_send mq_receive."""
    waiting = [holder.pid for holder in judge.holders(item) if holder.how == WAITING]
    sleeping = ((pid, call_on(host.roots.proc, pid, item)) for pid in waiting)
    return {pid: call for pid, call in sleeping if call}


def holdings(
    judge: Judge, host: Host, snapshot: Snapshot, pids: Collection[int] = (), uids: Collection[int] = ()
) -> list[Holding]:
    """Every process and object of *snapshot*, memory without a name too; by pid, then in the order of the kinds.

    Empty *pids* or *uids* (of processes) = whichever.
    """
    named: list[tuple[IpcObject, bool]] = [(item, False) for items in snapshot.objects.values() for item in items]
    found = []
    for item, unlinked in (*named, *((item, True) for item in judge.unlinked())):
        for holder in judge.holders(item):
            if (not pids or holder.pid in pids) and (not uids or holder.uid in uids):
                call = call_on(host.roots.proc, holder.pid, item) if holder.how == WAITING else None
                found.append(Holding(holder, item, call, unlinked))
    found.sort(key=lambda holding: holding.holder.pid)
    return found


def look_up(judge: Judge, host: Host, pids: Sequence[int]) -> Named:
    """Which of *pids* there are, and what could not be seen of each."""
    proc = host.roots.proc
    present = {int(name) for name in os.listdir(proc) if name.isdigit()}
    missing = []
    gaps = []
    for pid in pids:
        if pid in present:
            why = _why_not_seen(judge, proc, pid)
        elif judge.processes.fate(pid, 0) == HIDDEN:
            why = "hidden (hidepid, proc(5)); root sees it"
        else:
            why = ""
            missing.append(pid)
        if why:
            gaps.append(Gap(f"process {pid}", why))
    return Named(tuple(missing), tuple(gaps))


def _why_not_seen(judge: Judge, proc: str, pid: int) -> str:
    """Why the walk did not see what a process holds; empty = it did, or there is nothing to be held."""
    if pid == os.getpid():
        return "is ipcctl itself, which does not look into itself"
    stat = judge.processes.stat(pid)
    if stat is None or stat.kernel_thread:
        return ""
    try:
        elsewhere = ipc_namespace(proc, pid) != ipc_namespace(proc)
    except FileNotFoundError:
        return ""
    except OSError:
        return "could not be looked into; its owner or root can"
    return "is in another IPC namespace; what it holds there is not seen from here" if elsewhere else ""
