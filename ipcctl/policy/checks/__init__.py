"""The checks of ``ipcctl doctor``: one registry, facts in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.finding import OK, SEVERITIES, UNKNOWN, Facts, Finding
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.policy.checks import access, leftovers, room, stuck

Examine = Callable[[Facts], list[Finding]]


class Check(NamedTuple):
    """One check. ``needs`` are fields of :class:`Facts`, ``kinds`` those whose objects it looks at."""

    name: str
    help: str
    examine: Examine  # no finding = all is well
    well: str  # what to say then
    needs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check(
            *("limits", "a limit is used beyond 80 %", room.limits, "every limit is used below 80 %"),
            needs=("limits",),
            kinds=(SHM, SEM, MSG, PMSG),
        ),
        Check(
            *("room", "the next objects will not fit: ENOSPC ahead", room.room, "many more objects fit"),
            needs=("limits",),
            kinds=(SHM, SEM, MSG, PMSG),
        ),
        Check(
            *("devshm", "the file system of POSIX shared memory is nearly full", room.devshm, "it has room"),
            needs=("shm_use", "unlinked"),
            kinds=(PSHM,),
        ),
        Check(
            *("rlimit", "RLIMIT_MSGQUEUE stops a user's next queue", room.rlimit, "every owner of queues has room"),
            needs=("queue_allowance",),
            kinds=(PMSG,),
        ),
        Check(
            *(
                "orphans",
                "objects that nobody needs any more",
                leftovers.orphans,
                "nothing left alone for a minute is orphaned",
            ),
            needs=("verdict",),
            kinds=tuple(KINDS),
        ),
        Check(
            *("dest", "segments that were removed and are still held", leftovers.dest, "no segment is marked dest"),
            needs=("holders",),
            kinds=(SHM,),
        ),
        Check(
            *("unlinked", "memory that has no name any more", leftovers.unlinked, "no memory without a name is held"),
            needs=("unlinked", "shm_use"),
            kinds=(PSHM, PSEM),
        ),
        Check(
            *("queues", "full queues with blocked senders", stuck.queues, "nobody is blocked on a full queue"),
            needs=("holders",),
            kinds=(MSG, PMSG),
        ),
        Check(
            *(
                "locks",
                "semaphores whose last user died while others wait",
                stuck.locks,
                "no lock was left by the dead",
            ),
            needs=("semaphores",),
            kinds=(SEM,),
        ),
        Check(
            *("writable", "everybody may write to a privileged owner's object", access.writable, "none is open to all"),
            needs=("mqueue",),
            kinds=tuple(KINDS),
        ),
        Check(
            *("mqueue", "no mqueue file system is mounted", access.mqueue, "an mqueue file system is mounted"),
            needs=("mqueue",),
            kinds=(PMSG,),
        ),
        Check(
            *("removeipc", "systemd removes a service's objects at logout", access.removeipc, "it takes no service's"),
            needs=("login",),
            kinds=tuple(KINDS),
        ),
    )
}


def choose_checks(names: Sequence[str]) -> list[Check]:
    """The checks of these names, once each, in the usual order; none = all. Raises UsageError that lists them."""
    for name in names:
        if name not in CHECKS:
            message = f"unknown check {name!r}"
            raise UsageError(message, hint=f"checks: {' '.join(CHECKS)}")
    return [check for check in CHECKS.values() if not names or check.name in names]


def examine(checks: Sequence[Check], facts: Facts) -> list[Finding]:
    """What *checks* find, the worst first. Each says something: a finding, that all is well, or what was not seen."""
    found: list[Finding] = []
    for check in checks:
        blind = [kind for kind in check.kinds if kind not in facts.objects]
        findings = check.examine(facts)
        if not findings and blind:
            findings = [Finding(check.name, UNKNOWN, f"{' '.join(blind)} could not be listed")]
        found += findings or [Finding(check.name, OK, check.well)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
