"""Run a command line in this process, on a recorded tree, at a moment that does not pass."""

from __future__ import annotations

import gc
import io
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from ipcctl.cli.main import main
from tests.live.cli import Result, result_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
NOW = 1795360758 + 5 * 3600
"""Five hours after the trees were recorded."""


class Roots(NamedTuple):
    """Where the command looks."""

    proc: Path
    mqueue: Path
    shm: Path

    @property
    def options(self) -> list[str]:
        """The hidden options that say so."""
        return [f"--proc={self.proc}", f"--mqueue={self.mqueue}", f"--shm={self.shm}"]


def run(roots: Roots, *arguments: str) -> Result:
    """Run `ipcctl ARGUMENTS` on `roots` at NOW, in a pipe; the page is 4096 bytes."""
    with (
        mock.patch.object(time, "time", return_value=float(NOW)),
        mock.patch("ipcctl.act.limits.page_size", return_value=4096),
        mock.patch("ipcctl.kernel.limits.page_size", return_value=4096),
    ):
        return command(*arguments, *roots.options)


def command(*arguments: str, typed: str = "") -> Result:
    """Run `ipcctl ARGUMENTS` in this process and its namespace, in a pipe."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch.object(sys, "stdin", io.StringIO(typed)),
        ):
            code = main([*arguments])
    finally:
        gc.enable()  # a command turns it off: its process is short
    return result_of(code, out.buffer.getvalue(), err.buffer.getvalue())
