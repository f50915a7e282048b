"""What is in an object is read and written as it is."""

from __future__ import annotations

import os

import pytest

from ipcctl.kernel import content, creation, mqueue
from ipcctl.kernel.sysv import SysvControl
from ipcctl.model.detail import Message
from tests.live import actors, namespace

SIZE = 3 * 4096 + 5


def test_bytes_of_a_segment_are_written_and_read_in_place() -> None:
    made = creation.create_segment(0, SIZE, 0o600)
    with content.attached(made, SIZE, write=True) as it:
        it.view[SIZE - 3 :] = b"end"
    with content.attached(made, SIZE) as it:
        assert (SIZE, b"end", True) == (len(it.view), bytes(it.view[-3:]), it.view.readonly)


def test_file_behind_a_segment_knows_its_holes() -> None:
    made = creation.create_segment(0, 1 << 20, 0o600)
    with content.attached(made, 1 << 20, write=True) as it:
        it.view[8192] = 7
    with content.attached(made, 1 << 20) as it:
        if it.file is None:
            pytest.skip("no right to open /proc/self/map_files")
        assert (8192, 12288) == (os.lseek(it.file, 0, os.SEEK_DATA), os.lseek(it.file, 8192, os.SEEK_HOLE))
        assert b"\x07" == os.pread(it.file, 1, 8192)


def test_segment_without_read_permission_is_refused_by_its_reference(strangers: tuple[int, int]) -> None:
    made = creation.create_segment(0, SIZE, 0o600)

    def look() -> None:
        with content.attached(made, SIZE):
            pass

    with pytest.raises(PermissionError) as caught:
        actors.as_user(strangers[0], look)
    assert f"shm:{made}" == caught.value.filename


def test_messages_are_sent_in_order_with_type_and_any_bytes() -> None:
    made = creation.create_queue(0, 0o600)
    messages = [Message(2**62, b"\0\xff"), Message(1, b""), Message(7, bytes(range(256)))]
    for message in messages:
        content.send(made, message)
    assert messages == SysvControl().peek(made, 10, 8192)


def test_full_queue_is_refused_at_once() -> None:
    made = creation.create_queue(0, 0o600)
    content.send(made, Message(1, bytes(8192)))
    content.send(made, Message(1, bytes(8192)))
    with pytest.raises(BlockingIOError, match=f"msg:{made}"):
        content.send(made, Message(1, b"x"))


def test_posix_queue_gives_and_takes_messages_with_their_priority() -> None:
    creation.create_posix_queue("/x", 0o600, maxmsg=3, msgsize=50)
    directory = mqueue.open_directory(str(namespace.current().mqueue), "/proc")
    queue = content.open_file(directory, "pmsg", "/x", os.O_RDWR)
    for message in (Message(0, b""), Message(32767, b"\0\xff"), Message(0, b"b")):
        content.send_posix(queue, message, "pmsg:/x")
    with pytest.raises(BlockingIOError, match="pmsg:/x"):
        content.send_posix(queue, Message(0, b"one too many"), "pmsg:/x")
    taken = [content.receive_posix(queue, 50, "pmsg:/x") for _ in range(4)]
    assert [Message(32767, b"\0\xff"), Message(0, b""), Message(0, b"b"), None] == taken
    os.close(queue)
    os.close(directory)


def test_symbolic_link_is_no_posix_segment() -> None:
    (namespace.SHM / "x").symlink_to("/etc/passwd")
    directory = os.open(namespace.SHM, os.O_RDONLY)
    with pytest.raises(OSError, match="pshm:/x"):
        content.open_file(directory, "pshm", "/x")
    os.close(directory)
