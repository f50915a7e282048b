"""The files of one process: maps, stat, status, and the call each thread sleeps in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import ParseError
from ipcctl.parse.maps import Mapping, device_text, parse_maps
from ipcctl.parse.mountinfo import mount_options
from ipcctl.parse.pidstat import parse_credentials, parse_pid_stat
from ipcctl.parse.syscall import Wait, calls_of, parse_syscall

MAPS = b"""\
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 131 /usr/bin/python3.11
7f0000000000-7f0000200000 rw-s 00000000 00:01 32769 /SYSV5432abcd (deleted)
7f0000200000-7f0000201000 rw-s 00000000 00:0f 5 /SYSV00000000 (deleted)
7f0000300000-7f0000301000 rw-s 00000000 00:1a 7 /dev/shm/psm_1
7f0000301000-7f0000303000 r--s 00001000 00:1a 8 /dev/shm/a\\012b (deleted)
7f0000400000-7f0000401000 rw-s 00000000 00:01 99 /memfd:x (deleted)
7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 [stack]
7ffc00001000-7ffc00002000 rw-p 00000000 00:00 0
"""
STAT = "4711 (a) (b) S 1 4711 4700 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 815 0 0"
STATUS = "Name:\tx\nUid:\t1000\t1001\t1002\t1003\nGid:\t100\t101\t100\t100\nGroups:\t4 27 \nCapEff:\t0000000000008000\n"
X86 = calls_of("x86_64")


def test_segments_are_told_by_their_path_and_files_by_their_device() -> None:
    found = parse_maps(MAPS, device_text(0, 0x1A))
    assert [32769, 5] == [mapping.inode for mapping in found.segments]
    assert [
        Mapping(0x7F0000300000, 0x7F0000301000, 7, "/dev/shm/psm_1"),
        Mapping(0x7F0000301000, 0x7F0000303000, 8, "/dev/shm/a\\012b (deleted)"),
    ] == found.files


def test_without_a_device_there_are_no_files() -> None:
    assert ([32769, 5], []) == ([m.inode for m in parse_maps(MAPS, b"").segments], parse_maps(MAPS, b"").files)


def test_sixty_thousand_lines_are_read_to_the_last() -> None:
    line = b"7f0000000000-7f0000001000 rw-p 00000000 fe:00 131 /lib/x.so\n"
    last = b"7f0000300000-7f0000301000 rw-s 00000000 00:1a 7 /dev/shm/last\n"
    assert [7] == [mapping.inode for mapping in parse_maps(line * 60_000 + last, b"00:1a").files]


@given(
    st.binary()
    | st.lists(st.sampled_from([*MAPS.splitlines(keepends=True), b"/SYSV", b" 00:1a ", b"\xff"])).map(b"".join)
)
def test_no_maps_raise_anything(data: bytes) -> None:
    parse_maps(data, b"00:1a")


def test_name_with_blanks_and_parentheses_is_one_name() -> None:
    stat = parse_pid_stat(STAT)
    assert ("a) (b", "S", 1, 4711, 4700, 3, 815) == (
        stat.comm, stat.state, stat.ppid, stat.pgrp, stat.session, stat.threads, stat.starttime,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "threads", "dead"), [("Z", 1, True), ("X", 1, True), ("Z", 2, False), ("S", 1, False)]
)
def test_process_whose_first_thread_ended_lives_as_long_as_another(state: str, threads: int, *, dead: bool) -> None:
    words = STAT.replace(" S ", f" {state} ").replace(" 20 0 3 0 ", f" 20 0 {threads} 0 ")
    assert dead == parse_pid_stat(words).dead


def test_kernel_thread_is_known_by_its_flag() -> None:
    assert (False, True) == tuple(
        parse_pid_stat(STAT.replace("4194560", flags)).kernel_thread for flags in ("4194560", "2129984")
    )


def test_credentials_are_the_effective_ones() -> None:
    known = parse_credentials(STATUS)
    assert (1001, frozenset({101, 4, 27}), 1 << 15, frozenset({1000, 1001, 1002, 1003})) == (
        known.uid, known.groups, known.capabilities, known.uids,
    )  # fmt: skip


@given(
    st.text() | st.sampled_from([STAT, STATUS]).flatmap(lambda text: st.integers(0, len(text)).map(lambda n: text[:n]))
)
def test_no_text_of_a_process_raises_anything_but_parse_error(text: str) -> None:
    for parse in (parse_pid_stat, parse_credentials):
        try:
            parse(text)
        except ParseError as error:
            assert len(str(error)) < 1000  # noqa: PT017  what is expected is that nothing else is raised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"70 0x8001 0x7f 0x2000 0x0 0x0 0x0 0x7ffc 0x7f\n", Wait("msgrcv", 0x8001)),
        (b"69 0x0 0x7f 0x2000 0x0 0x0 0x0 0x7ffc 0x7f\n", Wait("msgsnd", 0)),
        (b"220 0x3 0x7f 0x1 0x0 0x0 0x0 0x7ffc 0x7f\n", Wait("semop", 3)),
        (b"243 0x4 0x7f 0x2000 0x0 0x0 0x0 0x7ffc 0x7f\n", Wait("mq_receive", 4)),
        (b"1073741894 0x8001 0x7f\n", Wait("msgrcv", 0x8001)),  # x32
        (b"401 0x8001 0x7f\n", Wait("msgrcv", 0x8001)),  # i386
        (b"117 0xc 0x8001 0x7f 0x0\n", Wait("msgrcv", 0x8001)),  # i386, ipc(2)
        (b"117 0x1000c 0x8001 0x7f 0x0\n", Wait("msgrcv", 0x8001)),
        (b"117 0x2 0x8001 0x7f 0x0\n", None),  # semget
        (b"418 0x4 0x7f\n", Wait("mq_send", 4)),  # i386, with 64-bit time
        (b"202 0x8001 0x80 0x0\n", None),
        (b"69 zero 0x7f\n", None),
        (b"running\n", None),
        (b"-1 0x7ffc 0x7f\n", None),
        (b"", None),
    ],
)
def test_call_a_thread_sleeps_in(text: bytes, expected: Wait | None) -> None:
    assert expected == parse_syscall(text, X86)


@pytest.mark.parametrize("machine", ["aarch64", "riscv64"])
def test_numbers_differ_by_machine(machine: str) -> None:
    assert Wait("msgrcv", 5) == parse_syscall(b"188 0x5 0x7f\n", calls_of(machine))
    assert Wait("mq_send", 5) == parse_syscall(b"182 0x5 0x7f\n", calls_of(machine))
    assert parse_syscall(b"69 0x5 0x7f\n", calls_of(machine)) is None


def test_unknown_machine_has_no_calls() -> None:
    assert {} == calls_of("vax")


@given(st.binary() | st.lists(st.sampled_from([b"70", b"117", b" ", b"0x", b"0xc", b"9" * 99])).map(b"".join))
def test_no_text_of_a_call_raises_anything(text: bytes) -> None:
    parse_syscall(text, X86)


def test_options_are_those_of_the_newest_mount_of_the_type() -> None:
    text = (
        "22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"
        "23 1 0:21 / /proc rw - proc proc rw,gid=4,hidepid=invisible\n"
        "24 1 0:22 / /x rw - tmpfs proc rw,size=1k\nodd line"
    )
    assert {"rw": "", "gid": "4", "hidepid": "invisible"} == mount_options(text, "proc")
    assert {} == mount_options(text, "mqueue")
