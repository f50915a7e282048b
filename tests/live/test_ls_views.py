"""What ls sees where something is missing or in the way: no mqueue mount, a foreign one, things that are no objects."""

from __future__ import annotations

import json
import os
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
import sysv_ipc

from tests.cli.conftest import furnish_shm
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.cli import run

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_mqueue_mount() -> Iterator[None]:
    """Without any mqueue file system in the mount table."""
    namespace.umount(namespace.current().mqueue)
    try:
        yield
    finally:
        namespace.mount("mqueue", namespace.current().mqueue, "mqueue")


def queues(*options: str, uid: int | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """The queues that ls lists, and what it says of those it cannot see."""
    result = run("ls", "pmsg", "--json", *options, uid=uid)
    assert 0 == result.code, result.err
    document = json.loads(result.out)
    return document["objects"], [gap["why"] for gap in document["gaps"]]


def make_queue(name: str, messages: int) -> None:
    queue = posix_ipc.MessageQueue(name, posix_ipc.O_CREX, mode=0o644, max_messages=5, max_message_size=100)
    for _ in range(messages):
        queue.send(b"x" * 10)
    queue.close()


def test_root_sees_and_removes_queues_without_a_mount() -> None:
    if not namespace.current().other_uids:
        pytest.skip("a detached mount needs real root")
    make_queue("/jobs", 3)
    mounts = Path("/proc/self/mountinfo").read_text()
    with no_mqueue_mount():
        found, gaps = queues()
        assert ([("/jobs", 3, 30, 5, 100)], []) == (
            [tuple(item[word] for word in ("name", "qnum", "qsize", "maxmsg", "msgsize")) for item in found], gaps,
        )  # fmt: skip
        assert 0 == here("rm", "pmsg:/jobs", "--yes").code
        assert [] == queues()[0]
    assert len(mounts.splitlines()) == len(Path("/proc/self/mountinfo").read_text().splitlines())


def test_user_without_a_mount_is_told_what_to_do(strangers: tuple[int, int]) -> None:
    make_queue("/jobs", 3)
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    with no_mqueue_mount():
        found, (why,) = queues(uid=strangers[0])
        assert [] == found
        assert "no mqueue file system is mounted" in why
        assert "mount -t mqueue none /dev/mqueue" in why
        result = run("ls", "-o", "ref", "--no-headings", uid=strangers[0])
    assert (0, "msg:0\n") == (result.code, result.out)
    assert "mount -t mqueue" in result.err


def test_newest_mount_is_used_wherever_it_is(tmp_path: Path) -> None:
    make_queue("/jobs", 1)
    place = tmp_path / "with blank"
    place.mkdir()
    namespace.mount("mqueue", place, "mqueue")
    namespace.umount(namespace.current().mqueue)
    try:
        assert ["/jobs"] == [item["name"] for item in queues()[0]]
    finally:
        namespace.umount(place)
        namespace.mount("mqueue", namespace.current().mqueue, "mqueue")


def see_another_namespace() -> None:
    """Leave a mount behind that shows another IPC namespace; a queue /same is there and here."""
    make_queue("/same", 3)
    make_queue("/theirs", 3)
    namespace.unshare(namespace.CLONE_NEWIPC)
    make_queue("/same", 1)
    make_queue("/ours", 1)


def test_mount_of_another_namespace_is_not_taken_for_this_one() -> None:
    if not namespace.current().other_uids:
        pytest.skip("a detached mount needs real root")
    see_another_namespace()
    found, gaps = queues()
    assert ([("/ours", 1, 10), ("/same", 1, 10)], []) == (
        [(item["name"], item["qnum"], item["qsize"]) for item in found], gaps,
    )  # fmt: skip
    assert 1 == here("show", "pmsg:/theirs").code
    assert 0 == here("rm", "pmsg:/same", "--yes").code
    assert ["same", "theirs"] == sorted(os.listdir(namespace.current().mqueue))
    assert ["/ours"] == [item["name"] for item in queues()[0]]


def test_user_with_a_mount_of_another_namespace_gets_a_gap(strangers: tuple[int, int]) -> None:
    see_another_namespace()
    found, (why,) = queues(uid=strangers[0])
    assert [] == found
    assert f"{namespace.current().mqueue} shows another IPC namespace" in why


def test_relocated_mount_shows_the_numbers_of_its_own_queues() -> None:
    see_another_namespace()
    found, _ = queues(f"--mqueue={namespace.current().mqueue}")
    assert [("/same", 3, 30, 5), ("/theirs", 3, 30, 5)] == [
        (item["name"], item["qnum"], item["qsize"], item["maxmsg"]) for item in found
    ]


def test_dev_shm_shows_regular_files_only_and_follows_nothing(tmp_path: Path) -> None:
    shm = tmp_path / "shm"
    furnish_shm(shm)
    result = here("ls", "pshm", "psem", "-o", "name", "--no-headings", f"--shm={shm}")
    names = {r"/\x1b[31mred\x0a", r"/caf\xe9", "/psm_8f2c1a", "/sem.", "/torch_4711_0", r"/with\x20blank"}
    assert names | {"/contended", "/render-lock"} == set(result.out.split())
    assert 0 == result.code
    assert ["psem:/empty", "psem:/short"] == [line.split(": ")[1] for line in result.err.splitlines()]


def test_unreadable_semaphore_has_no_value_and_one_gap_counts_them(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    for number in range(3):
        path = namespace.SHM / f"sem.{number}"
        actors.as_user(bob, lambda path=path: path.write_bytes(struct.pack("@QQQQ", 5, 0, 0, 0)))  # type: ignore[misc]
        path.chmod(0o600)
    document = json.loads(run("ls", "psem", "--json", uid=alice).out)
    assert [None] * 3 == [item["value"] for item in document["objects"]]
    assert ["no right to read the value of 3 semaphores: the owner or root can"] == [
        gap["why"] for gap in document["gaps"]
    ]


def test_directory_in_the_way_does_not_stop_a_removal() -> None:
    (namespace.SHM / "a-directory").mkdir()
    os.mkfifo(namespace.SHM / "fifo")
    (namespace.SHM / "b").write_bytes(b"x")
    (namespace.SHM / "sem.c").write_bytes(bytes(32))
    result = here("rm", "--all", "--yes")
    assert (0, "2 removed\n") == (result.code, result.err)
    assert ["a-directory", "fifo"] == sorted(os.listdir(namespace.SHM))
