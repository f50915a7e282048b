"""The contracts of the house hold, and each of them fails when it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.manual import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = "The house: a package imports only what lies below it"
PURE = "Facts, parsers and decisions touch neither the OS nor a screen"


def kept(checkout: Path) -> dict[str, bool]:
    """Each contract, and whether import-linter finds it kept in *checkout*."""
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-logo", "--no-cache"],
        cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return {name: f"{name} KEPT" in lines for name in (LAYERS, PURE) if any(line.startswith(name) for line in lines)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package and of the contracts, to be broken."""
    shutil.copytree(ROOT / "ipcctl", tmp_path / "ipcctl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_both_contracts_are_checked_and_kept(checkout: Path) -> None:
    assert {LAYERS: True, PURE: True} == kept(checkout)


@pytest.mark.parametrize(
    ("module", "imports", "broken"),
    [
        ("model/kinds.py", "import ipcctl.policy.plan", LAYERS),
        ("parse/table.py", "import ipcctl.policy.plan", LAYERS),  # neighbours
        ("kernel/files.py", "import ipcctl.render.plain", LAYERS),  # neighbours
        ("render/plain.py", "import ipcctl.act.remove", LAYERS),
        ("errors.py", "import ipcctl.model.kinds", LAYERS),
        ("somewhere/__init__.py", "", LAYERS),  # a package without a place
        ("model/kinds.py", "import os", PURE),
        ("parse/table.py", "from pathlib import Path", PURE),
        ("policy/plan.py", "import ctypes", PURE),
        ("policy/plan.py", "def later():\n    import subprocess", PURE),
        ("errors.py", "import os", PURE),  # at one remove: model imports errors
    ],
)
def test_contract_fails_when_it_is_broken(checkout: Path, module: str, imports: str, broken: str) -> None:
    path = checkout / "ipcctl" / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{imports}\n")
    assert not kept(checkout)[broken]
