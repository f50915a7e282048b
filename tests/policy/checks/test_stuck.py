"""Who waits for what will not come, and who merely waits."""

from __future__ import annotations

from typing import Any

import pytest

from ipcctl.model.detail import Semaphore
from ipcctl.model.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding
from ipcctl.model.holder import ALIVE, GONE, HIDDEN, NEVER, RECYCLED, Holder
from tests.policy.checks.facts import NOW, READER, SENDER, holders, posix_queue, queue, semaphores, the


def blocked(**facts: Any) -> Finding:
    full = queue(cbytes=16384, qnum=16, lrpid=9, rtime=NOW - 50)
    return the("queues", {"msg": [full]}, holders=holders(SENDER), calls=lambda _: {50: "msgsnd"}, **facts)


@pytest.mark.parametrize(
    ("fate", "severity"),
    [(NEVER, CRITICAL), (GONE, CRITICAL), (RECYCLED, CRITICAL), (ALIVE, WARNING), (HIDDEN, WARNING)],
)
def test_blocked_sender_is_critical_where_nobody_is_left_to_receive(fate: str, severity: str) -> None:
    finding = blocked(fate=lambda pid, when: fate if (pid, when) == (9, NOW - 50) else "")
    assert severity == finding.severity
    assert ("blocked: 50 (writer)", "holds 16 messages, 16384 of 16384 bytes") == finding.evidence[:2]
    assert ("ipcctl rm --force msg:3" in finding.mend) == (severity == CRITICAL)


def test_receiver_that_waits_for_a_type_on_a_full_queue_is_no_blocked_sender() -> None:
    full = {"msg": [queue(cbytes=16384)]}
    assert OK == the("queues", full, holders=holders(SENDER), calls=lambda _: {50: "msgrcv"}).severity


@pytest.mark.parametrize(
    ("others", "unseen", "severity"),
    [((), "", CRITICAL), ((READER,), "", WARNING), ((), "3 processes could not be looked into", WARNING)],
)
def test_posix_sender_is_critical_where_no_other_process_has_the_queue(
    others: tuple[Holder, ...], unseen: str, severity: str
) -> None:
    full = {"pmsg": [posix_queue(qnum=10)]}
    calls = lambda _: {50: "mq_send"}  # noqa: E731
    assert severity == the("queues", full, holders=holders(SENDER, *others), calls=calls, unseen=unseen).severity


@pytest.mark.parametrize(
    ("objects", "severity"),
    [
        ({"msg": [queue(cbytes=16000)]}, UNKNOWN),
        ({"msg": [queue(qbytes=None)]}, UNKNOWN),
        ({"pmsg": [posix_queue(qnum=None)]}, UNKNOWN),
        ({"msg": [queue()], "pmsg": [posix_queue()]}, OK),
    ],
)
def test_unseen_processes_matter_to_queues_only_where_one_is_full(objects: dict[str, Any], severity: str) -> None:
    assert severity == the("queues", objects, unseen="3 processes could not be looked into").severity
    assert severity == the("queues", objects, deaf="what threads sleep in is not known on vax").severity
    assert OK == the("queues", objects).severity


def lock(semaphore: Semaphore, fate: str, **changed: Any) -> Finding:
    return the(
        "locks",
        {"sem": [semaphores(**changed)]},
        semaphores=lambda _: [semaphore],
        fate=lambda pid, when: fate if (pid, when) == (77, NOW - 400) else "",
        holders=holders(SENDER, READER),
    )


@pytest.mark.parametrize("fate", [GONE, RECYCLED])
def test_lock_whose_owner_died_is_critical_and_can_be_given_back(fate: str) -> None:
    finding = lock(Semaphore(2, 0, ncount=3, zcount=0, pid=77), fate)
    assert (CRITICAL, "sem:2: 3 threads wait on semaphore 2, and who holds it died") == finding[1:3]
    assert ("value 0, last operation by process 77, gone", "waiting on the set: 50 (writer)") == finding.evidence
    assert "ipcctl set sem:2 --value 2=1" == finding.mend[-1]


def test_semaphore_changed_last_by_the_dead_and_waited_on_otherwise_is_a_warning() -> None:
    assert WARNING == lock(Semaphore(0, 2, ncount=0, zcount=1, pid=77), GONE).severity
    assert WARNING == lock(Semaphore(0, 1, ncount=1, zcount=0, pid=77), GONE).severity


@pytest.mark.parametrize(
    ("semaphore", "fate", "otime"),
    [
        (Semaphore(0, 0, ncount=1, zcount=0, pid=77), ALIVE, NOW - 400),
        (Semaphore(0, 0, ncount=1, zcount=0, pid=77), HIDDEN, NOW - 400),
        (Semaphore(0, 0, ncount=0, zcount=0, pid=77), GONE, NOW - 400),
        (Semaphore(0, 0, ncount=1, zcount=0, pid=0), GONE, NOW - 400),
        (Semaphore(0, 0, ncount=1, zcount=0, pid=77), GONE, 0),
    ],
    ids=["owner lives", "owner out of sight", "nobody waits", "nobody on record", "never used: SETVAL is no semop"],
)
def test_semaphore_that_may_still_be_given_back_is_no_finding(semaphore: Semaphore, fate: str, otime: int) -> None:
    assert OK == lock(semaphore, fate, otime=otime).severity


def test_semaphore_set_that_may_not_be_asked_is_not_called_well() -> None:
    finding = the("locks", {"sem": [semaphores()]}, semaphores=lambda _: None)
    assert (UNKNOWN, ("sem:2",)) == (finding.severity, finding.refs)
