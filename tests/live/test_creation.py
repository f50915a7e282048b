"""What is created is new, or it is not created."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import posix_ipc
import pytest

from ipcctl.errors import UsageError
from ipcctl.kernel import creation
from ipcctl.kernel.host import Host
from tests.live import namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = 0xDEADBEEF


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_no_umask")
def test_every_kind_is_made_as_asked() -> None:
    creation.create_segment(KEY, 5000, 0o640)
    creation.create_semaphore_set(KEY, 7, 0o606)
    creation.create_queue(KEY, 0o222)
    creation.create_posix_segment("/a", 5000, 0o640)
    creation.create_posix_semaphore("/a", 3, 0o606)
    creation.create_posix_queue("/a", 0o600, maxmsg=3, msgsize=50)
    seen = Host().snapshot().objects
    (segment,), (semset,), (queue,) = seen["shm"], seen["sem"], seen["msg"]
    assert (KEY, 5000, 0o640) == (segment.key, segment.size, segment.mode)  # type: ignore[union-attr]
    assert (KEY, 7, 0o606) == (semset.key, semset.nsems, semset.mode)  # type: ignore[union-attr]
    assert (KEY, 0o222) == (queue.key, queue.mode)  # type: ignore[union-attr]
    (pshm,), (psem,), (pmsg,) = seen["pshm"], seen["psem"], seen["pmsg"]
    assert ("/a", 5000, 0o640) == (pshm.name, pshm.size, pshm.mode)  # type: ignore[union-attr]
    assert ("/a", 3, 0o606) == (psem.name, psem.value, psem.mode)  # type: ignore[union-attr]
    assert ("/a", 3, 50, 0o600) == (pmsg.name, pmsg.maxmsg, pmsg.msgsize, pmsg.mode)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("create", "ref"),
    [
        (lambda: creation.create_segment(KEY, 10, 0o600), "shm:0xdeadbeef"),
        (lambda: creation.create_semaphore_set(KEY, 1, 0o600), "sem:0xdeadbeef"),
        (lambda: creation.create_queue(KEY, 0o600), "msg:0xdeadbeef"),
        (lambda: creation.create_posix_segment("/a", 10, 0o600), "pshm:/a"),
        (lambda: creation.create_posix_semaphore("/a", 1, 0o600), "psem:/a"),
        (lambda: creation.create_posix_queue("/a", 0o600), "pmsg:/a"),
    ],
)
def test_what_exists_is_never_taken_over(create: Callable[[], object], ref: str) -> None:
    create()
    with pytest.raises(FileExistsError) as caught:
        create()
    assert ref == caught.value.filename


def test_existing_posix_segment_keeps_its_content() -> None:
    (namespace.SHM / "a").write_bytes(b"precious" * 1000)
    with pytest.raises(FileExistsError):
        creation.create_posix_segment("/a", 10, 0o600)
    assert b"precious" * 1000 == (namespace.SHM / "a").read_bytes()


def test_segment_that_cannot_be_sized_leaves_nothing() -> None:
    with pytest.raises(OSError, match="pshm:/a") as caught:
        creation.create_posix_segment("/a", 2**70, 0o600)
    assert errno.EFBIG == caught.value.errno
    assert [] == os.listdir(namespace.SHM)


@pytest.mark.parametrize("nsems", [0, -1, 2**31, 2**32 + 1])
def test_number_of_semaphores_is_never_cut_to_32_bits(nsems: int) -> None:
    with pytest.raises(OSError, match="sem:0x00000001") as caught:
        creation.create_semaphore_set(1, nsems, 0o600)
    assert errno.EINVAL == caught.value.errno


@pytest.mark.parametrize("size", [0, -1, 2**64, 2**64 + 1])
def test_size_of_a_segment_is_never_cut_to_64_bits(size: int) -> None:
    with pytest.raises(OSError, match="shm:0x00000001") as caught:
        creation.create_segment(1, size, 0o600)
    assert errno.EINVAL == caught.value.errno


@pytest.mark.parametrize("name", ["", "a", "/a/b", "/../b", "/a\0b"])
def test_name_is_checked_before_the_kernel_sees_it(name: str) -> None:
    with pytest.raises(UsageError, match="bad name"):
        creation.create_posix_segment(name, 10, 0o600)


def test_taken_key_is_tried_once_and_private_never() -> None:
    creation.create_queue(7, 0o600)
    keys = iter([7, 0, 2**32, 7, 2**32 + 8])
    made = creation.create_with_free_key(lambda key: creation.create_queue(key, 0o600), lambda: next(keys))
    assert 8 == made[1]
    assert {7, 8} == {item.key for item in Host().snapshot(["msg"]).objects["msg"]}  # type: ignore[union-attr]


def test_posix_queue_without_sizes_gets_the_defaults_of_the_system() -> None:
    creation.create_posix_queue("/a", 0o600)
    queue = posix_ipc.MessageQueue("/a")
    assert Host().mqueue_limits()[3:] == (queue.max_messages, queue.max_message_size)
