"""What is given changes, and nothing else does."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest

from ipcctl.kernel import change, creation, mqueue
from ipcctl.kernel.host import Host
from tests.live import actors, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAKE: dict[str, Callable[[], int]] = {
    "shm": lambda: creation.create_segment(7, 5000, 0o600),
    "sem": lambda: creation.create_semaphore_set(7, 3, 0o600),
    "msg": lambda: creation.create_queue(7, 0o600),
}


def only(kind: str) -> Any:
    (item,) = Host().snapshot([kind]).objects[kind]
    return item


@contextmanager
def directory_of(kind: str) -> Iterator[int]:
    if kind == "pmsg":
        directory = mqueue.open_directory(str(namespace.current().mqueue), "/proc")
    else:
        directory = os.open(namespace.SHM, os.O_RDONLY)
    yield directory
    os.close(directory)


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("kind", list(MAKE))
def test_system_v_object_gets_what_is_given_and_keeps_the_rest(kind: str) -> None:
    made = MAKE[kind]()
    it = change.SysvChange()
    it.set(kind, made, uid=61001)
    assert (61001, 0, 0o600) == (only(kind).uid, only(kind).gid, only(kind).mode)
    it.set(kind, made, gid=61002)
    assert (61001, 61002, 0o600) == (only(kind).uid, only(kind).gid, only(kind).mode)
    it.set(kind, made, mode=0o644)
    assert (61001, 61002, 0o644) == (only(kind).uid, only(kind).gid, only(kind).mode)
    assert (0, 0, 7) == (only(kind).cuid, only(kind).cgid, only(kind).key)


def test_limit_of_a_queue_changes_alone() -> None:
    made = MAKE["msg"]()
    change.SysvChange().set("msg", made, qbytes=4000)
    assert (4000, 0o600) == (only("msg").qbytes, only("msg").mode)


@pytest.mark.parametrize("kind", list(MAKE))
def test_object_of_somebody_else_is_refused_by_its_reference(kind: str, strangers: tuple[int, int]) -> None:
    made = MAKE[kind]()
    with pytest.raises(PermissionError) as caught:
        actors.as_user(strangers[0], lambda: change.SysvChange().set(kind, made, mode=0o666))
    assert f"{kind}:{made}" == caught.value.filename
    assert 0o600 == only(kind).mode


@pytest.mark.parametrize("kind", list(MAKE))
def test_object_that_is_gone_is_refused_by_its_reference(kind: str) -> None:
    with pytest.raises(OSError, match=f"{kind}:5") as caught:
        change.SysvChange().set(kind, 5, mode=0o666)
    assert errno.EINVAL == caught.value.errno


def test_values_of_a_thousand_semaphores_come_back_as_set() -> None:
    made = creation.create_semaphore_set(0, 1000, 0o600)
    it = change.SysvChange()
    it.set_values(made, [number * 32 for number in range(1000)])
    it.set_value(made, 999, 5)
    assert [*(number * 32 for number in range(999)), 5] == it.values(made)


def test_wrong_number_of_values_sets_none() -> None:
    made = MAKE["sem"]()
    for wrong in ([], [1, 2], [1, 2, 3, 4]):
        with pytest.raises(ValueError, match="for 3 semaphores"):
            change.SysvChange().set_values(made, wrong)
    assert [0, 0, 0] == change.SysvChange().values(made)


@pytest.mark.parametrize("value", [-1, 32768, 65536, 2**32])
def test_value_out_of_range_is_never_cut(value: int) -> None:
    made = MAKE["sem"]()
    attempts: list[Callable[[], None]] = [
        lambda: change.SysvChange().set_value(made, 1, value),
        lambda: change.SysvChange().set_values(made, [0, value, 0]),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match=f"sem:{made}") as caught:
            attempt()
        assert errno.ERANGE == caught.value.errno
    assert [0, 0, 0] == change.SysvChange().values(made)


def test_segment_is_locked_and_unlocked() -> None:
    made = MAKE["shm"]()
    change.SysvChange().lock(made, locked=True)
    assert ("locked",) == only("shm").status
    change.SysvChange().lock(made, locked=False)
    assert () == only("shm").status


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("kind", ["pshm", "psem", "pmsg"])
def test_posix_object_gets_owner_and_mode(kind: str) -> None:
    {
        "pshm": lambda: creation.create_posix_segment("/x", 10, 0o600),
        "psem": lambda: creation.create_posix_semaphore("/x", 1, 0o600),
        "pmsg": lambda: creation.create_posix_queue("/x", 0o600),
    }[kind]()
    with directory_of(kind) as directory:
        change.set_file(directory, kind, "/x", mode=0o640)
        assert (0, 0, 0o640) == (only(kind).uid, only(kind).gid, only(kind).mode)
        change.set_file(directory, kind, "/x", uid=61001)
        change.set_file(directory, kind, "/x", gid=61002)
    assert (61001, 61002, 0o640) == (only(kind).uid, only(kind).gid, only(kind).mode)


def test_symbolic_link_is_not_followed() -> None:
    victim = namespace.SHM / "victim"
    victim.write_bytes(b"precious")
    victim.chmod(0o600)
    (namespace.SHM / "x").symlink_to(victim)
    with directory_of("pshm") as directory:
        attempts: list[Callable[[], None]] = [
            lambda: change.set_file(directory, "pshm", "/x", mode=0o666),
            lambda: change.set_size(directory, "/x", 0),
        ]
        for attempt in attempts:
            with pytest.raises(OSError, match="pshm:/x"):
                attempt()
    assert (0o600, b"precious") == (victim.stat().st_mode & 0o777, victim.read_bytes())


def test_size_of_a_posix_segment_changes() -> None:
    creation.create_posix_segment("/x", 10, 0o600)
    with directory_of("pshm") as directory:
        change.set_size(directory, "/x", 100000)
        assert 100000 == only("pshm").size
        with pytest.raises(OSError, match="pshm:/x"):
            change.set_size(directory, "/x", 2**70)


def test_value_of_a_named_semaphore_changes_and_lets_waiters_go() -> None:
    creation.create_posix_semaphore("/x", 0, 0o600)
    with actors.actor(lambda: None, sleep=lambda: posix_ipc.Semaphore("/x").acquire()) as waiter:
        path = namespace.SHM / "sem.x"
        deadline = time.monotonic() + actors.PATIENCE
        while not path.read_bytes()[4] and time.monotonic() < deadline:
            time.sleep(0.001)
        with directory_of("psem") as directory:
            change.set_semaphore(directory, "/x", 3)
        waiter.stop()
        assert 0 == waiter.status
    assert 2 == only("psem").value


def test_short_file_is_no_semaphore() -> None:
    (namespace.SHM / "sem.x").write_bytes(b"")
    with directory_of("psem") as directory, pytest.raises(OSError, match="psem:/x"):
        change.set_semaphore(directory, "/x", 3)
