"""The small kernel texts: a queue's file, a semaphore's file, /proc/sys, mountinfo."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import ParseError
from ipcctl.parse.devshm import parse_semaphore
from ipcctl.parse.mountinfo import mount_points, remote_points
from ipcctl.parse.mqueue import QueueStatus, parse_queue_status
from ipcctl.parse.sysctl import parse_numbers

STATUS = "QSIZE:129        NOTIFY:2     SIGNO:10    NOTIFY_PID:8260\n"
MOUNTINFO = """\
22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw
30 23 0:26 / /dev/mqueue rw,nosuid shared:12 master:1 - mqueue mqueue rw
31 23 0:27 / /mnt/with\\040blank\\134and\\011tab rw - mqueue none rw
32 23 0:28 / /mnt/mqueue rw - tmpfs mqueue rw
"""


def test_status_of_a_queue() -> None:
    assert QueueStatus(qsize=129, notify_pid=8260) == parse_queue_status(STATUS)


def test_status_with_words_added_or_moved_reads_the_same() -> None:
    assert QueueStatus(129, 8260) == parse_queue_status("NEW:x NOTIFY_PID:8260 QSIZE:129\n")


@pytest.mark.parametrize(
    "text", ["", "QSIZE:129", "QSIZE: NOTIFY_PID:0", "QSIZE:x NOTIFY_PID:0", "QSIZE:1_0 NOTIFY_PID:0"]
)
def test_status_of_another_shape_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ParseError, match=r"^pmsg:/q: expected QSIZE:N") as caught:
        parse_queue_status(text, source="pmsg:/q")
    assert repr(text) in str(caught.value)


@given(
    st.text() | st.lists(st.sampled_from(["QSIZE:", "NOTIFY_PID:", "1", "\u0661", " ", ":", "9" * 5000])).map("".join)
)
def test_no_text_of_a_queue_raises_anything_but_parse_error(text: str) -> None:
    try:
        parse_queue_status(text)
    except ParseError as error:
        assert len(str(error)) < 800  # noqa: PT017  what is expected is that nothing else is raised


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary())
def test_value_of_a_semaphore_is_not_disturbed_by_its_waiters(value: int, waiters: int, rest: bytes) -> None:
    assert value == parse_semaphore(struct.pack("@Q", waiters << 32 | value) + rest)


@given(st.binary(max_size=7))
def test_file_too_short_for_a_semaphore_is_refused(head: bytes) -> None:
    with pytest.raises(ParseError, match=f"sem.x: {len(head)} bytes"):
        parse_semaphore(head, source="sem.x")


def test_numbers_of_a_sysctl() -> None:
    assert (32000, 1024000000, 500, 32000) == parse_numbers("32000\t1024000000\t500\t32000\n", 4, "sem")
    assert (2**64 - 2**24 - 1,) == parse_numbers(f"{2**64 - 2**24 - 1}\n", 1, "shmmax")


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 3 4 5", "1 2 3 x", "1 2 3 -4", "1 2 3 \u0664"])
def test_sysctl_of_another_shape_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ParseError, match=r"^sem: expected 4 numbers, found ") as caught:
        parse_numbers(text, 4, "sem")
    assert repr(text) in str(caught.value)


@given(st.text(), st.integers(1, 4))
def test_no_sysctl_raises_anything_but_parse_error(text: str, count: int) -> None:
    try:
        assert count == len(parse_numbers(text, count, "x"))
    except ParseError as error:
        assert str(error).startswith("x: ")  # noqa: PT017  what is expected is that nothing else is raised


def test_mounts_are_found_by_type_and_unescaped() -> None:
    assert ["/dev/mqueue", "/mnt/with blank\\and\ttab"] == mount_points(MOUNTINFO, "mqueue")


def test_file_systems_of_other_hosts_are_known_by_their_types() -> None:
    mounts = "40 22 0:50 / /home rw - nfs4 filer:/home rw\n41 22 0:51 / /mnt/a\\040b rw - fuse.sshfs host: rw\n"
    assert ["/home", "/mnt/a b"] == remote_points(MOUNTINFO + mounts)


@given(
    st.text() | st.lists(st.sampled_from(["1 2 3 4 ", "/x\\", "040", "999", " - ", "mqueue", "\n", " "])).map("".join)
)
def test_no_mountinfo_raises(text: str) -> None:
    assert isinstance(mount_points(text, "mqueue"), list)
