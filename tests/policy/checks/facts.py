"""Objects, limits and people for the tests of the checks, and what one check says of them."""

from __future__ import annotations

from typing import Any

from ipcctl.model.finding import Facts, Finding, LoginSettings
from ipcctl.model.holder import OPEN, WAITING, Holder
from ipcctl.model.kinds import KINDS
from ipcctl.model.limits import FileSystemUse, Limit
from ipcctl.model.objects import MessageQueue, PosixQueue, PosixSegment, Segment, SemaphoreSet
from ipcctl.model.verdict import IDLE, Verdict
from ipcctl.policy.checks import CHECKS, examine

NOW = 1_700_000_000
USERS = {0: "root", 33: "www-data", 1000: "alice", 1001: None}
NOTHING: dict[str, list[Any]] = {kind: [] for kind in KINDS}
SINGLE = {"semmsl", "semopm"}
MIB = 1 << 20


def segment(**changed: Any) -> Segment:
    plain = Segment(0x2A, 1, 0o600, 4096, 11, 12, 0, 1000, 100, 0, 0, NOW - 500, NOW - 300, NOW - 1000, 0, 0)
    return plain._replace(**changed)


def semaphores(**changed: Any) -> SemaphoreSet:
    return SemaphoreSet(0x2B, 2, 0o600, 4, 1000, 100, 0, 0, NOW - 400, NOW - 1000)._replace(**changed)


def queue(**changed: Any) -> MessageQueue:
    plain = MessageQueue(0x2C, 3, 0o600, 10, 1, 0, 0, 1000, 100, 0, 0, 0, 0, NOW - 1000, qbytes=16384)
    return plain._replace(**changed)


def memory(**changed: Any) -> PosixSegment:
    return PosixSegment("/psm_1", 0o600, 1000, 100, 4096, 4096, NOW - 1000, NOW - 1000, 9, 9)._replace(**changed)


def posix_queue(**changed: Any) -> PosixQueue:
    known = PosixQueue("/jobs", 0o600, 1000, 100, NOW - 1000, NOW - 1000, 9, 9, 10, 1, 10, 512, 0)
    return known._replace(**changed)


def limit(name: str, kind: str, used: int | None, most: int, unit: str) -> Limit:
    return Limit(name, kind, "", unit, most, used, shared=name not in SINGLE, setting=f"sysctl -w kernel.{name}=N")


def semaphore_limits(sets: int, most: int) -> list[Limit]:
    return [
        limit("semmni", "sem", sets, most, "sets"),
        limit("semmns", "sem", sets, 32000, "semaphores"),
        limit("semmsl", "sem", 1, 250, "semaphores"),
        limit("semopm", "sem", None, 32, "operations"),
    ]


def found(check: str, objects: dict[str, list[Any]], **facts: Any) -> list[Finding]:
    """What one check says of these objects: there are no others, and everything was seen."""
    whole: dict[str, Any] = {
        "users": USERS,
        "now": NOW,
        "limits": [],
        "shm_use": FileSystemUse(100 * MIB, 100 * MIB),
        "mqueue": "/dev/mqueue",
        "mqueue_asked": True,
        "verdict": lambda _: Verdict(IDLE, ""),
        "semaphores": lambda _: [],
    }
    return examine([CHECKS[check]], Facts(objects={**NOTHING, **objects}, **{**whole, **facts}))


def the(check: str, objects: dict[str, list[Any]], **facts: Any) -> Finding:
    (one,) = found(check, objects, **facts)
    return one


def holders(*known: Holder) -> Any:
    return lambda _: known


SENDER = Holder(50, "writer", 1000, WAITING)
READER = Holder(60, "reader", 1000, OPEN)


def verdicts(word: str) -> Any:
    return lambda _: Verdict(word, "")


YES = LoginSettings(remove_ipc=True, source="its default", lingering=frozenset())
