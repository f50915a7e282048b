"""What fills up: limits, room for the next object, /dev/shm, bytes in queues; and what is far from it."""

from __future__ import annotations

import pytest

from ipcctl.model.finding import CRITICAL, OK, UNKNOWN, WARNING
from ipcctl.model.limits import FileSystemUse
from ipcctl.policy.checks.room import queue_bytes
from tests.policy.checks.facts import MIB, limit, memory, posix_queue, queue, segment, semaphore_limits, semaphores, the


def test_limit_used_beyond_80_percent_names_who_fills_it_and_the_whole_setting() -> None:
    sets = [semaphores(uid=33)] * 7 + [semaphores(uid=0)] * 2
    finding = the("limits", {"sem": sets}, limits=semaphore_limits(9, 10))
    assert (WARNING, "semmni: 9 of 10 sets in use (90 %)") == finding[1:3]
    assert ("filled by www-data 7, root 2",) == finding.evidence
    assert "sysctl -w kernel.sem='250 32000 32 20'" == finding.mend[-1]


@pytest.mark.parametrize(
    ("name", "most", "command"),
    [
        ("msgmni", 20000, ["sysctl -w kernel.msgmni=32768"]),
        ("msgmni", 32768, []),
        ("msgmni", 40000, ["sysctl -w kernel.msgmni=80000"]),
        ("msgmni", 1 << 24, []),
        ("queues_max", 2**31 - 1, []),
        ("queues_max", 256, ["sysctl -w kernel.queues_max=512"]),
    ],
)
def test_limit_is_raised_as_far_as_the_kernel_takes_it(name: str, most: int, command: list[str]) -> None:
    full = limit(name, "msg", most, most, "queues")
    assert command == list(the("limits", {"msg": [queue()]}, limits=[full]).mend[1:])


def test_limit_used_to_exactly_80_percent_is_no_finding() -> None:
    assert OK == the("limits", {"sem": [semaphores()] * 8}, limits=semaphore_limits(8, 10)).severity


def test_limit_in_pages_is_filled_by_bytes() -> None:
    full = [limit("shmall", "shm", 90, 100, "pages")]
    finding = the("limits", {"shm": [segment(size=3 * MIB), segment(size=MIB, uid=0)]}, limits=full)
    assert ("filled by alice 3.0 MiB, root 1.0 MiB",) == finding.evidence
    assert "sysctl -w kernel.shmall=200" == finding.mend[-1]


@pytest.mark.parametrize(
    ("sets", "most", "severity"),
    [(6, 6, CRITICAL), (7, 6, CRITICAL), (6, 7, WARNING), (95, 104, WARNING), (95, 105, OK), (3, 7, OK), (0, 3, OK)],
)
def test_room_warns_when_fewer_than_ten_fit_and_not_as_many_as_there_are(sets: int, most: int, severity: str) -> None:
    finding = the("room", {"sem": [semaphores()] * sets}, limits=semaphore_limits(sets, most))
    assert severity == finding.severity, finding


def test_no_room_at_all_names_the_call_that_fails() -> None:
    finding = the("room", {"sem": [semaphores()] * 6}, limits=semaphore_limits(6, 6))
    assert "no further semaphore set fits: semget(2) fails with ENOSPC" == finding.finding
    assert "sysctl -w kernel.sem='250 32000 32 16'" == finding.mend[-1]


def test_room_counts_objects_like_the_average_one() -> None:
    limits = [limit("semmni", "sem", 4, 32000, "sets"), *semaphore_limits(400, 0)[1:]]
    limits[1] = limit("semmns", "sem", 400, 500, "semaphores")
    finding = the("room", {"sem": [semaphores(nsems=100)] * 4}, limits=limits)
    assert (WARNING, "1 more semaphore set before semget(2) fails with ENOSPC") == finding[1:3]
    assert "semmns: 400 of 500 semaphores" == finding.evidence[0]


@pytest.mark.parametrize(
    ("percent", "severity"), [(80, OK), (81, WARNING), (94, WARNING), (95, CRITICAL), (100, CRITICAL)]
)
def test_devshm_is_nearly_full(percent: int, severity: str) -> None:
    use = FileSystemUse(100 * MIB, (100 - percent) * MIB)
    assert severity == the("devshm", {"pshm": [memory(allocated=percent * MIB)]}, shm_use=use).severity


def test_devshm_counts_memory_without_a_name_and_says_what_it_cannot_explain() -> None:
    use = FileSystemUse(100 * MIB, 10 * MIB)
    named, gone = memory(allocated=20 * MIB), memory(uid=33, allocated=30 * MIB)
    finding = the("devshm", {"pshm": [named]}, shm_use=use, unlinked=[gone])
    assert "filled by www-data 30.0 MiB, alice 20.0 MiB" == finding.evidence[0]
    assert finding.evidence[1].startswith("40.0 MiB is not in objects")
    assert f"mount -o remount,size={200 * MIB} /dev/shm" == finding.mend[-1]


def test_owner_of_queues_near_his_rlimit_is_warned_and_at_it_critical() -> None:
    queues = [posix_queue(maxmsg=10, msgsize=8192, name=f"/{number}") for number in range(9)]
    each = queue_bytes(10, 8192)
    near = the("rlimit", {"pmsg": queues}, queue_allowance={1000: 11 * each}, queue_default=(10, 8192))
    at = the("rlimit", {"pmsg": queues}, queue_allowance={1000: 9 * each}, queue_default=(10, 8192))
    assert (WARNING, CRITICAL) == (near.severity, at.severity)
    assert "EMFILE" in at.finding
    assert near.finding.startswith("alice: ")


def test_owner_far_from_his_rlimit_is_no_finding() -> None:
    assert OK == the("rlimit", {"pmsg": [posix_queue()]}, queue_allowance={1000: 819200}).severity


@pytest.mark.parametrize("known", [{}, {1000: 819200}])
def test_unknown_rlimit_or_unreadable_queue_is_not_called_well(known: dict[int, int]) -> None:
    queues = [posix_queue(maxmsg=None, msgsize=None)] if known else [posix_queue()]
    assert UNKNOWN == the("rlimit", {"pmsg": queues}, queue_allowance=known).severity
