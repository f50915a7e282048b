"""The files for node_exporter: one scrape, and what a cleanup did."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from ipcctl.exporter.catalogue import CLEAN, CLEAN_RESULTS, METRICS
from ipcctl.model.kinds import KINDS
from tests.live import actors, cli, namespace
from tests.live.served import values_of

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
[defaults]
min_idle = 0
protect = []
{limit}
[[rule]]
name = "all"
kinds = ["shm", "msg"]
users = {uid}
action = "remove"
"""


def test_a_textfile_is_written_or_the_reason_why_not(tmp_path: Path) -> None:
    path = tmp_path / "ipcctl.prom"
    assert (0, "", "") == cli.run("metrics", "--textfile", path)
    assert 'ipcctl_objects{kind="shm"}' in values_of(path.read_text())
    missing = cli.run("metrics", "--textfile", tmp_path / "none" / "ipcctl.prom")
    assert (1, "") == (missing.code, missing.out)
    assert "none does not exist" in missing.err


def test_a_textfile_in_a_read_only_or_full_directory_leaves_the_old_one(tmp_path: Path) -> None:
    namespace.mount("tmpfs", tmp_path, "tmpfs", 0, "size=4k")
    try:
        path = tmp_path / "ipcctl.prom"
        path.write_text("old 1\n")
        full = cli.run("metrics", "--textfile", path)
        namespace.mount("tmpfs", tmp_path, None, 0x20 | 1)  # MS_REMOUNT | MS_RDONLY
        closed = cli.run("metrics", "--textfile", path)
        assert "old 1\n" == path.read_text()
        assert ["ipcctl.prom"] == os.listdir(tmp_path)
    finally:
        namespace.umount(tmp_path)
    assert (1, True) == (full.code, "No space left on device" in full.err), full.err
    assert (1, True) == (closed.code, "Read-only file system" in closed.err), closed.err


def clean(directory: Path, limit: str = "") -> tuple[int, dict[str, float]]:
    """The exit status of a cleanup, and its metrics."""
    policy, path = directory / "policy.toml", directory / "clean.prom"
    policy.write_text(POLICY.format(uid=os.getuid(), limit=limit))
    policy.chmod(0o600)
    code = cli.run("clean", "--policy", policy, "--textfile", path).code
    return code, values_of(path.read_text())


def test_a_cleanup_leaves_its_metrics_as_the_catalogue_has_them(tmp_path: Path) -> None:
    for size in (5000, 3000):
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=size).detach()
    sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).send(b"12345")
    held = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096)
    before = time.time()
    with actors.attached(held.id):
        held.detach()
        code, found = clean(tmp_path)
    assert (0, 1) == (code, found["ipcctl_clean_last_success"])
    assert before <= found["ipcctl_clean_last_run_timestamp_seconds"] <= time.time()
    assert 0 <= found["ipcctl_clean_last_duration_seconds"] <= time.time() - before
    expected = {("shm", "removed"): (2, 8000), ("msg", "removed"): (1, 5), ("shm", "kept"): (1, 4096)}
    for kind in KINDS:
        for result in CLEAN_RESULTS:
            labels = f'{{kind="{kind}",result="{result}"}}'
            told = found[f"ipcctl_clean_last_objects{labels}"], found[f"ipcctl_clean_last_bytes{labels}"]
            assert expected.get((kind, result), (0, 0)) == told, labels
    names = {metric.full_name for metric in METRICS.values() if metric.collector == CLEAN}
    assert names == {name.partition("{")[0] for name in found}


def test_a_cleanup_that_a_limit_stops_says_so_in_its_metrics(tmp_path: Path) -> None:
    for _ in range(3):
        sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    code, found = clean(tmp_path, "max_objects = 2")
    assert (1, 0) == (code, found["ipcctl_clean_last_success"])
    told = {result: found[f'ipcctl_clean_last_objects{{kind="msg",result="{result}"}}'] for result in CLEAN_RESULTS}
    assert dict.fromkeys(CLEAN_RESULTS, 0) | {"would remove": 3} == told


def test_a_cleanup_whose_policy_is_broken_says_so_in_its_metrics(tmp_path: Path) -> None:
    code, found = clean(tmp_path, "max_object = 2")
    assert (2, 0) == (code, found["ipcctl_clean_last_success"])


def test_promtool_has_nothing_to_say_of_a_cleanup(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    clean(tmp_path)
    with (tmp_path / "clean.prom").open() as file:
        done = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, text=True, check=False)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
