"""Debian packages and the RPM spec. `make test-deb` installs, uses, upgrades and purges the former."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import bundle
import layout
import pytest

import ipcctl

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "packaging" / "debian"


def need(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the build, and below it, in dist, the packages."""
    need("dpkg-buildpackage", "dh", "dh_python3")
    work = tmp_path_factory.mktemp("deb")
    environment = {**os.environ, "BUILD": str(work / "build"), "DIST": str(work / "dist")}
    command = ["sh", str(ROOT / "packaging/make/deb")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (0, "") == (done.returncode, done.stderr)
    return work


def deb(debs: Path, package: str) -> Path:
    return debs / "dist" / f"{package}_{ipcctl.__version__}_all.deb"


def said(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def members(package: Path) -> dict[str, str]:
    """Paths of a package and, for a link, where it leads."""
    lines = said("dpkg-deb", "--contents", package).splitlines()
    paths = (line.split(maxsplit=5)[5].removeprefix(".") for line in lines)
    return {path: link for path, _, link in (path.partition(" -> ") for path in paths)}


def test_lintian_has_nothing_to_say(debs: Path) -> None:
    need("lintian")
    (changes,) = (debs / "build").glob("*.changes")
    done = subprocess.run(["lintian", "--allow-root", changes], check=False, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stdout)


def test_deb_holds_all_that_the_layout_places(debs: Path) -> None:
    paths = {path.removesuffix(".gz") for path in members(deb(debs, "ipcctl"))}
    assert set() == {f"/{file.target}" for file in layout.placed("debian")} - paths
    assert {"/usr/bin/ipcctl", "/usr/lib/ipcctl/ipcctl/__main__.py", "/usr/share/man/man1/ipcctl.1"} <= paths


def test_what_lies_in_etc_is_a_conffile(debs: Path) -> None:
    found = {path for path in members(deb(debs, "ipcctl")) if path.startswith("/etc/") and not path.endswith("/")}
    control = debs / "control"
    said("dpkg-deb", "--control", deb(debs, "ipcctl"), control)
    conffiles = control / "conffiles"
    assert found == set(conffiles.read_text(encoding="utf-8").split() if conffiles.exists() else ())


def test_bytecode_is_made_at_installation_and_removed_with_the_package(debs: Path) -> None:
    package = deb(debs, "ipcctl")
    assert [] == [path for path in members(package) if path.endswith(".pyc")]
    assert "py3compile -p ipcctl /usr/lib/ipcctl" in said("dpkg-deb", "--info", package, "postinst")
    assert "py3clean -p ipcctl" in said("dpkg-deb", "--info", package, "prerm")


def test_nothing_starts_by_being_installed(debs: Path) -> None:
    """What somebody enabled may get new links."""
    script = said("dpkg-deb", "--info", deb(debs, "ipcctl"), "postinst")
    script = re.sub(r"if deb-systemd-helper --quiet was-enabled .*?\bfi\b", "", script, flags=re.DOTALL)
    assert [] == re.findall(r"deb-systemd-helper enable|deb-systemd-invoke start|_dh_action=start", script)


def test_cron_job_waits_to_be_asked_for(debs: Path) -> None:
    said("dpkg-deb", "--extract", deb(debs, "ipcctl"), debs / "root")
    lines = (debs / "root/etc/cron.d/ipcctl-clean").read_text(encoding="utf-8").splitlines()
    assert ["PATH="] == [line[:5] for line in lines if not line.startswith("#")]
    assert 1 == len([line for line in lines if re.fullmatch(r"#\S+ \* \* \* \* root ipcctl clean .+", line)])


def test_every_unit_that_can_be_enabled_is_forgotten_by_purge_and_stopped_by_removal(debs: Path) -> None:
    package = deb(debs, "ipcctl")
    said("dpkg-deb", "--extract", package, debs / "units")
    folder = debs / "units/usr/lib/systemd/system"
    units = {path.name for path in folder.iterdir() if "[Install]" in path.read_text(encoding="utf-8")}
    assert {"ipcctl-clean.timer", "ipcctl-exporter.service"} <= units
    for script, word in (("postrm", "deb-systemd-helper purge"), ("prerm", "deb-systemd-invoke stop")):
        (named,) = re.findall(rf"{word} ((?:'?ipcctl\S+ )+)", said("dpkg-deb", "--info", package, script))
        assert units == set(named.replace("'", "").split()), script


def test_compat_diverts_exactly_what_it_replaces(debs: Path) -> None:
    package = deb(debs, "ipcctl-compat")
    links = {path: target for path, target in members(package).items() if target}
    names = {Path(path).name for path in links}
    assert {f"/usr/bin/{name}": "ipcctl" for name in names} == links
    for script in ("preinst", "postrm"):
        (diverted,) = re.findall(r"for name in (.+); do", said("dpkg-deb", "--info", package, script))
        assert names == set(diverted.split())
    if importlib.util.find_spec("ipcctl.compat"):
        assert names == set(importlib.import_module("ipcctl.compat").PERSONALITIES)


def test_every_file_for_users_is_placed() -> None:
    """What a rule does not know is an example."""
    placed = {file.source for file in layout.placed("debian")}
    ours = {ROOT / "packaging" / name for name in layout.NOT_INSTALLED}
    for path in (ROOT / "packaging").rglob("*"):
        if path.is_file() and path.parent != ROOT / "packaging" and not ours & set(path.parents):
            assert path in placed, path


def test_rules_know_where_later_files_go(tmp_path: Path) -> None:
    expected = {
        "man/ipcctl-clean.8": "usr/share/man/man8/ipcctl-clean.8",
        "packaging/systemd/ipcctl-clean.timer": "usr/lib/systemd/system/ipcctl-clean.timer",
        "packaging/cron.d/ipcctl-clean": "etc/cron.d/ipcctl-clean",
        "packaging/logrotate.d/ipcctl": "etc/logrotate.d/ipcctl",
        "packaging/example/policy.toml": "etc/ipcctl/policy.toml",
        "packaging/prometheus/alerts.yml": "usr/share/ipcctl/prometheus/alerts.yml",
        "packaging/slurm/epilog.sh": "usr/share/doc/ipcctl/examples/slurm/epilog.sh",
    }
    for name in (*expected, "packaging/dev/tool", "packaging/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {str(file.source.relative_to(tmp_path)): file.target for file in layout.placed("debian", tmp_path)}
    assert expected == found


def test_launcher_runs_the_bundle_whatever_lies_in_the_callers_way(tmp_path: Path) -> None:
    launcher = (ROOT / "packaging/make/ipcctl").read_text(encoding="utf-8")
    assert launcher.startswith("#!/usr/bin/python3 -IS\n")
    bundle.gather(tmp_path / "bundle")
    (tmp_path / "ipcctl").write_text(launcher.replace('"/usr/lib/ipcctl"', repr(str(tmp_path / "bundle"))))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "typer.py").write_text("raise SystemExit('somebody else')\n")
    command = [sys.executable, "-IS", str(tmp_path / "ipcctl"), "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=theirs, env={"PYTHONPATH": "."})
    assert f"ipcctl {ipcctl.__version__}\n" == done.stdout


def test_spec_can_be_parsed_and_has_the_version() -> None:
    need("rpmspec")
    spec = ROOT / "packaging/rpm/ipcctl.spec"
    done = subprocess.run(["rpmspec", "--parse", spec], check=False, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"Version:        {ipcctl.__version__}" in done.stdout.splitlines()
    assert "BuildArch:      noarch" in done.stdout.splitlines()


def test_rpm_keeps_what_the_administrator_changed() -> None:
    listed = layout.rpm_files(["etc/ipcctl/policy.toml", "usr/bin/ipcctl", "usr/share/man/man1/ipcctl.1"]).splitlines()
    assert "%config(noreplace) /etc/ipcctl/policy.toml" in listed
    assert "%dir /etc/ipcctl" in listed
    assert "/usr/share/man/man1/ipcctl.1*" in listed
