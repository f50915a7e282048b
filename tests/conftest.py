"""The test run happens in a private IPC and mount namespace: no test can see or touch the host's objects."""

from __future__ import annotations

import pwd
import signal
from pathlib import Path

import pytest

from tests.live import namespace
from tests.live.users import ALICE, BOB

LIVE = Path(__file__).parent / "live"
NO_NAMESPACE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a CI job insist on the live tests."""
    parser.addoption("--require-live", action="store_true", help="fail where live tests would be skipped")


def pytest_configure(config: pytest.Config) -> None:
    """Enter the namespace now: no thread exists yet. A background job of a shell ignores Ctrl-C; its tests must not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        namespace.enter()
    except namespace.NamespaceUnavailable as error:
        config.stash[NO_NAMESPACE] = str(error)
        if config.getoption("--require-live"):
            raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what lies in tests/live, and skip it where no namespace is to be had."""
    reason = config.stash.get(NO_NAMESPACE, None)
    for item in items:
        if LIVE in item.path.parents:
            item.add_marker("live")
        if reason is not None and item.get_closest_marker("live"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in plain sight why live tests were skipped."""
    reason = config.stash.get(NO_NAMESPACE, None)
    if reason is not None:
        terminalreporter.write_line(f"live tests skipped: {reason}", yellow=True)


@pytest.fixture(autouse=True)
def _fresh_namespace(request: pytest.FixtureRequest) -> None:
    """Give every live test an IPC namespace, /dev/shm and mqueue file system that nobody has used before."""
    if request.node.get_closest_marker("live"):
        namespace.enter()


@pytest.fixture
def mqueue() -> Path:
    """Mount point of the test's mqueue file system."""
    return namespace.current().mqueue


@pytest.fixture
def strangers() -> tuple[int, int]:
    """Two uids without a name; the test is skipped where this run cannot become another user."""
    if not namespace.current().other_uids:
        pytest.skip("another uid needs root: the user namespace of this run maps one uid only")
    return ALICE, BOB


@pytest.fixture
def named_users(strangers: tuple[int, int]) -> list[pwd.struct_passwd]:  # noqa: ARG001  skips alike
    """Ordinary accounts every distribution has, at least one; none is root."""
    found = [entry for entry in pwd.getpwall() if entry.pw_name in {"daemon", "nobody", "www-data"}]
    if not found:
        pytest.skip("none of the accounts daemon, nobody and www-data exists here")
    return found
