"""What surrounds the exporter: rules, scrape example, units, dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipcctl.exporter.catalogue import METRICS
from ipcctl.exporter.listen import PORT
from tests.manual import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGING = ROOT / "packaging"
RULES = PACKAGING / "prometheus" / "ipcctl.rules.yml"
DASHBOARD = PACKAGING / "grafana" / "ipcctl.json"
SCORE = re.compile(r"Overall exposure level for \S+: ([\d.]+ \w+)")


def need(command: str) -> None:
    if not shutil.which(command):
        pytest.skip(f"{command} is not installed")


def told(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=PACKAGING, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_rules_and_their_unit_tests_pass() -> None:
    need("promtool")
    for arguments in (("check", "rules", RULES), ("test", "rules", "prometheus/ipcctl.rules.test.yml")):
        code, text = told("promtool", *arguments)
        assert (0, True) == (code, "SUCCESS" in text), text


def test_every_alert_has_a_unit_test() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    tested = re.findall(r"alertname: (\w+)", (PACKAGING / "prometheus" / "ipcctl.rules.test.yml").read_text())
    assert len(alerts) > 5
    assert sorted(alerts) == sorted(set(tested))


def test_scrape_example_is_a_configuration_and_names_the_port() -> None:
    need("promtool")
    code, text = told("promtool", "check", "config", "prometheus/scrape.example.yml")
    assert (0, True) == (code, "SUCCESS" in text), text
    assert f":{PORT}" in (PACKAGING / "prometheus" / "scrape.example.yml").read_text()


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\bipcctl_(\w+)", text))


def test_rules_and_dashboard_speak_of_metrics_that_exist() -> None:
    for path in (RULES, DASHBOARD):
        found = metric_names(path.read_text())
        assert len(found) > 10
        assert set() == found - set(METRICS)


def test_dashboard_shows_every_metric() -> None:
    assert set() == set(METRICS) - metric_names(DASHBOARD.read_text()) - {
        *("shm_segment_size_limit_bytes", "msg_queue_size_limit_bytes"),  # limits of one object fill nothing up
        *(
            "queue_message_bytes",
            "queue_fullness_ratio",
            "object_allocated_bytes",
            "object_value",
        ),  # an example suffices
    }


def test_panels_are_whole_and_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len(panels) == len({panel["id"] for panel in panels})
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
            assert {"${datasource}"} == {target["datasource"]["uid"] for target in panel["targets"]}


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a command that is installed wherever this runs."""
    program = tmp_path / "ipcctl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in (PACKAGING / "systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/bin/ipcctl", str(program)))
    drop_in = tmp_path / "with-holders.service"
    drop_in.write_text((tmp_path / "ipcctl-exporter.service").read_text() + (tmp_path / "holders.conf").read_text())
    return tmp_path


def test_units_verify_without_a_word(units: Path) -> None:
    need("systemd-analyze")
    for name in ("ipcctl-exporter.service", "ipcctl-exporter.socket", "with-holders.service"):
        assert (0, "") == told("systemd-analyze", "verify", "--man=no", units / name)


def test_security_score_is_the_one_of_the_readme(units: Path) -> None:
    need("systemd-analyze")
    readme = (PACKAGING / "README.md").read_text()
    version = told("systemd-analyze", "--version")[1].split()[1]
    if f"(systemd {version})" not in readme:
        pytest.skip(f"the README speaks of another systemd than {version}")
    for name in ("ipcctl-exporter.service", "with-holders.service", "ipcctl-clean.service"):
        code, text = told("systemd-analyze", "security", "--offline=yes", "--no-pager", units / name)
        (score,) = SCORE.findall(text)
        assert f"**{score}**" in readme
        assert 0 == code


def test_service_does_not_hide_the_objects_it_is_to_show() -> None:
    service = (PACKAGING / "systemd" / "ipcctl-exporter.service").read_text()
    assert "\nPrivateIPC=no\n" in service
    assert "\nProcSubset=all\n" in service
    assert "\nCapabilityBoundingSet=\n" in service
    assert "\nDynamicUser=yes\n" in service
    assert f"\nListenStream={PORT}\n" in (PACKAGING / "systemd" / "ipcctl-exporter.socket").read_text()
