"""The command as users run it: a process of its own, as any uid, in a pipe or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from tests.live import namespace, users

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT = 60.0
"""Seconds a command may take before it is killed and the test fails."""
_OUT_OF_SIGHT = re.compile(r"ipcctl: holders: \d+ process(es)? could not be looked into; .*\n")
END_OF_INPUT = b"\x04"
"""What a terminal turns into end of file: Ctrl-D."""


class How(TypedDict, total=False):
    """How to run a command."""

    uid: int | None
    """As whom; None or missing: as this process."""
    stdin: str | None
    """What it reads, then the end of file; on a terminal what the user types, then Ctrl-D."""
    tty: bool
    """On a terminal that neither echoes nor adds carriage returns; stderr is another, to be kept apart."""
    columns: int
    """Width of the terminal, and of the output in a pipe (COLUMNS); 80 if missing."""
    env: Mapping[str, str] | None
    """Variables on top of the fixed ones."""


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    """Exit code; negative: the signal that killed it."""
    out: str
    err: str
    """In a run without root not the line about processes out of sight: there, all outside its namespace are."""


def run(*args: str | Path, **how: Unpack[How]) -> Result:
    """Run `ipcctl ARGS` in the namespace of this process; for the rest see `run_program`."""
    return run_program([sys.executable, "-m", "ipcctl", *map(str, args)], **how)


def program(directory: Path) -> Path:
    """A directory for PATH with `ipcctl` in it: this checkout under this interpreter, whatever the environment."""
    (directory / "bin").mkdir()
    path = directory / "bin" / "ipcctl"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{users.package_root()}" exec "{sys.executable}" -m ipcctl "$@"\n')
    path.chmod(0o755)
    return directory / "bin"


def run_program(command: list[str], **how: Unpack[How]) -> Result:
    """Run a program and wait for it, in a pipe or on a terminal, as any uid.

    Its environment is a small fixed one (C.UTF-8, UTC, nothing about colours or CI) plus `env`. As another
    user it starts in /, else in the current directory.

    Raises subprocess.TimeoutExpired after TIMEOUT seconds.
    """
    tty, columns, typed = how.get("tty", False), how.get("columns", 80), (how.get("stdin") or "").encode()
    uid = how.get("uid")
    stranger = uid is not None and uid != os.geteuid()
    if stranger:
        users.closed_directories()  # found while everything can still be read, and kept

    def prepare() -> None:
        if tty:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if stranger and uid is not None:
            users.become(uid)

    fixed = environment(stranger=stranger) | ({} if tty else {"COLUMNS": str(columns)})
    options: dict[str, Any] = {
        "cwd": "/" if stranger else None,
        "env": fixed | dict(how.get("env") or {}),
        "preexec_fn": prepare,
    }
    if tty:
        return _run_on_terminal(command, typed, columns, options)
    done = subprocess.run(command, input=typed, capture_output=True, check=False, timeout=TIMEOUT, **options)
    return result_of(done.returncode, done.stdout, done.stderr)


def result_of(code: int, out: bytes, err: bytes) -> Result:
    """What a command left behind; see there."""
    told = _text(err)
    return Result(code, _text(out), told if namespace.sees_everybody() else _OUT_OF_SIGHT.sub("", told))


def environment(*, stranger: bool) -> dict[str, str]:
    fixed = {
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(users.package_root()),
        "TERM": "xterm-256color",
        "TZ": "UTC",
    }
    if stranger:  # he could not write what coverage collects
        return fixed
    return fixed | {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def _run_on_terminal(command: list[str], typed: bytes, columns: int, options: dict[str, Any]) -> Result:
    ours, stdio = _open_terminal(columns)
    aside, stderr = _open_terminal(columns)
    try:
        process = subprocess.Popen(command, stdin=stdio, stdout=stdio, stderr=stderr, start_new_session=True, **options)
        os.close(stdio)
        os.close(stderr)
        os.write(ours, typed + END_OF_INPUT)
        try:
            out, err = _read_terminals(process, ours, aside)
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(ours)
        os.close(aside)
    return result_of(process.returncode, out, err)


def _open_terminal(columns: int) -> tuple[int, int]:
    """Open a terminal of 24 lines that neither echoes nor adds carriage returns: its two ends, ours first."""
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    termios.tcsetwinsize(theirs, (24, columns))
    return ours, theirs


def _read_terminals(process: subprocess.Popen[bytes], *ends: int) -> list[bytes]:
    """Read until the last process has closed each terminal."""
    read = dict.fromkeys(ends, b"")
    still_open = set(ends)
    deadline = time.monotonic() + TIMEOUT
    while still_open:
        ready, _, _ = select.select(list(still_open), [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise subprocess.TimeoutExpired(process.args, TIMEOUT, read[ends[0]], read[ends[1]])
        for end in ready:
            try:
                read[end] += os.read(end, 65536)
            except OSError:  # EIO: nobody has the other end open any more
                still_open.discard(end)
    process.wait(max(0.1, deadline - time.monotonic()))
    return list(read.values())


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
