"""A command on a terminal that is answered while it runs: look, act, answer."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.live.cli import TIMEOUT, Result, _open_terminal, environment, result_of
from tests.live.users import become, closed_directories

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPT = b"\x03"
"""What a terminal turns into SIGINT: Ctrl-C."""


class Conversation:
    """A running command. stdout and stderr are terminals of their own."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, err: int) -> None:
        self._process = process
        self._ends = {"out": out, "err": err}
        self._read = {"out": b"", "err": b""}

    def until(self, text: str) -> str:
        """Read until `text` is on stderr; return all of stderr so far."""
        deadline = time.monotonic() + TIMEOUT
        while text.encode() not in self._read["err"]:
            if time.monotonic() > deadline or not self._more(deadline):
                message = f"{text!r} never came: {self._read}"
                raise AssertionError(message)
        return self._read["err"].decode("utf-8", "surrogateescape")

    def type(self, keys: bytes) -> None:
        """Type on its terminal."""
        os.write(self._ends["out"], keys)

    def end(self) -> Result:
        """Read the rest and wait for its end."""
        deadline = time.monotonic() + TIMEOUT
        while self._more(deadline):
            pass
        code = self._process.wait(max(0.1, deadline - time.monotonic()))
        return result_of(code, self._read["out"], self._read["err"])

    def _more(self, deadline: float) -> bool:
        if not self._ends:
            return False
        ready, _, _ = select.select(list(self._ends.values()), [], [], max(0.0, deadline - time.monotonic()))
        for name, end in list(self._ends.items()):
            if end not in ready:
                continue
            try:
                self._read[name] += os.read(end, 65536)
            except OSError:  # EIO: nobody has the other end open any more
                os.close(self._ends.pop(name))
        return bool(ready)

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for end in self._ends.values():
            os.close(end)


@contextmanager
def talk(*args: str, uid: int | None = None, columns: int = 80) -> Iterator[Conversation]:
    """Start `ipcctl ARGS` on a terminal, as `uid` if given."""
    import fcntl
    import termios

    stranger = uid is not None and uid != os.geteuid()
    if stranger:
        closed_directories()  # found while everything can still be read, and kept

    def prepare() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if stranger and uid is not None:
            become(uid)

    ours, stdio = _open_terminal(columns)
    aside, stderr = _open_terminal(columns)
    process = subprocess.Popen(
        [sys.executable, "-m", "ipcctl", *args],
        stdin=stdio, stdout=stdio, stderr=stderr, start_new_session=True, preexec_fn=prepare,  # noqa: PLW1509  one thread
        cwd="/" if stranger else None, env=environment(stranger=stranger),
    )  # fmt: skip
    os.close(stdio)
    os.close(stderr)
    it = Conversation(process, ours, aside)
    try:
        yield it
    finally:
        it.close()
