"""Start-up is a feature: what a command does not use, it does not load."""

from __future__ import annotations

import sys

import pytest
import sysv_ipc

from tests.live import cli

HEAVY = {
    *("rich", "psutil", "ctypes", "json", "csv", "prometheus_client", "sysv_ipc", "posix_ipc", "dataclasses"),
    *(
        "asyncio",
        "http",
        "ssl",
        "socket",
        "email",
        "logging",
        "multiprocessing",
        "tomllib",
        "xml",
        "importlib.metadata",
    ),
    *("ipcctl.act", "ipcctl.kernel.sysv", "ipcctl.kernel.holders", "ipcctl.policy.verdict", "ipcctl.policy.producers"),
    *("ipcctl.render.table", "ipcctl.render.records", "ipcctl.cli.show", "ipcctl.cli.rm"),
}
"""What a plain listing must not load: each costs milliseconds, or shows that a command knows another."""


def loaded(*arguments: str) -> set[str]:
    """The modules that `ipcctl ARGUMENTS` has loaded when it is done."""
    program = (
        "import sys; from ipcctl.cli.main import main; code = main(sys.argv[1:]); "
        "sys.stderr.write('\\n'.join(['', *sys.modules])); sys.exit(code)"
    )
    result = cli.run_program([sys.executable, "-c", program, *arguments])
    assert 0 == result.code, result.err
    return set(result.err.splitlines())


@pytest.mark.live
def test_plain_listing_loads_nothing_that_it_does_not_use() -> None:
    sysv_ipc.SharedMemory(0x2A, sysv_ipc.IPC_CREX, size=100).detach()
    sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX)
    modules = loaded("ls", "--format", "plain")
    assert "ipcctl.render.plain" in modules
    assert set() == modules & HEAVY


@pytest.mark.live
def test_what_the_list_forbids_can_be_seen() -> None:
    sysv_ipc.SharedMemory(0x2A, sysv_ipc.IPC_CREX, size=100).detach()
    assert {"json", "ipcctl.act", "ipcctl.policy.verdict"} <= loaded("ls", "--json", "--verdict") & HEAVY
    assert {"rich", "ipcctl.render.table"} <= loaded("ls", "--format", "table") & HEAVY


@pytest.mark.live
def test_run_that_finds_nothing_waits_for_no_parser_and_no_judge() -> None:
    modules = loaded("run", "--", "true")
    assert "ipcctl.kernel.lineage" in modules
    assert set() == modules & {"typer", "json", "ipcctl.act.judge", "ipcctl.render.columns", "subprocess"}
