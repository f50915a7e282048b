"""Is it still used? One pure rule per kind: evidence to verdict (DESIGN: in-use, idle, orphaned, unknown).

"Could not be seen" never becomes orphaned. The kernel's own counts come first: nattch for segments, ncount and zcount
for semaphores, the lease for everything that is a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.evidence import BUSY, FREE, Evidence
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, RECYCLED, WAITING, Holder, Recorded
from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.verdict import IDLE, IN_USE, ORPHANED, UNKNOWN, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHOWN = 3  # holders and processes that a sentence names


def judge(item: Any, seen: Evidence, now: float) -> Verdict:  # noqa: ANN401  any object
    """The verdict on *item* at *now* (epoch seconds), and why."""
    return _RULES[item.kind](item, seen, int(now))


def _segment(item: Any, seen: Evidence, now: int) -> Verdict:  # noqa: ANN401
    if item.nattch:
        who = f" ({_names(seen.holders)})" if seen.holders else ""
        return Verdict(IN_USE, f"{_count(item.nattch, 'attachment')}{who}")
    return _by_record("no attachment", seen.recorded, now)


def _semaphore_set(_: Any, seen: Evidence, now: int) -> Verdict:  # noqa: ANN401
    if seen.waiters:
        who = f" ({_names(seen.holders)})" if seen.holders else ""
        return Verdict(IN_USE, f"{_count(seen.waiters, 'thread')} waiting{who}")
    if seen.holders:
        return Verdict(IN_USE, _names(seen.holders))
    if seen.waiters is None:
        return Verdict(UNKNOWN, "no right to ask for its waiters and last users")
    return _unless_doubted(_by_record("nobody waits", seen.recorded, now), seen)


def _message_queue(_: Any, seen: Evidence, now: int) -> Verdict:  # noqa: ANN401
    if seen.holders:
        return Verdict(IN_USE, _names(seen.holders))
    return _unless_doubted(_by_record("nobody waits", seen.recorded, now), seen)


def _file(_: Any, seen: Evidence, __: int) -> Verdict:  # noqa: ANN401
    if seen.holders:
        return Verdict(IN_USE, _names(seen.holders))
    if seen.lease == BUSY:
        return Verdict(IN_USE, "the kernel says that a process out of sight has it open or mapped")
    if seen.sign:
        return Verdict(IDLE, f"nobody has it open or mapped; {seen.sign}")
    if seen.veiled:
        return Verdict(UNKNOWN, f"nobody seen has it open or mapped; {seen.veiled}")
    if seen.lease == FREE:
        return Verdict(ORPHANED, "nobody has it open or mapped (lease)")
    return _unless_doubted(Verdict(ORPHANED, "no process seen has it open or mapped"), seen)


_RULES: dict[str, Callable[[Any, Evidence, int], Verdict]] = {
    SHM: _segment,
    SEM: _semaphore_set,
    MSG: _message_queue,
    PSHM: _file,
    PSEM: _file,
    PMSG: _file,
}


def _by_record(fact: str, recorded: Sequence[Recorded], now: int) -> Verdict:
    """Nobody holds it: what of those on record."""
    for fate in (ALIVE, HIDDEN):
        for process in recorded:
            if process.fate == fate:
                return Verdict(IDLE if fate == ALIVE else UNKNOWN, f"{fact}; {_story(process, now)}")
    gone = [process for process in recorded if process.fate in (GONE, RECYCLED)]
    if not gone:
        return Verdict(UNKNOWN, f"{fact}; no process on record")
    stories = [_story(process, now) for process in gone[:_SHOWN]]
    rest = f" and {len(gone) - _SHOWN} more gone" if len(gone) > _SHOWN else ""
    return Verdict(ORPHANED, f"{fact}; {'; '.join(stories)}{rest}")


def _unless_doubted(verdict: Verdict, seen: Evidence) -> Verdict:
    """Where somebody may be out of sight, or use it without being on record, orphaned is too much to say."""
    if verdict.verdict != ORPHANED:
        return verdict
    doubt = seen.blind
    if not doubt and seen.unseen:
        doubt = f"{_count(seen.unseen, 'process')} could not be looked into"
    if not doubt and seen.kin:
        doubt = f"{_count(seen.kin, 'process')} with a right to it may have been there then and use it still"
    return Verdict(UNKNOWN, f"{verdict.why}; {doubt}") if doubt else verdict


def _story(process: Recorded, now: int) -> str:
    """``last attach 3d ago by 4711, gone``."""
    ago = f" {_ago(now - process.when)} ago" if process.when else ""
    if process.fate == HIDDEN:
        return f"{process.role}{ago} by a process that is not visible here"
    if not process.pid:
        return f"{process.role} lives on"
    name = f" ({process.comm})" if process.comm else ""
    fate = {
        ALIVE: "alive",
        GONE: "gone",
        RECYCLED: "gone (the number belongs to a younger process now)",
    }[process.fate]
    return f"{process.role}{ago} by {process.pid}{name}, {fate}"


def _ago(seconds: int) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{max(seconds, 0)}s"


def _names(holders: Sequence[Holder]) -> str:
    """``4711 (postgres) attached, 4712 (psql) waiting and 3 more``."""
    shown = ", ".join(f"{holder.pid} ({holder.comm}) {_HOW.get(holder.how, holder.how)}" for holder in holders[:_SHOWN])
    return shown + (f" and {len(holders) - _SHOWN} more" if len(holders) > _SHOWN else "")


_HOW = {"open": "has it open", "mapped": "maps it", WAITING: "waits on it"}


def _count(number: int, what: str) -> str:
    plural = {"process": "processes"}.get(what, what + "s")
    return f"{number} {what if number == 1 else plural}"
