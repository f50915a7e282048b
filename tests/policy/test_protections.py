"""What is protected unless a policy says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from ipcctl.errors import PolicyError
from ipcctl.model.objects import MessageQueue, PosixSegment, Segment, SemaphoreSet
from ipcctl.policy.protections import Known, protected, shields, shipped

USERS: dict[int, str | None] = {105: "postgres", 1105: "postgres", 54321: "oracle", 54322: "grid", 1201: "prdadm"}
USERS |= {1202: "sapadm", 1203: "sdb", 1300: "alice", 1301: "administrator", 4000: None, 999: "x", 1000: "y", 0: "root"}
KNOWN = Known(int, int, USERS)


def shm(uid: int, size: int = 1, cuid: int | None = None, key: int = 0) -> Segment:
    return Segment(key, 1, 0o600, size, 1, 1, 0, uid, 0, uid if cuid is None else cuid, 0, 0, 0, 0, 0, 0)


def sem(uid: int, key: int = 0) -> SemaphoreSet:
    return SemaphoreSet(key, 1, 0o600, 1, uid, 0, uid, 0, 0, 0)


def msg(uid: int) -> MessageQueue:
    return MessageQueue(1, 1, 0o600, 0, 0, 0, 0, uid, 100, uid, 100, 0, 0, 0)


def pshm(uid: int, name: str) -> PosixSegment:
    return PosixSegment(name, size=1, allocated=0, mode=0o600, uid=uid, gid=0, mtime=1, ctime=1, device=1, inode=2)


def protection(item: Any, names: list[str] | None = None) -> str | None:
    return protected([item], item.kind, shields(shipped(names, "p"), KNOWN, "p")).get(id(item))


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (shm(1105), "postgresql"),
        (msg(1105), "postgresql"),
        (pshm(1105, "/x"), "postgresql"),
        (shm(4000, size=56), "postgresql"),
        (sem(4000, key=0x0052E2C1), "postgresql"),
        (pshm(4000, "/PostgreSQL.123"), "postgresql"),
        (shm(54321), "oracle"),
        (sem(54322), "oracle"),
        (pshm(4000, "/ora_PRD_123"), "oracle"),
        (pshm(4000, "/JOXSHM_EXT_0"), "oracle"),
        (shm(1201), "sap"),
        (msg(1202), "sap"),
        (shm(1203), "sap"),
        (shm(0), "system"),
        (shm(999), "system"),
        (shm(1300, cuid=0), "system"),
        (shm(1000), None),
        (shm(1300), None),
        (shm(1301), None),
        (shm(4000), None),
        (pshm(1300, "/psm_1"), None),
    ],
)
def test_shipped_protections_cover(item: Any, name: str | None) -> None:
    assert name == protection(item)


def test_policy_may_choose_among_them() -> None:
    assert "system" == protection(shm(105, cuid=0), ["system", "sap"])
    assert None is protection(shm(1105), ["system", "sap"])
    assert None is protection(shm(0), [])
    with pytest.raises(PolicyError, match="no shipped protection 'mysql'"):
        shipped(["mysql"], "p")
