"""One scrape: each collector run and timed over one view, its samples put into the families of the catalogue."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from prometheus_client.core import InfoMetricFamily

from ipcctl import __version__
from ipcctl.errors import IpcctlError, UsageError
from ipcctl.exporter.catalogue import COLLECTORS, HOLDERS, METRICS, OBJECTS, OPTIONAL, USERS
from ipcctl.exporter.families import in_families
from ipcctl.exporter.sums import SUMS
from ipcctl.exporter.view import Choice, View
from ipcctl.model.kinds import KINDS
from ipcctl.model.snapshot import Gap

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from ipcctl.exporter.view import Sample
    from ipcctl.kernel.host import Host


def choose(
    disable: Sequence[str], *, holders: bool = False, users: int = 0, objects: re.Pattern[str] | None = None
) -> Choice:
    """The collectors that run: all that are not optional, less *disable*, and those asked for. Raises UsageError."""
    check_collectors(disable)
    asked = {HOLDERS: holders, USERS: users, OBJECTS: objects is not None}
    names = [name for name in COLLECTORS if name not in disable and (name not in OPTIONAL or asked[name])]
    if not names:
        message = "no collector is left"
        raise UsageError(message, hint="leave out some of --collect.disable")
    return Choice(tuple(names), users, objects)


def check_collectors(names: Iterable[str]) -> None:
    """Raise UsageError for a name that is no collector."""
    for name in names:
        if name not in COLLECTORS:
            message = f"unknown collector {name!r}"
            raise UsageError(message, hint=f"collectors: {' '.join(COLLECTORS)}")


class Scraper:
    """Makes scrapes of one host, one at a time.

    Requests that arrive while one is being made wait for the next and share it: each answer is younger than its
    request, and a crowd of them costs as much memory as one, and at most twice the time.
    """

    def __init__(self, host: Host, choice: Choice, report: Callable[[str], None]) -> None:
        """Scrape *host* with *choice*; *report* is told when a collector begins and ceases to fail."""
        self._host = host
        self.choice = choice
        self._report = report
        self._failing: set[str] = set()
        self._turn = threading.Condition()
        self._started = self._done = 0
        self._busy = False
        self._latest: list[Metric] = []

    def families(self, only: Sequence[str] = ()) -> list[Metric]:
        """The families of a scrape that began after this call; *only* some collectors of those chosen, if named."""
        with self._turn:
            wanted = self._started + 1
            while self._busy and (only or self._done < wanted):
                self._turn.wait()
            if self._done >= wanted and not only:
                return self._latest
            self._busy = True
            if not only:
                self._started += 1
        made = None
        try:
            made = self._scrape(only)
        finally:
            with self._turn:
                self._busy = False
                if not only and made is not None:
                    self._done, self._latest = self._started, made
                self._turn.notify_all()
        return made

    def _scrape(self, only: Sequence[str]) -> list[Metric]:
        view = View(self._host, self.choice)
        names = [name for name in self.choice.collectors if not only or name in only]
        samples = [sample for name in names for sample in self._collected(name, view)]
        samples += [("gaps", (kind,), len(gaps)) for kind, gaps in view.gaps.items() if kind in names]
        samples += [("series_dropped", (name,), dropped) for name, dropped in view.dropped.items()]
        return [*in_families(samples), _build_info()]

    def _collected(self, name: str, view: View) -> list[Sample]:
        began = time.perf_counter()
        try:
            found, success = list(_collector(name)(view)), 1
            if name in self._failing:
                self._failing.remove(name)
                self._report(f"collector {name} works again")
        except (IpcctlError, OSError) as error:
            found, success = [], 0
            why = _why(error)
            if name in KINDS:
                view.gaps[name].append(Gap(name, why))
            self._note(name, why)
        except Exception as error:  # noqa: BLE001  a defect in one collector must not hide what the others see
            found, success = [], 0
            self._note(name, f"a defect in ipcctl: {error!r}")
        seconds = time.perf_counter() - began
        return [*found, ("collector_success", (name,), success), ("collector_duration_seconds", (name,), seconds)]

    def _note(self, name: str, why: str) -> None:
        if name not in self._failing:
            self._failing.add(name)
            self._report(f"collector {name} fails: {why}")


def _why(error: IpcctlError | OSError) -> str:
    """What failed, in one line."""
    if isinstance(error, IpcctlError) or error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}"


def _collector(name: str) -> Callable[[View], Iterator[Sample]]:
    """The collector; those seldom asked for are loaded when they are."""
    if name in SUMS:
        return SUMS[name]
    if name == HOLDERS:
        from ipcctl.exporter.evidence import holders

        return holders
    from ipcctl.exporter import bounded

    return {USERS: bounded.users, OBJECTS: bounded.objects}[name]


def _build_info() -> Metric:
    build = METRICS["build_info"]
    return InfoMetricFamily(build.full_name.removesuffix("_info"), build.help, value={"version": __version__})
