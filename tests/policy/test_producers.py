"""Whose an object is, and who may use it."""

from __future__ import annotations

from typing import Any

import pytest

from ipcctl.errors import UsageError
from ipcctl.model.holder import Credentials
from ipcctl.model.objects import MessageQueue, PosixQueue, PosixSegment, PosixSemaphore, Segment, SemaphoreSet
from ipcctl.policy.access import may_use
from ipcctl.policy.producers import NAMES, check_producer, process_in_name, producer_of

USERS: dict[int, str | None] = {0: "root", 26: "postgres", 33: "www-data", 54: "oracle", 70: None}
FILE: dict[str, Any] = {"mode": 0o600, "uid": 0, "gid": 0, "mtime": 1, "ctime": 1, "device": 1, "inode": 2}
CAP_IPC_OWNER = 1 << 15


def pshm(name: str) -> PosixSegment:
    return PosixSegment(f"/{name}", size=1, allocated=0, **FILE)


def psem(name: str) -> PosixSemaphore:
    return PosixSemaphore(f"/{name}", value=0, **FILE)


def shm(uid: int = 0, key: int = 0, size: int = 1) -> Segment:
    return Segment(key, 1, 0o600, size, 1, 1, 0, uid, 0, uid, 0, 0, 0, 0, 0, 0)


def sem(uid: int = 0, key: int = 0) -> SemaphoreSet:
    return SemaphoreSet(key, 1, 0o600, 1, uid, 0, uid, 0, 0, 0)


def msg(uid: int = 0, **changed: Any) -> MessageQueue:
    return MessageQueue(1, 1, 0o600, 0, 0, 0, 0, uid, 100, uid, 100, 0, 0, 0)._replace(**changed)


@pytest.mark.parametrize(
    ("item", "producer"),
    [
        (pshm("psm_1a2b"), "python"),
        (psem("mp-x7"), "python"),
        (pshm("torch_4711_99_0"), "pytorch"),
        (pshm("nccl-Xy12"), "nccl"),
        (pshm("fastrtps_port7410"), "fastdds"),
        (psem("fastdds_port7410_mutex"), "fastdds"),
        (pshm("pulse-shm-123"), "pulseaudio"),
        (pshm("vader_segment.host.0.1"), "openmpi"),
        (pshm("sm_segment.host.0.1"), "openmpi"),
        (pshm("PostgreSQL.123"), "postgresql"),
        (pshm(".org.chromium.Chromium.a"), "chromium"),
        (pshm("iox2_x"), "iceoryx2"),
        (pshm("boost_interprocess"), "boost"),
        (shm(size=56), "postgresql"),
        (shm(key=0x0052E2C1), "postgresql"),
        (shm(uid=26), "postgresql"),
        (sem(uid=26), "postgresql"),
        (sem(uid=33), "apache"),
        (msg(uid=54), "oracle"),
        (pshm("mine"), None),
        (pshm("xpsm_"), None),
        (psem("psm_1"), None),
        (PosixQueue("/psm_1", **FILE), None),
        (shm(uid=70), None),
        (shm(uid=71), None),
        (msg(uid=33), None),
    ],
)
def test_producer_is_told_by_name_key_size_or_owner(item: Any, producer: str | None) -> None:
    assert producer == producer_of(item, USERS)


@pytest.mark.parametrize(
    ("item", "pid"),
    [
        (pshm("torch_4711_99_0"), 4711),
        (pshm("torch_x_99"), None),
        (pshm("torch_12345678_0"), None),
        (pshm("psm_4711"), None),
        (shm(uid=26), None),
    ],
)
def test_pid_is_taken_from_the_names_that_hold_one(item: Any, pid: int | None) -> None:
    assert pid == process_in_name(item)


def test_unknown_producer_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError, match="unknown producer 'tensorflow'") as caught:
        check_producer("tensorflow")
    assert all(name in str(caught.value.hint) for name in NAMES)
    assert NAMES == tuple(map(check_producer, NAMES))


@pytest.mark.parametrize(
    ("mode", "process", "allowed"),
    [
        (0o600, Credentials(7, frozenset(), 0), True),
        (0o066, Credentials(7, frozenset(), 0), False),  # its owner, who has no right
        (0o600, Credentials(8, frozenset(), 0), False),
        (0o660, Credentials(8, frozenset({100}), 0), True),
        (0o606, Credentials(8, frozenset({100}), 0), False),  # of its group, which has no right
        (0o606, Credentials(8, frozenset(), 0), True),
        (0o000, Credentials(8, frozenset(), CAP_IPC_OWNER), True),
        (0o111, Credentials(8, frozenset(), 0), False),
    ],
)
def test_process_may_use_an_object_as_the_kernel_decides(mode: int, process: Credentials, *, allowed: bool) -> None:
    assert allowed == may_use(process, msg(uid=7, mode=mode))
