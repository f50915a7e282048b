"""What was taken out of a POSIX queue to be saved is back in it, in order, or in a file whose name is told."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import posix_ipc
import pytest

from ipcctl.act.archive import drain
from ipcctl.act.archive.check import opened
from ipcctl.act.archive.container import MESSAGE
from ipcctl.kernel.host import Host
from tests.cli.here import command as here
from tests.live import actors, namespace

if TYPE_CHECKING:
    from pathlib import Path

Sent = tuple[bytes, int]


def make_queue(sent: list[Sent], *, most: int = 8, size: int = 64) -> None:
    queue = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=most, max_message_size=size)
    for text, priority in sent:
        queue.send(text, priority=priority)
    queue.close()


def held() -> list[Sent]:
    """Take everything that is in the queue."""
    queue = posix_ipc.MessageQueue("/x")
    taken = [queue.receive(0) for _ in range(queue.current_messages)]
    queue.close()
    return taken


def in_file(path: str) -> list[Sent]:
    with opened(path) as source:
        return [(bytes(it.payload), it.argument) for it in source.records() if it.tag == MESSAGE]


def sender(text: bytes) -> actors.Living:
    """Sleep in mq_send(3): the queue is full."""
    return actors.actor(lambda: None, sleep=lambda: posix_ipc.MessageQueue("/x").send(text), call="mq_send")


def test_what_a_sender_put_in_its_place_is_in_the_file_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "_PATIENCE", 0.05)
    make_queue([(b"one", 0), (b"two", 0)], most=2)
    with sender(b"late"):
        result = here("save", "pmsg:/x", "-d", str(tmp_path), "--drain", "--json")
    (record,) = json.loads(result.out)["objects"]
    assert (1, "failed") == (result.code, record["result"])
    assert "1 message could not be put back, the queue is full: it is in the file" == record["why"]
    assert [(b"one", 0), (b"two", 0), (b"late", 0)] == in_file(record["saved"])
    assert [(b"one", 0), (b"two", 0)] == held()


def test_what_finds_no_room_is_put_back_as_soon_as_somebody_receives(monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue([(b"one", 0), (b"two", 0)], most=2)
    (item,) = Host().snapshot(["pmsg"]).objects["pmsg"]
    queue = os.open(namespace.current().mqueue / "x", os.O_RDWR | os.O_NONBLOCK)
    other = posix_ipc.MessageQueue("/x")
    received = []
    monkeypatch.setattr(time, "sleep", lambda _: received.append(other.receive(0)))
    with drain.drained(queue, item, keep=True) as it:
        list(it.messages())
        other.send(b"late")
    os.close(queue)
    other.close()
    assert ("", [(b"late", 0)], [(b"one", 0), (b"two", 0)]) == (it.left_out(), received, held())


def test_full_disk_puts_all_back_in_order(tmp_path: Path) -> None:
    directory = tmp_path / "small"
    directory.mkdir(mode=0o700)
    namespace.mount("tmpfs", directory, "tmpfs", 0, "size=12k,mode=700")
    sent = [(b"%d" % number + os.urandom(3000), 3) for number in range(6)]
    make_queue(sent, size=4000)
    try:
        result = here("rm", "pmsg:/x", "--yes", "--save", str(directory), "--drain")
        assert 1 == result.code
        assert "not saved, so not removed: No space left on device" in result.out
        assert [] == list(directory.iterdir())
        assert 1 == here("save", "pmsg:/x", "-d", str(directory), "--drain").code
        assert sent == held()
    finally:
        namespace.umount(directory)


def test_signal_that_ends_the_program_waits_until_all_is_back() -> None:
    make_queue([(b"one", 2), (b"two", 2)])
    taken: list[bytes] = []

    def interrupted() -> None:
        with drain.drained(queue, item, keep=True) as it:
            for message in it.messages():
                os.kill(os.getpid(), signal.SIGINT)
                taken.append(message.payload)

    (item,) = Host().snapshot(["pmsg"]).objects["pmsg"]
    queue = os.open(namespace.current().mqueue / "x", os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    os.close(queue)
    assert ([b"one", b"two"], [(b"one", 2), (b"two", 2)]) == (taken, held())


def test_queue_removed_meanwhile_gets_nothing_back() -> None:
    make_queue([(b"one", 2)])
    (item,) = Host().snapshot(["pmsg"]).objects["pmsg"]
    queue = os.open(namespace.current().mqueue / "x", os.O_RDWR | os.O_NONBLOCK)
    other = posix_ipc.MessageQueue("/x")
    with drain.drained(queue, item, keep=True) as it:
        assert [b"one"] == [message.payload for message in it.messages()]
        posix_ipc.unlink_message_queue("/x")
    assert ("", 0) == (it.left_out(), other.current_messages)
    os.close(queue)
    other.close()


def test_nobody_waits_for_room_in_a_queue_that_was_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    make_queue([(b"one", 0)], most=1)
    (item,) = Host().snapshot(["pmsg"]).objects["pmsg"]
    queue = os.open(namespace.current().mqueue / "x", os.O_RDWR | os.O_NONBLOCK)
    monkeypatch.setattr(time, "sleep", lambda _: posix_ipc.unlink_message_queue("/x"))
    with drain.drained(queue, item, keep=True) as it:
        list(it.messages())
        posix_ipc.MessageQueue("/x").send(b"late")
    os.close(queue)
    assert "" == it.left_out()
