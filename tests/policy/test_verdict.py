"""The verdict on every kind, as a table: what was seen, and the one word that follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.model.evidence import BUSY, FREE, NOT_ASKED, Evidence
from ipcctl.model.holder import ALIVE, ATTACHED, GONE, HIDDEN, MAPPED, NEVER, OPEN, RECYCLED, WAITING, Holder, Recorded
from ipcctl.model.kinds import KINDS
from ipcctl.model.objects import MessageQueue, PosixQueue, PosixSegment, PosixSemaphore, Segment, SemaphoreSet
from ipcctl.model.removal import KEPT, WOULD_REMOVE
from ipcctl.model.verdict import IDLE, IN_USE, ORPHANED, UNKNOWN, Verdict
from ipcctl.policy.plan import plan_removal
from ipcctl.policy.verdict import judge

NOW = 1_700_000_000
FILE = {"mode": 0o600, "uid": 0, "gid": 0, "mtime": NOW, "ctime": NOW, "device": 1, "inode": 2}
ITEMS: dict[str, Any] = {
    "shm": Segment(1, 2, 0o600, 4096, 11, 12, 0, 0, 0, 0, 0, NOW - 500, NOW - 300, NOW - 1000, 0, 0),
    "sem": SemaphoreSet(1, 2, 0o600, 4, 0, 0, 0, 0, 0, NOW - 1000),
    "msg": MessageQueue(1, 2, 0o600, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0, NOW - 1000),
    "pshm": PosixSegment("/x", size=1, allocated=4096, **FILE),
    "psem": PosixSemaphore("/x", value=1, **FILE),
    "pmsg": PosixQueue("/x", **FILE),
}
ATTACHED_SEGMENT = ITEMS["shm"]._replace(nattch=1)
FILES = ("pshm", "psem", "pmsg")


SENT = "nobody waits; last send 2h ago by 4711, gone"


def recorded(fate: str, role: str = "last send") -> Recorded:
    return Recorded(role, 0 if fate in (NEVER, HIDDEN) else 4711, fate, NOW - 7200, "worker" if fate == ALIVE else None)


def holder(how: str) -> Holder:
    return Holder(4711, "worker", 0, how)


def by(*fates: str, **more: Any) -> Evidence:
    return Evidence(recorded=tuple(map(recorded, fates)), waiters=0, **more)


TABLE = [
    # a segment: nattch decides, then the two processes on record
    ("shm", by(GONE, GONE), ORPHANED),
    ("shm", by(GONE, NEVER), ORPHANED),
    ("shm", by(GONE, RECYCLED), ORPHANED),
    ("shm", by(RECYCLED, NEVER), ORPHANED),
    ("shm", by(ALIVE, GONE), IDLE),
    ("shm", by(GONE, ALIVE), IDLE),
    ("shm", by(HIDDEN, ALIVE), IDLE),
    ("shm", by(GONE, HIDDEN), UNKNOWN),
    ("shm", by(HIDDEN, NEVER), UNKNOWN),
    ("shm", by(NEVER, NEVER), UNKNOWN),
    ("shm", Evidence(), UNKNOWN),
    # a set: the kernel counts waiters, and records the last operation on each semaphore only
    ("sem", by(GONE), ORPHANED),
    ("sem", by(GONE, RECYCLED, GONE, GONE), ORPHANED),
    ("sem", by(GONE, ALIVE), IDLE),
    ("sem", by(NEVER), UNKNOWN),
    ("sem", by(HIDDEN), UNKNOWN),
    ("sem", by(GONE, kin=2), UNKNOWN),
    ("sem", by(GONE, blind="somebody is out of sight"), UNKNOWN),
    ("sem", by(ALIVE, kin=2, blind="somebody is out of sight"), IDLE),
    ("sem", Evidence(waiters=None), UNKNOWN),
    ("sem", Evidence(waiters=None, recorded=(recorded(GONE),)), UNKNOWN),
    ("sem", Evidence(waiters=2), IN_USE),
    ("sem", Evidence(waiters=2, recorded=(recorded(GONE),)), IN_USE),
    ("sem", Evidence(waiters=0, holders=(holder(WAITING),), recorded=(recorded(GONE),)), IN_USE),
    # a queue: only /proc shows a blocked receiver, so whoever cannot be looked into counts
    ("msg", by(GONE, GONE), ORPHANED),
    ("msg", by(GONE, NEVER), ORPHANED),
    ("msg", by(ALIVE, NEVER), IDLE),
    ("msg", by(NEVER, NEVER), UNKNOWN),
    ("msg", by(HIDDEN, GONE), UNKNOWN),
    ("msg", by(GONE, NEVER, unseen=1), UNKNOWN),
    ("msg", by(GONE, GONE, kin=1), UNKNOWN),
    ("msg", by(GONE, GONE, blind="somebody is out of sight"), UNKNOWN),
    ("msg", by(GONE, GONE, holders=(holder(WAITING),)), IN_USE),
    # files: the walk, then the lease, then whatever could not be seen
    *[
        row
        for kind in FILES
        for row in (
            (kind, Evidence(holders=(holder(OPEN),)), IN_USE),
            (kind, Evidence(holders=(holder(MAPPED),), lease=FREE), IN_USE),
            (kind, Evidence(lease=BUSY), IN_USE),
            (kind, Evidence(lease=BUSY, sign="process 1 of its name lives"), IN_USE),
            (kind, Evidence(lease=FREE), ORPHANED),
            (kind, Evidence(lease=FREE, unseen=9, blind="somebody is out of sight"), ORPHANED),
            (kind, Evidence(lease=FREE, sign="process 1 of its name lives"), IDLE),
            (kind, Evidence(lease=FREE, veiled="process 1 of its name is not visible here"), UNKNOWN),
            (kind, Evidence(lease=NOT_ASKED), ORPHANED),
            (kind, Evidence(lease=NOT_ASKED, unseen=1), UNKNOWN),
            (kind, Evidence(lease=NOT_ASKED, blind="somebody is out of sight"), UNKNOWN),
            (kind, Evidence(lease=NOT_ASKED, unseen=1, sign="process 1 of its name lives"), IDLE),
        )
    ],
]


@pytest.mark.parametrize(("kind", "seen", "expected"), TABLE)
def test_evidence_leads_to_the_verdict(kind: str, seen: Evidence, expected: str) -> None:
    verdict, why = judge(ITEMS[kind], seen, NOW)
    assert expected == verdict
    assert why


@pytest.mark.parametrize("seen", [Evidence(), by(GONE, GONE), by(ALIVE, ALIVE), Evidence(blind="x")])
def test_attached_segment_is_in_use_whatever_else_was_seen(seen: Evidence) -> None:
    assert Verdict(IN_USE, "1 attachment") == judge(ATTACHED_SEGMENT, seen, NOW)


@pytest.mark.parametrize(
    ("kind", "seen", "why"),
    [
        ("shm", Evidence(recorded=(recorded(GONE, "created"),)), "no attachment; created 2h ago by 4711, gone"),
        ("msg", by(ALIVE), "nobody waits; last send 2h ago by 4711 (worker), alive"),
        (
            "msg",
            by(RECYCLED),
            "nobody waits; last send 2h ago by 4711, gone (the number belongs to a younger process now)",
        ),
        ("msg", by(HIDDEN), "nobody waits; last send 2h ago by a process that is not visible here"),
        ("msg", by(GONE, unseen=2), f"{SENT}; 2 processes could not be looked into"),
        (
            "sem",
            by(GONE, kin=1),
            f"{SENT}; 1 process with a right to it may have been there then and use it still",
        ),
        ("sem", by(*[GONE] * 5), f"{SENT}{'; last send 2h ago by 4711, gone' * 2} and 2 more gone"),
        ("sem", Evidence(waiters=1, holders=(holder(WAITING),)), "1 thread waiting (4711 (worker) waits on it)"),
        (
            "pshm",
            Evidence(holders=tuple(map(holder, (MAPPED, OPEN, OPEN, OPEN)))),
            f"4711 (worker) maps it{', 4711 (worker) has it open' * 2} and 1 more",
        ),
        ("pmsg", Evidence(lease=FREE), "nobody has it open or mapped (lease)"),
    ],
)
def test_why_is_a_line_that_a_person_can_check(kind: str, seen: Evidence, why: str) -> None:
    assert why == judge(ITEMS[kind], seen, NOW).why


EVIDENCE = st.builds(
    Evidence,
    holders=st.lists(st.sampled_from([ATTACHED, MAPPED, OPEN, WAITING]).map(holder), max_size=2).map(tuple),
    recorded=st.lists(st.sampled_from([ALIVE, GONE, RECYCLED, HIDDEN, NEVER]).map(recorded), max_size=3).map(tuple),
    waiters=st.sampled_from([None, 0, 1]),
    lease=st.sampled_from([FREE, BUSY, NOT_ASKED]),
    unseen=st.integers(0, 2),
    blind=st.sampled_from(["", "somebody is out of sight"]),
    kin=st.integers(0, 1),
    sign=st.sampled_from([None, "process 1 of its name lives"]),
    veiled=st.sampled_from(["", "process 1 of its name is not visible here"]),
)


@given(st.sampled_from(list(KINDS)), EVIDENCE)
def test_orphaned_needs_that_everything_was_seen_and_nothing_lives(kind: str, seen: Evidence) -> None:
    if judge(ITEMS[kind], seen, NOW).verdict != ORPHANED:
        return
    fates = {process.fate for process in seen.recorded}
    if kind in FILES:
        assert not seen.holders
        assert BUSY != seen.lease
        assert (None, "") == (seen.sign, seen.veiled)
        assert seen.lease == FREE or not (seen.unseen or seen.blind)
        return
    assert not fates & {ALIVE, HIDDEN}
    assert fates & {GONE, RECYCLED}
    if kind != "shm":
        assert not any((seen.holders, seen.waiters, seen.unseen, seen.blind, seen.kin))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("word", [IN_USE, IDLE, ORPHANED, UNKNOWN])
def test_plan_keeps_what_is_in_use_unless_forced(word: str, *, force: bool) -> None:
    (step,) = plan_removal([ITEMS["shm"]], lambda _: Verdict(word, "so it is"), force=force)
    assert (KEPT if word == IN_USE and not force else WOULD_REMOVE) == step.result
    assert f"{word}: so it is" == step.why
