"""Sums over a snapshot: each limit beside its use, each owner's share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.model.kinds import MSG, PMSG, PSHM, SEM, SHM
from ipcctl.model.limits import FileSystemUse, Limit, MqueueLimits, SysvLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipcctl.model.objects import IpcObject


class OwnerTotal(NamedTuple):
    """What one uid owns."""

    uid: int
    counts: dict[str, int]  # by kind, every kind asked for
    bytes: int  # segments, POSIX memory and queued messages
    rss: int | None  # bytes in memory: segments' rss, POSIX memory's allocated; None = not all of it is known
    oldest: int  # epoch seconds: the last use of the object that was used longest ago; 0 = never


def owner_totals(objects: Mapping[str, Sequence[IpcObject]]) -> list[OwnerTotal]:
    """One row per owner, the largest in bytes first."""
    totals: dict[int, OwnerTotal] = {}
    for kind, items in objects.items():
        for item in items:
            old = totals.get(item.uid) or OwnerTotal(item.uid, dict.fromkeys(objects, 0), 0, 0, item.last_used)
            old.counts[kind] += 1
            totals[item.uid] = old._replace(
                bytes=old.bytes + size_of(item),
                rss=_plus(old.rss, _resident(item)),
                oldest=min(old.oldest, item.last_used),
            )
    return sorted(totals.values(), key=lambda total: (-total.bytes, total.uid))


def size_of(item: Any) -> int:  # noqa: ANN401  any object
    """The bytes an object accounts for; 0 where it holds none or they could not be read."""
    field = _BYTES.get(item.kind)
    return (getattr(item, field) or 0) if field else 0


def _resident(item: Any) -> int | None:  # noqa: ANN401  any object
    field = _RESIDENT.get(item.kind)
    return getattr(item, field) if field else 0


def _plus(known: int | None, more: int | None) -> int | None:
    return None if known is None or more is None else known + more


_BYTES = {SHM: "size", MSG: "cbytes", PSHM: "size", PMSG: "qsize"}
SIZED = frozenset(_BYTES)  # the kinds that hold bytes
_RESIDENT = {SHM: "rss", PSHM: "allocated"}


class _Rule(NamedTuple):
    """What counts against one limit."""

    name: str
    kind: str
    help: str
    unit: str
    shared: bool  # all objects together count; else the largest is shown
    used: Callable[[Sequence[Any], int], int | None]  # objects of the kind, bytes in a page


def _count(items: Sequence[Any], _: int) -> int:
    return len(items)


def _total(field: str) -> Callable[[Sequence[Any], int], int]:
    return lambda items, _: sum(getattr(item, field) for item in items)


def _largest(field: str) -> Callable[[Sequence[Any], int], int | None]:
    """The largest of a field; None where one of them could not be read."""

    def used(items: Sequence[Any], _: int) -> int | None:
        values = [getattr(item, field) for item in items]
        return None if None in values else max(values, default=0)

    return used


def _pages(items: Sequence[Any], page: int) -> int:
    return sum(-(-item.size // page) for item in items)


def _nothing(_: Sequence[Any], __: int) -> None:
    return None


_SYSV_RULES = (
    _Rule("shmmni", SHM, "segments", "segments", True, _count),
    _Rule("shmall", SHM, "shared memory in all", "pages", True, _pages),
    _Rule("shmmax", SHM, "size of one segment", "bytes", False, _largest("size")),
    _Rule("semmni", SEM, "semaphore sets", "sets", True, _count),
    _Rule("semmns", SEM, "semaphores in all", "semaphores", True, _total("nsems")),
    _Rule("semmsl", SEM, "semaphores in one set", "semaphores", False, _largest("nsems")),
    _Rule("semopm", SEM, "operations in one semop", "operations", False, _nothing),
    _Rule("msgmni", MSG, "queues", "queues", True, _count),
    _Rule("msgmnb", MSG, "bytes in one new queue", "bytes", False, _largest("cbytes")),
    _Rule("msgmax", MSG, "size of one message", "bytes", False, _nothing),
)
_MQUEUE_RULES = (
    _Rule("queues_max", PMSG, "queues", "queues", True, _count),
    _Rule("msg_max", PMSG, "messages in one queue", "messages", False, _largest("maxmsg")),
    _Rule("msgsize_max", PMSG, "size of one message", "bytes", False, _largest("msgsize")),
)
_SETTINGS = {
    SHM: "sysctl -w kernel.{}=N",
    SEM: "sysctl -w kernel.sem='SEMMSL SEMMNS SEMOPM SEMMNI'",
    MSG: "sysctl -w kernel.{}=N",
    PMSG: "sysctl -w fs.mqueue.{}=N",
}


def sysv_limits(limits: SysvLimits, objects: Mapping[str, Sequence[Any]], page: int) -> list[Limit]:
    """The System V limits beside what *objects* use; a kind that is missing could not be listed. *page* in bytes."""
    return [_limit(rule, limits, objects.get(rule.kind), page) for rule in _SYSV_RULES]


def mqueue_limits(limits: MqueueLimits, queues: Sequence[Any] | None) -> list[Limit]:
    """The limits of POSIX queues; *queues* None = they could not be listed."""
    return [_limit(rule, limits, queues, 0) for rule in _MQUEUE_RULES]


def _limit(rule: _Rule, limits: SysvLimits | MqueueLimits, items: Sequence[Any] | None, page: int) -> Limit:
    return Limit(
        name=rule.name,
        kind=rule.kind,
        help=rule.help,
        unit=rule.unit,
        limit=getattr(limits, rule.name),
        used=None if items is None else rule.used(items, page),
        shared=rule.shared,
        setting=_SETTINGS[rule.kind].format(rule.name),
    )


def file_system_limit(use: FileSystemUse, mount: str) -> Limit:
    """How full the file system of POSIX shared memory is."""
    return Limit(
        name=mount,
        kind=PSHM,
        help="POSIX shared memory in all",
        unit="bytes",
        limit=use.size,
        used=use.size - use.available,
        shared=True,
        setting=f"mount -o remount,size=N {mount}",
    )


def over(limits: Sequence[Limit], percent: float) -> list[Limit]:
    """The shared limits whose use is above *percent*. The largest single object fills nothing up: not asked."""
    return [limit for limit in limits if limit.shared and limit.percent is not None and limit.percent > percent]
