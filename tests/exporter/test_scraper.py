"""Requests that arrive together share a scrape that began after each of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from ipcctl.errors import UsageError
from ipcctl.exporter import scrape
from ipcctl.exporter.listen import parse_address
from ipcctl.exporter.scrape import Scraper, choose
from ipcctl.kernel.host import Host, Roots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipcctl.exporter.view import Sample, View

SECONDS = 30.0


def test_a_crowd_shares_the_scrape_after_the_one_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[int] = []
    first_began, go_on = threading.Event(), threading.Event()

    def slow(_: View) -> Iterator[Sample]:
        began.append(len(began) + 1)
        first_began.set()
        assert go_on.wait(SECONDS)
        yield "semaphores", (), began[-1]

    monkeypatch.setattr(scrape, "SUMS", {"sem": slow})
    host = Host(Roots(str(tmp_path), str(tmp_path), str(tmp_path)))
    scraper = Scraper(host, choose([])._replace(collectors=("sem",)), lambda _: None)
    answers: list[float] = []

    def ask() -> None:
        (family,) = [family for family in scraper.families() if family.name == "ipcctl_semaphores"]
        answers.append(family.samples[0].value)

    first = threading.Thread(target=ask)
    first.start()
    assert first_began.wait(SECONDS)
    crowd = [threading.Thread(target=ask) for _ in range(6)]
    for one in crowd:
        one.start()
    while len(scraper._turn._waiters) < len(crowd):  # type: ignore[attr-defined]  # a deque of locks
        assert all(one.is_alive() for one in crowd)
        time.sleep(0.01)
    go_on.set()
    for one in (first, *crowd):
        one.join(SECONDS)
    assert [1, 2, 2, 2, 2, 2, 2] == sorted(answers)
    assert [1, 2] == began


def test_a_defect_in_one_collector_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: View) -> Iterator[Sample]:
        nothing: dict[str, int] = {}
        yield "semaphores", (), nothing["nothing"]

    def sound(_: View) -> Iterator[Sample]:
        yield "semaphores", (), 5

    monkeypatch.setattr(scrape, "SUMS", {"shm": broken, "sem": sound})
    said: list[str] = []
    host = Host(Roots(str(tmp_path), str(tmp_path), str(tmp_path)))
    scraper = Scraper(host, choose([])._replace(collectors=("shm", "sem")), said.append)
    for _ in range(3):
        families = {family.name: family.samples for family in scraper.families()}
        assert [0, 1] == [sample.value for sample in families["ipcctl_collector_success"]]
        assert 5 == families["ipcctl_semaphores"][0].value
    assert ["collector shm fails: a defect in ipcctl: KeyError('nothing')"] == said
    monkeypatch.setattr(scrape, "SUMS", {"shm": sound, "sem": sound})
    scraper.families()
    assert "collector shm works again" == said[-1]


def test_no_collector_left_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no collector is left"):
        choose(["shm", "sem", "msg", "pshm", "psem", "pmsg", "limits", "devshm"])


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":10174", "", 10174),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:80", "::1", 80),
        ("name.example:1", "name.example", 1),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert (host, port) == parse_address(text)
