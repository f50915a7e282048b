"""Keys and read permission, asked from the kernel itself."""

from __future__ import annotations

import errno

import pytest

from ipcctl.kernel import creation
from ipcctl.kernel.sysv import SysvControl
from tests.live.actors import as_user

MAKERS = {
    "shm": lambda key, mode: creation.create_segment(key, 10, mode),
    "sem": lambda key, mode: creation.create_semaphore_set(key, 2, mode),
    "msg": creation.create_queue,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_key_leads_to_the_id_even_without_permission(kind: str, strangers: tuple[int, int]) -> None:
    made = [MAKERS[kind](key, 0) for key in (1, 0x80000000, 0xFFFFFFFF)]
    control = SysvControl()
    assert made == as_user(strangers[0], lambda: [control.find(kind, key) for key in (1, 0x80000000, 0xFFFFFFFF)])


@pytest.mark.parametrize("kind", MAKERS)
def test_key_of_nothing_is_said_with_its_reference(kind: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        SysvControl().find(kind, 0xFFFFFFFF)
    assert f"{kind}:0xffffffff" == caught.value.filename


@pytest.mark.parametrize("kind", MAKERS)
def test_read_permission_is_the_kernels_answer(kind: str, strangers: tuple[int, int]) -> None:
    ids = [MAKERS[kind](key, mode) for key, mode in ((1, 0o600), (2, 0o604), (3, 0o602))]
    control = SysvControl()
    assert [True] * 3 == [control.readable(kind, number) for number in ids]
    assert [False, True, False] == as_user(strangers[0], lambda: [control.readable(kind, number) for number in ids])


@pytest.mark.parametrize("kind", MAKERS)
def test_gone_object_is_neither_readable_nor_not(kind: str) -> None:
    number = MAKERS[kind](1, 0o600)
    SysvControl().remove(kind, number)
    with pytest.raises(OSError, match=f"{kind}:{number}") as caught:
        SysvControl().readable(kind, number)
    assert caught.value.errno in (errno.EINVAL, errno.EIDRM)


@pytest.mark.parametrize("kind", MAKERS)
def test_ids_that_may_be_read_are_listed_in_order(kind: str, strangers: tuple[int, int]) -> None:
    assert [] == list(SysvControl().readable_ids(kind))
    ids = [MAKERS[kind](key, mode) for key, mode in ((1, 0o600), (2, 0o604), (3, 0o604), (4, 0o602), (5, 0o604))]
    SysvControl().remove(kind, ids[2])
    assert [ids[0], ids[1], *ids[3:]] == list(SysvControl().readable_ids(kind))
    assert [ids[1], ids[4]] == as_user(strangers[0], lambda: list(SysvControl().readable_ids(kind)))
