"""Where stdout and stderr go to one place, such as a CI log, they stand in the order in which they were written."""

from __future__ import annotations

import sys

import sysv_ipc

from tests.live import cli


def test_the_count_of_a_removal_follows_its_table() -> None:
    sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX)
    command = f"exec {sys.executable} -m ipcctl rm --all --yes 2>&1"
    heading, row, *_, count = cli.run_program(["sh", "-c", command]).out.splitlines()
    assert heading.startswith("REF ")
    assert row.startswith("sem:0 ")
    assert "1 removed" == count
