"""Filled objects of every kind to be saved, and everything about them that is to come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import posix_ipc

from ipcctl.kernel import change, content, creation
from ipcctl.kernel.host import Host
from ipcctl.kernel.sysv import SysvControl
from ipcctl.model.detail import Message
from tests.live import namespace

if TYPE_CHECKING:
    from pathlib import Path

REFS = ["shm:0x7", "sem:0x7", "msg:0x7", "pshm:/x", "psem:/x", "pmsg:/x"]
PATTERN = b"edge" * 999


def make_segment(size: int) -> None:
    made = creation.create_segment(7, size, 0o640)
    with content.attached(made, size, write=True) as it:
        it.view[max(0, size - len(PATTERN)) :] = PATTERN[:size]


def make_all() -> None:
    """One filled object of each kind, key 7 or name /x."""
    make_segment(5_000_000)
    change.SysvChange().set_values(creation.create_semaphore_set(7, 1000, 0o606), list(range(1000)))
    queue = creation.create_queue(7, 0o600)
    for message in messages():
        content.send(queue, message)
    (namespace.SHM / "x").write_bytes(bytes(8192) + PATTERN + bytes(5000))
    creation.create_posix_semaphore("/x", 4, 0o600)
    queue_x = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=8, max_message_size=64)
    for number in range(6):
        queue_x.send(b"\0\xff%d" % number, priority=number % 3)
    queue_x.close()


def messages() -> list[Message]:
    return [Message(2**62, b""), Message(1, bytes(range(256))), Message(2, b"\0"), Message(1, b"last")]


def facts() -> dict[str, Any]:
    """Everything that is to come back."""
    seen: dict[str, Any] = {**Host().snapshot().objects}
    found: dict[str, Any] = {
        kind: [
            {
                name: getattr(it, name, None)
                for name in ("key", "name", "mode", "uid", "gid", "size", "nsems", "qbytes", "maxmsg", "msgsize")
            }
            for it in items
        ]
        for kind, items in seen.items()
    }
    for it in seen["shm"]:
        with content.attached(it.id, it.size) as segment:
            found["shm"].append(bytes(segment.view))
    found["sem"] += [change.SysvChange().values(it.id) for it in seen["sem"]]
    found["msg"] += [SysvControl().peek(it.id, 20_000, 8192) for it in seen["msg"]]
    found["pshm"] += [(namespace.SHM / it.name[1:]).read_bytes() for it in seen["pshm"]]
    found["psem"] += [it.value for it in seen["psem"]]
    for it in seen["pmsg"]:
        queue = posix_ipc.MessageQueue(it.name)
        taken = [queue.receive(0) for _ in range(queue.current_messages)]
        for text, priority in taken:
            queue.send(text, priority=priority)
        found["pmsg"].append(taken)
        queue.close()
    return found


def files(directory: Path) -> list[str]:
    return sorted(str(path) for path in directory.iterdir())
