"""What is full or nearly so: the limits of the namespace, /dev/shm, a user's bytes in queues."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ipcctl.model.finding import CRITICAL, UNKNOWN, WARNING, Facts, Finding
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSHM, SEM, SHM
from ipcctl.model.words import count
from ipcctl.policy.checks import words
from ipcctl.policy.usage import over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.limits import Limit

HIGH = 80.0  # percent
FULL = 95.0  # of a file system: whoever writes next gets SIGBUS
_FEW = 10  # objects
_PRIORITIES = 32768  # MQ_PRIO_MAX
_IDENTIFIERS = frozenset({"shmmni", "semmni", "msgmni"})  # bounded by the identifiers that there are
_IPCMNI, _IPCMNI_EXTENDED = 1 << 15, 1 << 24
_INT_MAX = 2**31 - 1
_MOST = {"shmall": 2**64 - 1}


def limits(facts: Facts) -> list[Finding]:
    """Shared limits used beyond HIGH, and who fills them."""
    if facts.limits is None:
        return [Finding("limits", UNKNOWN, "the limits could not be read")]
    return [
        Finding(
            "limits",
            WARNING,
            f"{limit.name}: {limit.used} of {limit.limit} {limit.unit} in use ({limit.percent:.0f} %)",
            (f"filled by {_fillers(facts, limit)}", *_at_its_most(limit)),
            (f"ipcctl rm {limit.kind} --orphaned --dry-run", *raised(limit, facts.limits)),
        )
        for limit in over([limit for limit in facts.limits if limit.kind != PSHM], HIGH)
    ]


def room(facts: Facts) -> list[Finding]:
    """How many more objects fit: none, or few although as many are there."""
    if facts.limits is None:
        return [Finding("room", UNKNOWN, "the limits could not be read")]
    found = []
    for kind, items in facts.objects.items():
        known = [limit for limit in facts.limits if limit.kind == kind and limit.shared and limit.used is not None]
        if not known or kind == PSHM:
            continue
        fits, tightest = min(((_fits(limit, len(items)), limit) for limit in known), key=lambda pair: pair[0])
        if fits and (fits >= _FEW or fits > len(items)):
            continue
        what, call = KINDS[kind].singular, _CALLS[kind]
        ahead = (
            f"no further {what} fits: {call} fails with ENOSPC"
            if not fits
            else f"{count(fits, f'more {what}')} before {call} fails with ENOSPC"
        )
        evidence = (
            f"{tightest.name}: {tightest.used} of {tightest.limit} {tightest.unit}",
            f"filled by {_fillers(facts, tightest)}",
            *_at_its_most(tightest),
        )
        mend = (f"ipcctl rm {kind} --orphaned --dry-run", *raised(tightest, facts.limits))
        found.append(Finding("room", WARNING if fits else CRITICAL, ahead, evidence, mend))
    return found


def _fits(limit: Limit, objects: int) -> int:
    """How many more objects like the average one fit below one limit."""
    used = limit.used or 0
    each = max(1, used // objects) if objects else 1
    return max(0, limit.limit - used) // each


def raised(limit: Limit, limits: Sequence[Limit]) -> list[str]:
    """The command that doubles a limit as far as the kernel takes it, whole; none where it takes no more."""
    value = min(max(2 * limit.limit, limit.limit + _FEW), _most(limit))
    if value <= limit.limit:
        return []
    if limit.kind != SEM:
        return [limit.setting.replace("=N", f"={value}")]
    numbers = {other.name: other.limit for other in limits} | {limit.name: value}
    return ["sysctl -w kernel.sem='{semmsl} {semmns} {semopm} {semmni}'".format(**numbers)]


def _most(limit: Limit) -> int:
    """The largest value that the kernel takes."""
    if limit.name in _IDENTIFIERS:
        return _IPCMNI if limit.limit <= _IPCMNI else _IPCMNI_EXTENDED
    return _MOST.get(limit.name, _INT_MAX)


def _at_its_most(limit: Limit) -> list[str]:
    """What to know where a limit cannot be raised while the system runs."""
    if limit.name in _IDENTIFIERS and limit.limit == _IPCMNI:
        extended = f"ipcmni_extend on the kernel's command line allows {_IPCMNI_EXTENDED}"
        return [f"{limit.name} is as high as this kernel takes it; {extended}"]
    return []


def _fillers(facts: Facts, limit: Limit) -> str:
    weigh, unit = _WEIGHT[limit.unit]
    return words.fillers(facts.objects.get(limit.kind, ()), facts.users, weigh, unit)


_WEIGHT: dict[str, tuple[Callable[[Any], int], str]] = {
    "segments": (lambda _: 1, ""),
    "sets": (lambda _: 1, ""),
    "queues": (lambda _: 1, ""),
    "semaphores": (lambda item: int(item.nsems), ""),
    "pages": (lambda item: int(item.size), "bytes"),
}
_CALLS = {SHM: "shmget(2)", SEM: "semget(2)", MSG: "msgget(2)", PMSG: "an ordinary user's mq_open(3)"}


def devshm(facts: Facts) -> list[Finding]:
    """How full the file system of POSIX shared memory is, and who fills it."""
    use, path = facts.shm_use, facts.shm_path
    if use is None:
        return [Finding("devshm", UNKNOWN, f"{path} could not be asked how full it is")]
    percent = 100.0 * (use.size - use.available) / use.size if use.size else 0.0
    if percent <= HIGH:
        return []
    held = [*facts.objects.get(PSHM, ()), *facts.unlinked]
    evidence = [f"filled by {words.fillers(held, facts.users, lambda item: item.allocated, 'bytes')}"] if held else []
    other = use.size - use.available - sum(item.allocated for item in held)
    if other > use.size // 100:
        evidence.append(f"{words.size(other)} is not in objects that can be seen: directories, other users' memory")
    mend = ("ipcctl rm pshm --orphaned --dry-run", f"mount -o remount,size={2 * use.size} {path}")
    left = words.size(use.available)
    what = f"{path} is {percent:.0f} % full: {left} left, then writers of shared memory are killed by SIGBUS"
    return [Finding("devshm", CRITICAL if percent >= FULL else WARNING, what, tuple(evidence), mend)]


def rlimit(facts: Facts) -> list[Finding]:
    """Owners of POSIX queues who reach their RLIMIT_MSGQUEUE, as far as it is known."""
    owned: dict[int, list[Any]] = defaultdict(list)
    for queue in facts.objects.get(PMSG, ()):
        owned[queue.uid].append(queue)
    found, unsure = [], []
    for uid, queues in owned.items():
        allowed, whose = facts.queue_allowance.get(uid), words.name(uid, facts.users)
        sizes = [queue_bytes(queue.maxmsg, queue.msgsize) for queue in queues if queue.maxmsg is not None]
        if allowed is None or len(sizes) < len(queues):
            unsure.append(whose)
        if allowed is None or sum(sizes) * 100 <= allowed * HIGH:
            continue
        left = allowed - sum(sizes)
        usual = queue_bytes(*facts.queue_default) if facts.queue_default else 0
        full = left < max(usual, 1)
        then = "a further queue of the usual size fails with EMFILE" if full else f"{words.size(left)} left"
        what = f"{whose}: {words.size(sum(sizes))} of {words.size(allowed)} for POSIX queues in use; {then}"
        mend = ("ipcctl rm pmsg --orphaned --dry-run", f"prlimit --pid $$ --msgqueue={2 * allowed}")
        largest = max(queues, key=lambda queue: queue_bytes(queue.maxmsg or 0, queue.msgsize or 0))
        evidence = (
            f"{count(len(queues), 'queue')}, the largest {largest.ref}",
            "a service: LimitMSGQUEUE= in its unit; a login: msgqueue in limits.conf(5)",
        )
        found.append(Finding("rlimit", CRITICAL if full else WARNING, what, evidence, mend))
    if unsure and not found:
        return [Finding("rlimit", UNKNOWN, f"sizes of queues or limits could not be read: {', '.join(unsure)}")]
    return found


def queue_bytes(maxmsg: int, msgsize: int) -> int:
    """What a queue counts against RLIMIT_MSGQUEUE, however empty it is (getrlimit(2))."""
    return maxmsg * 48 + min(maxmsg, _PRIORITIES) * 48 + maxmsg * msgsize
