"""What is built once and looked at by several tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import pyz

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zipapp, built from this checkout; where every user may read it."""
    target = tmp_path_factory.mktemp("zipapp") / "ipcctl.pyz"
    pyz.write(target, sys.executable)
    return target


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    target = tmp_path_factory.mktemp("wheel")
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(target), str(ROOT)]
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True)
    (made,) = target.glob("*.whl")
    return made
