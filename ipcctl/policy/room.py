"""Is there room for more objects? Which limit forbids it, and what to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.model.kinds import MSG, PMSG, PSHM, SEM
from ipcctl.policy.usage import mqueue_limits, sysv_limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ipcctl.model.limits import FileSystemUse, Limit, MqueueLimits, SysvLimits


class Plan(NamedTuple):
    """One object that is to be made."""

    object: Any
    stored: int  # bytes of memory it will take at once, beside the System V ones
    largest_message: int  # bytes


class Room(NamedTuple):
    """What there is. None = could not be read: not asked."""

    sysv: SysvLimits | None
    mqueue: MqueueLimits | None
    shm: FileSystemUse | None
    page: int  # bytes
    privileged: bool  # CAP_SYS_RESOURCE: may pass msgmnb, msg_max and msgsize_max


def shortages(plans: Sequence[Plan], present: Mapping[str, Sequence[Any]], room: Room) -> Iterator[tuple[str, str]]:
    """Each limit that *plans* would break beside the objects *present*, and the command that raises it."""
    new: dict[str, list[Any]] = {}
    for plan in plans:
        new.setdefault(plan.object.kind, []).append(plan.object)
    both = {kind: [*present.get(kind, ()), *items] for kind, items in new.items()}
    if room.sysv is not None:
        alone = sysv_limits(room.sysv, new, room.page)
        broken = [limit for limit in sysv_limits(room.sysv, both, room.page) if limit.shared]
        broken += [limit for limit in alone if not limit.shared and limit.name != "msgmnb"]
        yield from _broken(broken, room.sysv)
        yield from _queues(plans, room.sysv, privileged=room.privileged)
    if room.mqueue is not None and PMSG in new:
        yield from _broken(limit for limit in mqueue_limits(room.mqueue, both[PMSG]) if limit.shared)
        if not room.privileged:
            yield from _broken(limit for limit in mqueue_limits(room.mqueue, new[PMSG]) if not limit.shared)
    needed = sum(plan.stored for plan in plans if plan.object.kind == PSHM)
    if room.shm is not None and room.shm.size and needed > room.shm.available:
        size = room.shm.size - room.shm.available + needed
        yield (
            f"/dev/shm has {room.shm.available} bytes left, {needed} are needed",
            f"mount -o remount,size={size} /dev/shm",
        )


def _queues(plans: Sequence[Plan], limits: SysvLimits, *, privileged: bool) -> Iterator[tuple[str, str]]:
    queues = [plan for plan in plans if plan.object.kind == MSG]
    largest = max((plan.largest_message for plan in queues), default=0)
    if largest > limits.msgmax:
        yield f"msgmax is {limits.msgmax}, a message has {largest} bytes", f"sysctl -w kernel.msgmax={largest}"
    qbytes = max((max(plan.object.qbytes or 0, plan.object.cbytes) for plan in queues), default=0)
    if qbytes > limits.msgmnb and not privileged:
        yield f"msgmnb is {limits.msgmnb}, a queue holds up to {qbytes} bytes", f"sysctl -w kernel.msgmnb={qbytes}"


def _broken(limits: Iterable[Limit], sysv: SysvLimits | None = None) -> Iterator[tuple[str, str]]:
    for limit in limits:
        if limit.used is not None and limit.used > limit.limit:
            yield f"{limit.name} is {limit.limit} {limit.unit}, {limit.used} would be needed", _raised(limit, sysv)


def _raised(limit: Limit, sysv: SysvLimits | None) -> str:
    """The command that makes *limit* just large enough."""
    if limit.kind == SEM and sysv is not None:
        four = sysv._asdict() | {limit.name: limit.used}
        return "sysctl -w kernel.sem='{semmsl} {semmns} {semopm} {semmni}'".format(**four)
    return limit.setting.replace("=N", f"={limit.used}")
