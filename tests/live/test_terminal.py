"""Tables on a terminal: one line per object, nothing folded, at the width most terminals have."""

from __future__ import annotations

import re

import posix_ipc
import pytest
import sysv_ipc

from tests.live import cli

WIDTH = 80
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def furnish() -> None:
    sysv_ipc.SharedMemory(0x41021ACE, sysv_ipc.IPC_CREX, mode=0o600, size=4 << 20).detach()
    sysv_ipc.Semaphore(0x5432ABCD, sysv_ipc.IPC_CREX, mode=0o600)
    sysv_ipc.MessageQueue(0x4D01002A, sysv_ipc.IPC_CREX, mode=0o600).send(b"one")
    posix_ipc.SharedMemory("/torch_4711_0", posix_ipc.O_CREX, size=4096).close_fd()
    posix_ipc.Semaphore("/render-lock", posix_ipc.O_CREX).close()
    posix_ipc.MessageQueue("/billing-in", posix_ipc.O_CREX).close()


@pytest.mark.parametrize("columns", [WIDTH, 200])
@pytest.mark.parametrize("command", ["ls", "limits", "users", "rm --all --dry-run"])
def test_a_table_has_one_line_per_row(command: str, columns: int) -> None:
    furnish()
    exact = cli.run(*command.split(), "--format", "jsonl").out.splitlines()
    result = cli.run(*command.split(), tty=True, columns=columns)
    lines = [ESCAPES.sub("", line).rstrip() for line in result.out.splitlines()]
    tables = [line for line in lines if "──" in line]
    titles = [line for line in lines if line.endswith(")") and "  " not in line]
    headings = [line for line in lines if line and line.replace(" ", "").isupper() and ":" not in line]
    rows = [line for line in lines if line.strip() and line not in (*tables, *titles, *headings)]
    if "rm" in command:  # a reason may go on in the next line
        rows = [row for row in rows if not row.startswith(" ")]
    assert len(tables) == len(titles) == len(headings) > 0
    assert len(exact) == len(rows), "\n".join(lines)
    assert all(line.startswith(tuple("abcdefghijklmnopqrstuvwxyz/")) for line in rows)
    assert columns >= max(map(len, lines))


def test_verdicts_and_results_are_coloured_for_people_who_want_colours() -> None:
    sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX)
    memory = sysv_ipc.attach(sysv_ipc.SharedMemory(2, sysv_ipc.IPC_CREX, size=1).id)
    shown = cli.run("ls", "shm", "--verdict", tty=True).out
    assert "\x1b[32min-use" in shown
    shown = cli.run("rm", "--all", "--dry-run", tty=True).out
    assert "\x1b[32mkept" in shown
    assert "\x1b[33mwould remove" in shown
    plain = cli.run("rm", "--all", "--dry-run", tty=True, env={"NO_COLOR": "1"}).out
    assert "kept" in plain
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)
    memory.detach()


@pytest.mark.parametrize("command", ["ls -o bogus", "rm shm:1 --yes", "ls --bogus"])
def test_what_is_said_on_a_narrow_terminal_is_broken_between_words(command: str) -> None:
    piped = cli.run(*command.split()).err
    lines = [line.rstrip() for line in cli.run(*command.split(), tty=True, columns=50).err.splitlines()]
    assert 50 >= max(map(len, lines))
    assert piped.split() == [word for line in lines for word in line.split()]


def test_a_wide_terminal_gives_its_room_to_the_reasons() -> None:
    furnish()
    listed = cli.run("ls", "shm", tty=True, columns=160).out
    judged = cli.run("ls", "shm", "--verdict", tty=True, columns=160).out
    assert (True, True) == ("ATIME" in listed, "KEY" in listed)
    assert (False, True) == ("ATIME" in judged, "KEY" in judged)
