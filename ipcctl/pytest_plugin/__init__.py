"""The pytest plugin: which test left IPC objects behind. Off, and next to nothing to load, unless asked for.

pytest finds it by its entry point ``ipcctl``, at every start of everybody who has ipcctl installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_REPORT, _FAIL = "report", "fail"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option; what it asks for is loaded when it is given."""
    parser.getgroup("ipcctl").addoption(
        "--ipc-leaks",
        choices=(_REPORT, _FAIL),
        help="Say which test left which IPC objects behind, System V and POSIX; with 'fail' the test has an error.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin, if asked to."""
    asked = config.getoption("--ipc-leaks")
    if asked:
        from ipcctl.pytest_plugin.check import LeakCheck

        config.pluginmanager.register(LeakCheck(fails=asked == _FAIL), "ipcctl-leaks")
