"""Who waits for something that will not come: senders on full queues, waiters of a lock whose owner died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.finding import CRITICAL, UNKNOWN, WARNING, Facts, Finding
from ipcctl.model.holder import ALIVE, GONE, NEVER, RECYCLED, WAITING, Holder
from ipcctl.model.kinds import MSG, PMSG, SEM
from ipcctl.model.words import count
from ipcctl.policy.checks import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.detail import Semaphore

_SENDS = frozenset({"msgsnd", "mq_send"})
_NEARLY = 90.0  # percent of its bytes: the next message may not fit


def queues(facts: Facts) -> list[Finding]:
    """Queues on which senders are blocked; critical where nobody is left to receive."""
    found, unsure = [], []
    blind = "; ".join(filter(None, (facts.unseen, facts.deaf)))
    for kind in (MSG, PMSG):
        for item in facts.objects.get(kind, ()):
            calls = facts.calls(item)
            senders = [holder for holder in facts.holders(item) if calls.get(holder.pid) in _SENDS]
            if senders:
                found.append(_blocked(facts, item, senders))
            elif blind and _full(item):
                unsure.append(item.ref)
    if unsure and not found:
        what = f"{', '.join(unsure[: words.SHOWN])}: may be full, and who waits could not be seen"
        return [Finding("queues", UNKNOWN, what, (blind,), refs=tuple(unsure))]
    return found


def _blocked(facts: Facts, item: Any, senders: Sequence[Holder]) -> Finding:  # noqa: ANN401  a queue
    reason, dead = _RECEIVERS[item.kind](facts, item, senders)
    what = f"{item.ref}: {count(len(senders), 'sender')} blocked on a full queue"
    evidence = (f"blocked: {words.processes(senders)}", _CONTENT[item.kind](item), reason)
    ref = words.quoted(item.ref)
    mend = (f"ipcctl show {ref}", f"ipcctl rm --force {ref}") if dead else (f"ipcctl show {ref}",)
    return Finding("queues", CRITICAL if dead else WARNING, what, evidence, mend, (item.ref,))


def _sysv_receiver(facts: Facts, item: Any, _: Sequence[Holder]) -> tuple[str, bool]:  # noqa: ANN401
    """What is known of the last receiver, and whether nobody is left to receive."""
    fate = facts.fate(item.lrpid, item.rtime)
    if fate == NEVER:
        return "nobody ever received from it", True
    if fate in (GONE, RECYCLED):
        return f"its last receiver, process {item.lrpid}, is gone", True
    known = f"process {item.lrpid}, lives" if fate == ALIVE else "is not visible here"
    return f"its last receiver, {known}", False


def _posix_receiver(facts: Facts, item: Any, senders: Sequence[Holder]) -> tuple[str, bool]:  # noqa: ANN401
    blocked = {holder.pid for holder in senders}
    others = [holder for holder in facts.holders(item) if holder.pid not in blocked]
    if others:
        return f"also held by {words.processes(others)}", False
    if facts.unseen:
        return f"no other process seen has it open; {facts.unseen}", False
    return "no other process has it open", True


_RECEIVERS: dict[str, Callable[[Facts, Any, Sequence[Holder]], tuple[str, bool]]] = {
    MSG: _sysv_receiver,
    PMSG: _posix_receiver,
}
_CONTENT: dict[str, Callable[[Any], str]] = {
    MSG: lambda item: f"holds {item.qnum} messages, {item.cbytes} of {item.qbytes or '?'} bytes",
    PMSG: lambda item: f"holds {'?' if item.qnum is None else item.qnum} of {item.maxmsg or '?'} messages",
}


def _full(item: Any) -> bool:  # noqa: ANN401  a queue
    """Whether a sender may be blocked; also where it cannot be known."""
    if item.kind == PMSG:
        return item.qnum is None or item.qnum == item.maxmsg
    return not item.qbytes or 100.0 * item.cbytes / item.qbytes >= _NEARLY


def locks(facts: Facts) -> list[Finding]:
    """Semaphores on which processes wait and whose last operation was by a process that is gone.

    A set that no semop(2) ever touched is waiting for its first use, which is no fault.
    """
    found, refused = [], []
    for item in facts.objects.get(SEM, ()):
        if not item.otime:
            continue
        semaphores = facts.semaphores(item)
        if semaphores is None:
            refused.append(item.ref)
            continue
        found += [_lost(facts, item, semaphore) for semaphore in semaphores if _is_lost(facts, item, semaphore)]
    if refused and not found:
        what = f"no right to ask for the waiters of {count(len(refused), 'semaphore set')}"
        return [Finding("locks", UNKNOWN, what, refs=tuple(refused))]
    return found


def _is_lost(facts: Facts, item: Any, semaphore: Semaphore) -> bool:  # noqa: ANN401  a semaphore set
    waiters = semaphore.ncount + semaphore.zcount
    return bool(waiters and semaphore.pid and facts.fate(semaphore.pid, item.otime) in (GONE, RECYCLED))


def _lost(facts: Facts, item: Any, semaphore: Semaphore) -> Finding:  # noqa: ANN401
    waiting = [holder for holder in facts.holders(item) if holder.how == WAITING]
    waiters = semaphore.ncount + semaphore.zcount
    held = semaphore.value == 0 and semaphore.ncount > 0
    what = f"{item.ref}: {count(waiters, 'thread')} wait{'s' * (waiters == 1)} on semaphore {semaphore.num}, " + (
        "and who holds it died" if held else "and who changed it last died"
    )
    evidence = (
        f"value {semaphore.value}, last operation by process {semaphore.pid}, gone",
        f"waiting on the set: {words.processes(waiting)}" if waiting else "who waits cannot be seen from here",
    )
    give = f"ipcctl set {item.ref} --value {semaphore.num}={semaphore.value + 1}"
    mend = (f"ipcctl show {item.ref}", give) if held else (f"ipcctl show {item.ref}",)
    return Finding("locks", CRITICAL if held else WARNING, what, evidence, mend, (item.ref,))
