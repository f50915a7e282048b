"""The textfile is there whole or not at all."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from prometheus_client.core import GaugeMetricFamily

from ipcctl.errors import Unwritable, UsageError
from ipcctl.exporter.textfile import write_textfile

if TYPE_CHECKING:
    from pathlib import Path


def test_file_is_replaced_readable_for_everybody_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "ipcctl.prom"
    path.write_text("old\n")
    path.chmod(0o600)
    write_textfile(str(path), b"new 1\n")
    assert b"new 1\n" == path.read_bytes()
    assert 0o644 == stat.S_IMODE(path.stat().st_mode)
    assert ["ipcctl.prom"] == os.listdir(tmp_path)


def test_reader_of_the_old_file_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ipcctl.prom"
    path.write_bytes(b"old 1\n")
    with path.open("rb") as reader:
        write_textfile(str(path), b"new 1\n")
        assert b"old 1\n" == reader.read()


def test_families_are_written_as_text(tmp_path: Path) -> None:
    path = tmp_path / "clean.prom"
    family = GaugeMetricFamily("ipcctl_clean_removed_objects", "Objects removed.", labels=["kind"])
    family.add_metric(["shm"], 3)
    write_textfile(str(path), [family])
    assert [
        "# HELP ipcctl_clean_removed_objects Objects removed.",
        "# TYPE ipcctl_clean_removed_objects gauge",
        'ipcctl_clean_removed_objects{kind="shm"} 3.0',
    ] == path.read_text().splitlines()


def test_relative_path_is_written_in_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_textfile("here.prom", b"x 1\n")
    assert b"x 1\n" == (tmp_path / "here.prom").read_bytes()


def test_symlink_is_replaced_and_what_it_points_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "x.prom").symlink_to("precious")
    write_textfile(str(tmp_path / "x.prom"), b"x 1\n")
    assert "precious" == (tmp_path / "precious").read_text()
    assert not (tmp_path / "x.prom").is_symlink()


@pytest.mark.parametrize("name", ["metrics.txt", "metrics", ".prom", "metrics.prom.tmp", ""])
def test_name_that_node_exporter_does_not_read_is_wrong_usage(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.prom") as error:
        write_textfile(f"{tmp_path}/{name}", b"x 1\n")
    assert 2 == error.value.exit_code
    assert [] == os.listdir(tmp_path)


def test_missing_directory_and_a_directory_in_place_of_the_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match=r"none does not exist"):
        write_textfile(str(tmp_path / "none" / "x.prom"), b"")
    (tmp_path / "d.prom").mkdir()
    with pytest.raises(Unwritable, match=r"d\.prom: it is a directory"):
        write_textfile(str(tmp_path / "d.prom"), b"")
    (tmp_path / "file").touch()
    with pytest.raises(Unwritable, match=r"file is no directory"):
        write_textfile(str(tmp_path / "file" / "x.prom"), b"")


def test_directory_that_cannot_be_written_is_named() -> None:
    with pytest.raises(Unwritable, match=r"cannot write /proc/sys/x\.prom: "):
        write_textfile("/proc/sys/x.prom", b"x 1\n")
