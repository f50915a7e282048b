"""A real Prometheus on loopback, with a directory of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.cli import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1/"

    def api(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        url = self._base + path + "?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310  our own, on loopback
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """PromQL now: labels (without job and instance) to value."""
        found = {}
        for series in self.api("query", query=expression)["result"]:
            labels = {name: value for name, value in series["metric"].items() if name not in ("job", "instance")}
            found[tuple(sorted(labels.items()))] = float(series["value"][1])
        return found

    def targets(self) -> int:
        """How many targets it knows of."""
        return len(self.api("targets")["activeTargets"])

    def value(self, expression: str) -> float | None:
        """The only value of an expression; None while there is none."""
        values = list(self.query(expression).values())
        return values[0] if len(values) == 1 else None

    def until(self, expression: str, expected: float) -> None:
        """Wait until an expression has this one value."""
        self.wait(lambda: self.value(expression) == expected, lambda: f"{expression}: {self.query(expression)}")

    def alerts(self, job: str) -> set[str]:
        """Names of the alerts that fire for a job."""
        firing = [alert["labels"] for alert in self.api("alerts")["alerts"] if alert["state"] == "firing"]
        return {labels["alertname"] for labels in firing if labels.get("job") == job}

    def scraped(self) -> dict[str, str]:
        """Of each job's target: "up", or why not."""
        targets = self.api("targets")["activeTargets"]
        return {target["labels"]["job"]: target["lastError"] or target["health"] for target in targets}

    def wait(self, check: Callable[[], bool], story: Callable[[], str]) -> None:
        """Look again and again until `check` holds."""
        deadline = time.monotonic() + TIMEOUT
        while not check():
            assert time.monotonic() < deadline, story()
            time.sleep(0.1)


@contextmanager
def prometheus(directory: Path, configuration: str) -> Iterator[Prometheus]:
    """Start Prometheus with this configuration; skipped where it is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (directory / "prometheus.yml").write_text(configuration)
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}",
             "--storage.tsdb.path=data", "--log.level=warn"],
            cwd=directory, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _wait_until_ready(port, process, directory)
            yield Prometheus(port)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=TIMEOUT):
                return
        except OSError:
            said = (directory / "prometheus.log").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
