"""One scrape of the exporter, its memory, its start."""

from __future__ import annotations

import http.client
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import KIB_PER_MIB, BenchError, Sample, _environment, ipcctl, repeat
from tests.bench.population import make

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 1000
"""Scrapes over which memory must stay flat; a tenth with few runs."""
PATIENCE = 10.0
WARM = 20


class _Exporter:
    """A running exporter and one kept connection to it."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            ipcctl("exporter", "--web.listen-address", "127.0.0.1:0"),
            env=_environment(),
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline().decode()
        if "listening on" not in said:
            raise BenchError(f"the exporter did not start: {said}")
        port = int(said.split(" (")[0].rpartition(":")[2])
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def scrape(self) -> bytes:
        """One answer."""
        self._connection.request("GET", "/metrics")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise BenchError(f"status {response.status}")
        return body

    def memory(self, field: str) -> int:
        """VmRSS or VmHWM in KiB."""
        with open(f"/proc/{self._process.pid}/status") as status:
            (line,) = [line for line in status if line.startswith(field)]
        return int(line.split()[1])

    def end(self) -> None:
        """SIGTERM, and wait."""
        self._connection.close()
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(PATIENCE):
            raise BenchError(f"exit status {self._process.returncode}")


@contextmanager
def _running() -> Iterator[_Exporter]:
    exporter = _Exporter()
    try:
        yield exporter
    finally:
        exporter.end()


@row("scrape", "one scrape of `ipcctl exporter` on P", at_most(250, "ms"))
def scrape(bench: Bench) -> Outcome:
    make(bench.p)
    with _running() as exporter:
        expected = f'ipcctl_objects{{kind="msg"}} {bench.p.queues:.1f}\n'.encode()
        if expected not in exporter.scrape():
            raise BenchError("the scrape does not count P")
        sample = repeat(exporter.scrape, bench.runs)
        return Outcome(sample.seconds * 1000, Sample(sample.seconds, exporter.memory("VmHWM")))


@row("scrape-memory", "peak memory of the exporter after 1,000 scrapes of P", at_most(80, "MiB"))
def scrape_memory(bench: Bench) -> Outcome:
    many = MANY if bench == Bench() else MANY // 10
    make(bench.p)
    with _running() as exporter:
        for _ in range(WARM):
            exporter.scrape()
        early = exporter.memory("VmHWM")
        sample = repeat(exporter.scrape, many)
        peak = exporter.memory("VmHWM")
        note = (
            f"peak after {WARM} scrapes {early / KIB_PER_MIB:.1f} MiB, after {many} more {peak / KIB_PER_MIB:.1f} MiB"
        )
        return Outcome(peak / KIB_PER_MIB, Sample(sample.seconds, peak), note=note)


@row("scrape-empty", "one scrape, nothing to count", at_most(5, "ms"))
def scrape_empty(bench: Bench) -> Outcome:
    with _running() as exporter:
        exporter.scrape()
        sample = repeat(exporter.scrape, bench.runs * 10)
        return Outcome(sample.seconds * 1000, Sample(sample.seconds, exporter.memory("VmHWM")))


@row("scrape-start", "from the start of `ipcctl exporter` to its first scrape, nothing to count", at_most(250, "ms"))
def scrape_start(bench: Bench) -> Outcome:
    def once() -> float:
        with _running() as exporter:
            exporter.scrape()
            return time.perf_counter() - exporter.began

    once()
    seconds = sorted(once() for _ in range(bench.runs))[bench.runs // 2]
    return Outcome(seconds * 1000, Sample(seconds))
