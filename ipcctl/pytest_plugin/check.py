"""Whose doing an object is: each new one belongs to the test, or to the wider fixture, in which it appeared.

A test answers for its objects when its teardown is done, a fixture of a wider scope when it is torn down, and the
session (imports, hooks) at the very end. What a process makes that a wider fixture started, a server say, belongs to
that fixture whenever it is made.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from ipcctl.act.judge import Judge
from ipcctl.act.watch import Watch, identity
from ipcctl.kernel.host import Host
from ipcctl.render.outcomes import content_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ipcctl.model.leak import Leak

_LEFT, _PERHAPS = "LEFT", "PERHAPS"


class Owner:
    """A test, a fixture of a wider scope or the session: who answers for what appeared meanwhile."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.over = False  # from then on, what is there of it is left behind


class LeakCheck:
    """Watches this process and its descendants, and asks after each test what is new.

    Wrappers of hooks are of the old form, which pytest 7 knows too.
    """

    def __init__(self, *, fails: bool) -> None:
        """With *fails*, what a test left is an error at its teardown."""
        self._fails = fails
        self._pid = os.getpid()
        self._host = Host()
        self._watch: Watch | None = None
        self._session = Owner("the session")
        self._current = [self._session]  # the last one owns what appears
        self._fixtures: dict[Any, Owner] = {}
        self._owners: dict[tuple[Any, ...], Owner] = {}  # of objects that are not judged yet
        self._judged: set[tuple[Any, ...]] = set()
        self._pids: dict[int, Owner] = {}  # who was going on when a process was first seen
        self._gaps: dict[str, None] = {}
        self._lines: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """What is there now is nobody's leak."""
        if not session.config.pluginmanager.hasplugin("dsession"):  # pytest-xdist: its workers run the tests
            self._watch = Watch(self._host, self._pid, waits_for_exec=False)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """What appears from here on is the test's."""
        self._enter(Owner(item.nodeid))
        yield
        self._leave()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, None]:
        """What a fixture of a wider scope makes, it may keep until it is torn down."""
        wide = fixturedef.scope != "function"
        if wide:
            where = f" of {request.node.nodeid}" if request.node.nodeid else ""
            owner = self._fixtures[fixturedef] = Owner(f"{fixturedef.scope} fixture {fixturedef.argname}{where}")
            self._enter(owner)
        yield
        if wide:
            self._leave()

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """From now on the fixture has left what is there of it; said at the end of the test that is going on."""
        owner = self._fixtures.pop(fixturedef, None)
        if owner:
            owner.over = True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Everything the test had was taken down: look."""
        outcome: Any = yield
        self._current[-1].over = True
        left, told = self._judge()
        item.stash[_TOLD] = told
        if left and self._fails and outcome.excinfo is None:
            outcome.force_exception(pytest.fail.Exception("IPC objects left behind\n" + "\n".join(left), pytrace=False))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """The findings travel with the report: pytest-xdist carries them to the process that prints."""
        outcome = yield
        if call.when == "teardown" and outcome.excinfo is None:
            vars(outcome.get_result())["ipc_leaks"] = item.stash.get(_TOLD, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep them for the summary."""
        self._lines += getattr(report, "ipc_leaks", [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """What nobody has answered for by now is the session's, or that of fixtures that never ended."""
        for owner in (self._session, *self._fixtures.values()):
            owner.over = True
        left, told = self._judge()
        self._lines += told
        if left and self._fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line per object."""
        if self._lines:
            terminalreporter.section("IPC objects left behind")
        for line in self._lines:
            terminalreporter.write_line(line, red=line.startswith(_LEFT), yellow=line.startswith(_PERHAPS))
        for why in self._gaps:
            terminalreporter.write_line(f"ipcctl: {why}", yellow=True)

    def pytest_unconfigure(self) -> None:
        """Stop watching."""
        if self._watch and os.getpid() == self._pid:
            self._watch.__exit__()
            self._watch = None

    def _enter(self, owner: Owner) -> None:
        self._look()
        self._current.append(owner)

    def _leave(self) -> None:
        self._look()
        self._current.pop()

    def _look(self) -> list[Any]:
        """Give what is new to the owner of the moment; the objects that nobody has answered for yet."""
        if self._watch is None or os.getpid() != self._pid:  # the kernel's buffers are not mapped in a fork
            return []
        new, gaps = self._watch.new()
        self._gaps.update(dict.fromkeys(f"{gap.what}: {gap.why}" for gap in gaps))
        for pid in islice(self._watch.pids, len(self._pids), None):
            self._pids[pid] = self._current[-1]
        waiting = [item for item in new if identity(item) not in self._judged]
        for item in waiting:
            self._owners.setdefault(identity(item), self._current[-1])
        return waiting

    def _judge(self) -> tuple[list[str], list[str]]:
        """What owners that are over left: a line for each that is certain; for those, and for each that is not."""
        due = [item for item in self._look() if self._owners[identity(item)].over]
        if not due or self._watch is None:
            return [], []
        with Judge(self._host, {item.kind for item in due}) as judge:
            leaks, perhaps = self._watch.attributed(due, judge)
        kept = self._hand_over(leaks)
        self._judged.update(identity(item) for item in due if identity(item) not in kept)
        left = [self._line(_LEFT, leak) for leak in leaks if identity(leak.object) not in kept]
        return left, left + [self._line(_PERHAPS, leak) for leak in perhaps]

    def _hand_over(self, leaks: Sequence[Leak]) -> set[tuple[Any, ...]]:
        """Give what processes of somebody else made to him; those for which he need not answer yet."""
        kept = set()
        for leak in leaks:
            makers = {self._pids.get(pid) for pid in leak.pids if pid != self._pid}
            maker = makers.pop() if len(makers) == 1 else None
            if maker and self._pid not in leak.pids:
                self._owners[identity(leak.object)] = maker
                if not maker.over:
                    kept.add(identity(leak.object))
        return kept

    def _line(self, answer: str, leak: Leak) -> str:
        item: Any = leak.object
        user = self._host.accounts.users[item.uid] or item.uid
        return f"{answer} {self._owners[identity(item)].name} - {item.ref} ({user}, {content_of(item)}): {leak.why}"


_TOLD = pytest.StashKey[list[str]]()
