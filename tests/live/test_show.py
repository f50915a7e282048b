"""`ipcctl show` on real objects: what is inside them, and nothing taken out."""

from __future__ import annotations

import json
import os
from typing import Any

import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors
from tests.live.cli import run


def shown(*words: str) -> dict[str, Any]:
    """The record of the one object that `show WORDS --json` speaks of."""
    result = run("show", *words, "--json")
    assert 0 == result.code, result.err
    (record,) = json.loads(result.out)["objects"]
    assert isinstance(record, dict)
    return record


def queue_of(*messages: tuple[bytes, int]) -> sysv_ipc.MessageQueue:
    """A queue 0x2a with these messages and types in it."""
    queue = sysv_ipc.MessageQueue(0x2A, sysv_ipc.IPC_CREX)
    for payload, type_ in messages:
        queue.send(payload, type=type_)
    return queue


def test_each_semaphore_is_shown_with_its_value_waiters_and_last_process() -> None:
    semaphore = sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX)
    with actors.waiting(semaphore.id):
        semaphores = shown("sem:0x0000002a")["semaphores"]
        assert [{"num": 0, "value": 0, "ncount": 1, "zcount": 0, "pid": os.getpid()}] == [
            {name: found[name] for name in ("num", "value", "ncount", "zcount", "pid")} for found in semaphores
        ]
    semaphore.release()
    (found,) = shown("sem:0x0000002a")["semaphores"]
    assert (1, 0, os.getpid()) == (found["value"], found["ncount"], found["pid"])


def test_peek_shows_messages_in_order_and_takes_none() -> None:
    queue = queue_of((b"first", 3), (b"second \xff", 1), (b"", 2))
    before = run("ls", "msg", "--json").out
    messages = shown("msg:0x0000002a", "--peek", "2")["messages"]
    assert [(3, 5), (1, 8)] == [(message["type"], message["length"]) for message in messages]
    assert before == run("ls", "msg", "--json").out
    assert [b"first", b"second \xff", b""] == [queue.receive()[0] for _ in range(3)]


def test_peek_beyond_the_end_shows_what_is_there() -> None:
    queue_of((b"only", 1))
    assert 1 == len(shown("msg:0", "--peek", "1000")["messages"])


def test_messages_are_null_unless_asked_for() -> None:
    queue_of((b"only", 1))
    assert shown("msg:0")["messages"] is None


def test_posix_queue_cannot_be_peeked_and_that_is_said() -> None:
    queue = posix_ipc.MessageQueue("/jobs", posix_ipc.O_CREX)
    queue.send(b"one")
    result = run("show", "pmsg:/jobs", "--peek", "1")
    assert 0 == result.code
    assert "pmsg:/jobs: POSIX queues cannot be read without taking the message" in result.err
    assert 1 == queue.current_messages


@pytest.mark.parametrize("text", ["text", "h\xfc", "\x1b[31m", "\n"])
def test_message_never_reaches_the_terminal_raw(text: str) -> None:
    queue_of((text.encode(), 1))
    out = run("show", "msg:0", "--peek", "1", tty=True).out
    assert "\x1b[31m" not in out
    assert (repr(text)[1:-1] in out) != (f"0x{text.encode().hex()}" in out)


def test_user_without_read_permission_sees_the_row_and_a_gap(strangers: tuple[int, int]) -> None:
    sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX, mode=0o600)
    queue_of((b"secret", 1))
    result = run("show", "sem:0", "msg:0", "--peek", "1", "--json", uid=strangers[0])
    assert 0 == result.code, result.err
    document = json.loads(result.out)
    assert [None, None] == [document["objects"][0]["semaphores"], document["objects"][1]["messages"]]
    assert {"sem:0", "msg:0"} <= {gap["what"] for gap in document["gaps"]}
    assert "secret" not in result.out + result.err


def test_permissions_are_spelled_out() -> None:
    sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX, mode=0o624)
    assert "permissions: owner ra, group a, others r\n" in run("show", "sem:0").out


@pytest.mark.parametrize("columns", [80, 200])
def test_panel_fits_the_terminal(columns: int) -> None:
    queue_of((b"x" * 300, 1))
    out = run("show", "msg:0", "--peek", "1", tty=True, columns=columns, env={"NO_COLOR": "1"}).out
    assert "\x1b" not in out
    assert columns >= max(map(len, out.splitlines()))
