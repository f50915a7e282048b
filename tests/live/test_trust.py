"""Root takes no orders from what others can write, and leaves no secrets there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipcctl.errors import Refused
from ipcctl.kernel.trust import open_trusted
from tests.live import actors


def opened(path: Path) -> None:
    os.close(open_trusted(str(path), "save directory"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    it = tmp_path / "mine" / "saved"
    it.mkdir(mode=0o755, parents=True)
    return it


def test_what_only_root_can_write_is_trusted(directory: Path) -> None:
    opened(directory)
    (directory / "policy.toml").touch(0o644)
    opened(directory / "policy.toml")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_what_others_can_write_is_refused_with_the_remedy(directory: Path, mode: int) -> None:
    directory.chmod(mode)
    with pytest.raises(Refused, match=f"save directory not trusted: others can write {directory}") as caught:
        opened(directory)
    assert f"chmod go-w {directory}" in str(caught.value.hint)


def test_directory_on_the_way_counts_too_unless_it_is_sticky(directory: Path) -> None:
    directory.parent.chmod(0o1777)
    opened(directory)
    directory.parent.chmod(0o777)
    with pytest.raises(Refused, match=f"others can write {directory.parent}"):
        opened(directory)


def test_link_is_judged_by_where_it_leads(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(directory)
    directory.parent.chmod(0o777)
    with pytest.raises(Refused, match=f"others can write {directory.parent}"):
        opened(tmp_path / "link")


def test_what_belongs_to_somebody_else_is_refused(directory: Path, strangers: tuple[int, int]) -> None:
    os.chown(directory, strangers[0], -1)
    with pytest.raises(Refused, match=f"{directory} belongs to uid {strangers[0]}"):
        opened(directory)


def test_ordinary_user_may_use_what_he_likes(strangers: tuple[int, int]) -> None:
    actors.as_user(strangers[0], lambda: opened(Path("/tmp")))
