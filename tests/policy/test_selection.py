"""Filters: which objects each one means, of which kinds, and how they combine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS
from ipcctl.model.objects import (
    SHM_DEST,
    IpcObject,
    MessageQueue,
    PosixQueue,
    PosixSegment,
    PosixSemaphore,
    Segment,
    SemaphoreSet,
)
from ipcctl.policy.selection import Selection, check_applies, check_key, select

NOW = 1_700_000_000


def segment(**changed: Any) -> Segment:
    plain = Segment(0x2A, 1, 0o600, 4096, 11, 12, 0, 1000, 100, 0, 0, NOW - 500, NOW - 300, NOW - 1000, 0, 0)
    return plain._replace(**changed)


def semaphores(**changed: Any) -> SemaphoreSet:
    return SemaphoreSet(0x2B, 2, 0o600, 4, 1000, 100, 0, 0, 0, NOW - 1000)._replace(**changed)


def queue(**changed: Any) -> MessageQueue:
    return MessageQueue(0x2C, 3, 0o600, 10, 1, 0, 0, 1000, 100, 0, 0, 0, 0, NOW - 1000)._replace(**changed)


def memory(**changed: Any) -> PosixSegment:
    return PosixSegment("/psm_1", 0o600, 1000, 100, 4096, 4096, NOW - 1000, NOW - 1000, 9, 9)._replace(**changed)


def semaphore(**changed: Any) -> PosixSemaphore:
    return PosixSemaphore("/lock", 0o600, 1000, 100, 1, NOW - 1000, NOW - 1000, 9, 9)._replace(**changed)


def posix_queue(**changed: Any) -> PosixQueue:
    known = PosixQueue("/jobs", 0o600, 1000, 100, NOW - 1000, NOW - 1000, 9, 9, 10, 1, 10, 512, 0)
    return known._replace(**changed)


EACH: dict[str, IpcObject] = {
    item.kind: item for item in (segment(), semaphores(), queue(), memory(), semaphore(), posix_queue())
}
SYSV = {"shm", "sem", "msg"}
POSIX = {"pshm", "psem", "pmsg"}


def kinds_selected(selection: Selection) -> set[str]:
    return {kind for kind, item in EACH.items() if select([item], kind, selection, NOW)}


@pytest.mark.parametrize(
    ("selection", "kinds"),
    [
        (Selection(), SYSV | POSIX),
        (Selection(users=(1000,)), SYSV | POSIX),
        (Selection(users=(1000, 5)), SYSV | POSIX),
        (Selection(users=(0,)), set()),
        (Selection(groups=(100,)), SYSV | POSIX),
        (Selection(groups=(1000,)), set()),
        (Selection(creators=(0,)), SYSV),
        (Selection(creators=(1000,)), set()),
        (Selection(keys=("0x2a",)), {"shm"}),
        (Selection(keys=("0x2a", "0x2c")), {"shm", "msg"}),
        (Selection(keys=("0x0000002?",)), SYSV),
        (Selection(keys=("0x2?",)), set()),
        (Selection(names=("psm_*",)), {"pshm"}),
        (Selection(names=("/psm_*", "lock")), {"pshm", "psem"}),
        (Selection(names=("*",)), POSIX),
        (Selection(names=("sm_1",)), set()),
        (Selection(older_than=1000), (SYSV | POSIX) - {"shm"}),
        (Selection(older_than=300), SYSV | POSIX),
        (Selection(older_than=1001), set()),
        (Selection(older_than=0), SYSV | POSIX),
        (Selection(larger_than=4095), {"shm", "pshm"}),
        (Selection(larger_than=4096), set()),
        (Selection(larger_than=9), {"shm", "pshm", "msg", "pmsg"}),
        (Selection(larger_than=0), {"shm", "pshm", "msg", "pmsg"}),
        (Selection(unattached=True), {"shm"}),
        (Selection(dest=True), set()),
        (Selection(world_writable=True), set()),
        (Selection(empty=True), set()),
        (Selection(users=(1000,), larger_than=100), {"shm", "pshm"}),
        (Selection(users=(0,), larger_than=100), set()),
        (Selection(unattached=True, names=("*",)), set()),
    ],
)
def test_filter_means_these_kinds(selection: Selection, kinds: set[str]) -> None:
    assert kinds == kinds_selected(selection)


@pytest.mark.parametrize(
    ("selection", "item", "chosen"),
    [
        (Selection(unattached=True), segment(nattch=1), False),
        (Selection(unattached=True), segment(nattch=10), False),
        (Selection(dest=True), segment(mode=0o600 | SHM_DEST), True),
        (Selection(world_writable=True), segment(mode=0o602), True),
        (Selection(world_writable=True), segment(mode=0o664), False),
        (Selection(world_writable=True), memory(mode=0o666), True),
        (Selection(empty=True), queue(qnum=0, cbytes=0), True),
        (Selection(empty=True), queue(qnum=1, cbytes=0), False),
        (Selection(empty=True), memory(size=0), True),
        (Selection(empty=True), posix_queue(qsize=0), True),
        (Selection(empty=True), posix_queue(qsize=None), False),
        (Selection(larger_than=0), posix_queue(qsize=None), False),
        (Selection(older_than=1), segment(atime=NOW + 100), False),
        (Selection(older_than=60), semaphores(otime=NOW - 10), False),
        (Selection(older_than=60), queue(stime=NOW - 10), False),
        (Selection(older_than=60), queue(rtime=NOW - 10), False),
        (Selection(keys=("0x0",)), segment(key=0), True),
        (Selection(names=(r"\x1b*",)), semaphore(name="/\x1b[31m"), True),
        (Selection(names=(r"?x1b*",)), semaphore(name="/\x1b[31m"), True),
        (Selection(names=("LOCK",)), semaphore(), False),
    ],
)
def test_filter_on_one_object(selection: Selection, item: IpcObject, chosen: bool) -> None:
    assert chosen == bool(select([item], item.kind, selection, NOW))


def test_order_is_kept() -> None:
    items = [segment(shmid=number) for number in (5, 3, 9)]
    assert items == select(items, "shm", Selection(users=(1000,)), NOW)


selections = st.builds(
    Selection,
    users=st.lists(st.sampled_from([0, 1000])).map(tuple),
    groups=st.lists(st.sampled_from([0, 100])).map(tuple),
    creators=st.lists(st.sampled_from([0, 1000])).map(tuple),
    keys=st.lists(st.sampled_from(["0x2a", "0x0000002?"])).map(tuple),
    names=st.lists(st.sampled_from(["*", "lock"])).map(tuple),
    older_than=st.none() | st.integers(0, 2000),
    larger_than=st.none() | st.integers(0, 5000),
    unattached=st.booleans(),
    dest=st.booleans(),
    world_writable=st.booleans(),
    empty=st.booleans(),
)


@given(selections)
@example(Selection(larger_than=0))
def test_filters_only_narrow_and_each_of_them_holds_alone(selection: Selection) -> None:
    single = [
        Selection(**{field: value})
        for field, value in selection._asdict().items()
        if value != () and value is not None and value is not False  # 0 is a filter, and equals False
    ]
    assert set.intersection(SYSV | POSIX, *(kinds_selected(one) for one in single)) == kinds_selected(selection)


@pytest.mark.parametrize("zero", [Selection(older_than=0), Selection(larger_than=0), Selection(users=(0,))])
def test_zero_is_a_filter_too(zero: Selection) -> None:
    assert zero.filters


def test_nothing_asked_for_is_no_filter() -> None:
    assert not Selection().filters


@pytest.mark.parametrize("key", ["0x2a", "0X2A", "0x0", "0xffffffff", "0x5432*", "*2a", "?x00*", "[0]x*"])
def test_key_that_can_match_is_accepted(key: str) -> None:
    assert key.lower() == check_key(key)


@pytest.mark.parametrize(
    "key", ["", "42", "2a", "0x", "0x100000000", "0x-1", "0x_1", "0x1 ", "x2a", "0xg", "5432*", "-1", "0x\u0661"]
)
def test_key_that_can_match_nothing_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=r"^bad key ") as caught:
        check_key(key)
    assert repr(key) in str(caught.value)
    assert "0x2a" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("kinds", "selection", "said"),
    [
        (["pshm"], Selection(keys=("0x2a",)), "--key says nothing about pshm"),
        (["sem", "msg"], Selection(unattached=True), "--unattached says nothing about sem msg"),
        (["shm"], Selection(names=("x",)), "--name says nothing about shm"),
        (["psem"], Selection(larger_than=0), "--larger-than says nothing about psem"),
        (["pmsg"], Selection(creators=(0,)), "--creator says nothing about pmsg"),
        (["sem"], Selection(empty=True), "--empty says nothing about sem"),
        (["msg"], Selection(dest=True), "--dest says nothing about msg"),
    ],
)
def test_filter_no_object_of_these_kinds_could_pass_is_refused(
    kinds: list[str], selection: Selection, said: str
) -> None:
    with pytest.raises(UsageError, match=f"^{said}$") as caught:
        check_applies(kinds, selection)
    assert "it applies to: " in str(caught.value.hint)


@given(selections)
def test_filter_that_applies_to_one_of_the_kinds_is_accepted(selection: Selection) -> None:
    check_applies(list(KINDS), selection)
