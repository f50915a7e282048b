"""Which call a thread sleeps in, by its number on the machine."""

from __future__ import annotations

import pytest

from ipcctl.parse.callname import CALLS, parse_sleep


@pytest.mark.parametrize(
    ("machine", "text", "expected"),
    [
        ("x86_64", b"69 0x3 0x7f 0x1 0x0 0x0 0x0 0x7f 0x7f\n", ("msgsnd", 3)),
        ("x86_64", b"70 0x3 0x7f 0x1 0x0 0x0 0x0 0x7f 0x7f\n", ("msgrcv", 3)),
        ("x86_64", b"220 0x8001 0x7f\n", ("semop", 0x8001)),
        ("aarch64", b"182 0x5 0x7f\n", ("mq_send", 5)),
        ("aarch64", b"183 0x5 0x7f\n", ("mq_receive", 5)),
        ("x86_64", b"400 0x3 0x7f\n", ("msgsnd", 3)),
        ("aarch64", b"69 0x3 0x7f\n", None),
        ("sparc64", b"69 0x3 0x7f\n", None),
        ("x86_64", b"running\n", None),
        ("x86_64", b"-1 0x7ffd 0x7f\n", None),
        ("x86_64", b"69 zero 0x7f\n", None),
    ],
)
def test_thread_sleeps_in_a_call_on_an_object(machine: str, text: bytes, expected: object) -> None:
    assert expected == parse_sleep(text, machine)


def test_calls_are_named_for_each_kind_that_can_be_waited_on() -> None:
    assert {"msg", "sem", "pmsg"} == set(CALLS)
