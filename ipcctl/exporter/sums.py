"""The collectors that always run: numbers and sums of each kind, the limits, /dev/shm.

System V objects are summed up by columns: a host may have 70,000, and a scrape comes every few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.errors import InterfaceMissing
from ipcctl.exporter.catalogue import DEVSHM, LIMITS
from ipcctl.kernel import limits
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.objects import SHM_DEST
from ipcctl.model.snapshot import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ipcctl.exporter.view import Sample, View


def _segments(view: View) -> Iterator[Sample]:
    fields = ("size", "nattch", "perms", "rss", "swap", "atime", "dtime", "ctime")
    count, columns = view.columns(SHM, fields)
    size, nattch, mode, rss, swap, *times = _numbers(columns)
    free = [bytes_ for bytes_, attached in zip(size, nattch, strict=True) if not attached]
    doomed = [bytes_ for bytes_, bits in zip(size, mode, strict=True) if bits & SHM_DEST]
    yield from _counted(SHM, count, times)
    yield "shm_size_bytes", (), sum(size)
    for name, column in (("shm_resident_bytes", rss), ("shm_swapped_bytes", swap)):
        if None not in column[:1]:  # a kernel tells it of all or of none
            yield name, (), sum(column)
    yield "shm_attachments", (), sum(nattch)
    yield "shm_unattached_objects", (), len(free)
    yield "shm_unattached_bytes", (), sum(free)
    yield "shm_pending_destroy_objects", (), len(doomed)
    yield "shm_pending_destroy_bytes", (), sum(doomed)


def _semaphore_sets(view: View) -> Iterator[Sample]:
    count, columns = view.columns(SEM, ("nsems", "otime", "ctime"))
    nsems, *times = _numbers(columns)
    yield from _counted(SEM, count, times)
    yield "semaphores", (), sum(nsems)


def _message_queues(view: View) -> Iterator[Sample]:
    count, columns = view.columns(MSG, ("msqid", "cbytes", "qnum", "stime", "rtime", "ctime"))
    msqid, cbytes, qnum, *times = _numbers(columns)
    yield from _counted(MSG, count, times)
    yield "messages", (MSG,), sum(qnum)
    yield "message_bytes", (MSG,), sum(cbytes)
    # msgsnd(2) waits when the bytes would exceed qbytes, or the number of messages would.
    used = {one: max(bytes_, number) for one, bytes_, number in zip(msqid, cbytes, qnum, strict=True) if number}
    try:
        limits = view.host.control().queue_limits(used) if used else []
    except (InterfaceMissing, OSError) as error:
        view.gaps[MSG].append(Gap(MSG, f"qbytes is not known: {error}"))
        return
    yield "queue_fullness_ratio_max", (MSG,), _fullest(zip(used.values(), limits, strict=True))


def _posix_segments(view: View) -> Iterator[Sample]:
    items: Sequence[Any] = view.objects(PSHM)
    yield from _listed(PSHM, items)
    yield "pshm_allocated_bytes", (), sum(item.allocated for item in items)


def _posix_semaphores(view: View) -> Iterator[Sample]:
    yield from _listed(PSEM, view.objects(PSEM))


def _posix_queues(view: View) -> Iterator[Sample]:
    items: Sequence[Any] = view.objects(PMSG)
    yield from _listed(PMSG, items)
    yield "messages", (PMSG,), sum(item.qnum or 0 for item in items)
    yield "message_bytes", (PMSG,), sum(item.qsize or 0 for item in items)
    known = [(item.qnum, item.maxmsg) for item in items if item.qnum is not None]
    if known or not items:
        yield "queue_fullness_ratio_max", (PMSG,), _fullest(known)


def _limits(view: View) -> Iterator[Sample]:
    sysv, queues = view.host.sysv_limits(), view.host.mqueue_limits()
    most = {SHM: sysv.shmmni, SEM: sysv.semmni, MSG: sysv.msgmni, PMSG: queues.queues_max}
    for kind, limit in most.items():
        yield "objects_limit", (kind,), limit
    yield "semaphores_limit", (), sysv.semmns
    yield "shm_size_limit_bytes", (), sysv.shmall * limits.page_size()
    yield "shm_segment_size_limit_bytes", (), sysv.shmmax
    yield "msg_queue_size_limit_bytes", (), sysv.msgmnb


def _devshm(view: View) -> Iterator[Sample]:
    use = view.host.shm_use()
    yield "devshm_size_bytes", (), use.size
    yield "devshm_avail_bytes", (), use.available


SUMS: dict[str, Callable[[View], Iterator[Sample]]] = {
    SHM: _segments,
    SEM: _semaphore_sets,
    MSG: _message_queues,
    PSHM: _posix_segments,
    PSEM: _posix_semaphores,
    PMSG: _posix_queues,
    LIMITS: _limits,
    DEVSHM: _devshm,
}


def _numbers(columns: Any) -> list[Sequence[int]]:  # noqa: ANN401  the columns as they come: only rss and swap hold None
    return list(columns)


def _counted(kind: str, count: int, times: Sequence[Sequence[int]]) -> Iterator[Sample]:
    """*times*: the columns that together tell each object's last activity."""
    yield "objects", (kind,), count
    yield "oldest_object_timestamp_seconds", (kind,), min(map(max, *times), default=0)


def _listed(kind: str, items: Sequence[Any]) -> Iterator[Sample]:
    yield "objects", (kind,), len(items)
    yield "oldest_object_timestamp_seconds", (kind,), min((item.last_used for item in items), default=0)


def _fullest(queues: Iterable[tuple[int, int | None]]) -> float:
    """The highest share of used and limit. A queue that is gone has no limit; one with limit 0 takes nothing."""
    return max((used / limit if limit else 1.0 for used, limit in queues if limit is not None), default=0.0)
