"""From references to objects."""

from __future__ import annotations

import pytest

from ipcctl.errors import UsageError
from ipcctl.model.ref import Ref
from ipcctl.model.snapshot import Snapshot
from ipcctl.policy.resolve import resolve
from tests.policy.test_selection import memory, posix_queue, queue, segment, semaphores

ZERO, PRIVATE, MARKED = segment(shmid=0, key=7), segment(shmid=5, key=0), segment(shmid=6, key=0, mode=0o1600)
SNAPSHOT = Snapshot(
    {
        "shm": [ZERO, PRIVATE, MARKED],
        "sem": [semaphores(semid=0, key=7)],
        "msg": [queue()],
        "pshm": [memory()],
        "pmsg": [posix_queue()],
    }
)


@pytest.mark.parametrize(
    ("ref", "item"),
    [
        (Ref("shm", id=0), ZERO),
        (Ref("shm", key=7), ZERO),
        (Ref("shm", id=6), MARKED),
        (Ref("sem", key=7), semaphores(semid=0, key=7)),
        (Ref("pshm", name="/psm_1"), memory()),
        (Ref("pmsg", name="/jobs"), posix_queue()),
        (Ref("shm", id=7), None),
        (Ref("shm", key=5), None),
        (Ref("msg", key=7), None),
        (Ref("pshm", name="/jobs"), None),
    ],
)
def test_reference_names_this_object_and_no_other(ref: Ref, item: object) -> None:
    found = resolve([ref], SNAPSHOT)
    assert ((item,), ()) == found if item else ((), (ref,)) == found


def test_objects_come_in_the_order_they_were_named_and_what_is_missing_apart() -> None:
    refs = [Ref("pmsg", name="/jobs"), Ref("shm", id=9), Ref("shm", id=6), Ref("shm", id=0)]
    assert ((posix_queue(), MARKED, ZERO), (refs[1],)) == resolve(refs, SNAPSHOT)


@pytest.mark.parametrize("ref", [Ref("shm", id=0), Ref("shm", id=99), Ref("pmsg", name="/nothing")])
def test_reference_given_twice_is_refused_whether_it_exists_or_not(ref: Ref) -> None:
    with pytest.raises(UsageError, match=f"^{ref} is given twice$"):
        resolve([ref, Ref("shm", id=5), Ref(*ref)], SNAPSHOT)


def test_id_and_key_of_one_object_are_refused_together() -> None:
    with pytest.raises(UsageError, match=r"^shm:0 and shm:0x00000007 name the same object$"):
        resolve([Ref("shm", id=0), Ref("shm", key=7)], SNAPSHOT)
