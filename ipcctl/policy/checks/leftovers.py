"""What was left behind: orphans, segments marked dest, memory without a name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ipcctl.model import verdict
from ipcctl.model.finding import INFO, UNKNOWN, WARNING, Facts, Finding
from ipcctl.model.kinds import KINDS, PSEM, PSHM, SHM
from ipcctl.model.objects import SHM_DEST
from ipcctl.model.words import count
from ipcctl.policy.checks import words
from ipcctl.policy.producers import producer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_IDLE = 60  # seconds: a program between creation and first use needs its object; rm spares it as long
_MUCH = 10.0  # percent of /dev/shm in memory without a name
_SEMAPHORE = 4096  # bytes that a named semaphore takes: a page


def orphans(facts: Facts) -> list[Finding]:
    """Objects that nobody needs any more, with their bytes, per owner and producer."""
    found: list[Any] = []
    unsure = 0
    for items in facts.objects.values():
        for item in items:
            if facts.now - item.last_used < MIN_IDLE:
                continue
            word = facts.verdict(item).verdict
            unsure += word == verdict.UNKNOWN
            if word == verdict.ORPHANED:
                found.append(item)
    rest = f"{count(unsure, 'object')} more could not be judged (ipcctl ls --verdict)"
    if not found:
        if not unsure:
            return []
        return [Finding("orphans", UNKNOWN, f"no orphan among what could be judged; {rest}")]
    groups: dict[tuple[int, str | None], list[Any]] = defaultdict(list)
    for item in found:
        groups[item.uid, producer_of(item, facts.users)].append(item)
    ranked = sorted(groups.items(), key=lambda group: (-words.total(group[1]), -len(group[1])))
    evidence = [
        f"{words.name(uid, facts.users)}{f' ({producer})' if producer else ''}: {_kinds(items)}, "
        f"{words.size(words.total(items))}"
        for (uid, producer), items in ranked[: words.SHOWN]
    ]
    if len(ranked) > words.SHOWN:
        evidence.append(words.more(len(ranked), "owner").strip())
    if unsure:
        evidence.append(rest)
    counted = count(len(found), "orphaned object")
    what = f"{counted}, {words.size(words.total(found))}: every process on record is gone"
    mend = ("ipcctl rm --orphaned --dry-run", "ipcctl rm --orphaned")
    return [Finding("orphans", WARNING, what, tuple(evidence), mend, _refs(found))]


def _kinds(items: Sequence[Any]) -> str:
    """``3 shm, 12 sem``."""
    counts = ((kind, sum(item.kind == kind for item in items)) for kind in KINDS)
    return ", ".join(f"{number} {kind}" for kind, number in counts if number)


def dest(facts: Facts) -> list[Finding]:
    """Segments that somebody removed and others still have attached: memory that no key leads to."""
    marked = [item for item in facts.objects.get(SHM, ()) if item.mode & SHM_DEST]
    if not marked:
        return []
    evidence = [
        f"{item.ref}: {words.size(item.size)}, {count(item.nattch, 'attachment')}, {_by_whom(facts, item)}"
        for item in sorted(marked, key=lambda item: -item.size)[: words.SHOWN]
    ]
    if len(marked) > words.SHOWN:
        evidence.append(words.more(len(marked), "segment").strip())
    size = words.size(words.total(marked))
    ends = "it goes with its" if len(marked) == 1 else "each goes with its"
    what = f"{count(len(marked), 'segment')} removed while attached, {size}: {ends} last attachment"
    return [Finding("dest", INFO, what, tuple(evidence), ("ipcctl ls shm --dest --holders",), _refs(marked))]


def _by_whom(facts: Facts, item: Any) -> str:  # noqa: ANN401  a segment
    holders = facts.holders(item)
    return f"held by {words.processes(holders)}" if holders else "its holders cannot be seen from here"


def unlinked(facts: Facts) -> list[Finding]:
    """POSIX memory without a name that somebody still holds."""
    if not facts.unlinked:
        return [] if not facts.unseen or _accounted_for(facts) else [Finding("unlinked", UNKNOWN, facts.unseen)]
    largest = sorted(facts.unlinked, key=lambda item: -item.allocated)
    evidence = [
        f"{item.ref}: {words.size(item.allocated)} of {words.name(item.uid, facts.users)}, "
        f"held by {words.processes(facts.holders(item))}"
        for item in largest[: words.SHOWN]
    ]
    if len(largest) > words.SHOWN:
        evidence.append(words.more(len(largest), "object").strip())
    if facts.unseen:
        evidence.append(f"there may be more: {facts.unseen}")
    allocated = sum(item.allocated for item in largest)
    share = 100.0 * allocated / facts.shm_use.size if facts.shm_use and facts.shm_use.size else 0.0
    where = f", {share:.0f} % of {facts.shm_path}" if share >= 1 else ""
    what = f"{words.size(allocated)} in {count(len(largest), 'object')} without a name{where}: its holders keep it"
    mend = ("ipcctl ls pshm --unlinked",)
    return [Finding("unlinked", WARNING if share > _MUCH else INFO, what, tuple(evidence), mend, _refs(largest))]


def _accounted_for(facts: Facts) -> bool:
    """Whether the files that have names explain all that the file system says is used."""
    if facts.shm_use is None or PSHM not in facts.objects:
        return False
    named: int = sum(item.allocated for item in facts.objects[PSHM]) + _SEMAPHORE * len(facts.objects.get(PSEM, ()))
    return facts.shm_use.size - facts.shm_use.available <= named


def _refs(items: Sequence[Any]) -> tuple[str, ...]:
    return tuple(item.ref for item in items)
