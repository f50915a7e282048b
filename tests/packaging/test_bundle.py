"""What is bundled is enough, and no more than Python source."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import bundle
import pytest

ROOT = Path(__file__).parents[2]

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import ipcctl
for module in pkgutil.walk_packages(ipcctl.__path__, "ipcctl."):
    if not module.name.startswith(("ipcctl.__main__", "ipcctl.pytest_plugin")):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


def canonical(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def required(names: list[str]) -> set[str]:
    """The distributions and, without extras, all that they require here."""
    found: set[str] = set()
    waiting = [canonical(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needs = importlib.metadata.requires(name) or []
            waiting += [canonical(need) for need in needs if "extra ==" not in need and "platform_system" not in need]
    return found


def imported() -> set[str]:
    """Top-level names that some module of ipcctl imports, wherever it does."""
    names: set[str] = set()
    for path in (ROOT / "ipcctl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - {"ipcctl"} - set(sys.stdlib_module_names)


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("gathered")
    bundle.gather(target / "bundle", target / "licenses")
    return target


def test_every_requirement_is_bundled_or_left_out_for_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {canonical(name) for name in (*bundle.BUNDLED, *bundle.LEFT_OUT)}
    assert known == required(project["dependencies"])


def test_what_ipcctl_imports_is_bundled_or_optional() -> None:
    bundled = {name.replace("-", "_") for name in bundle.BUNDLED}
    assert set() == imported() - bundled - set(bundle.OPTIONAL)


def test_every_module_can_be_imported_from_the_bundle_alone(gathered: Path) -> None:
    command = [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", IMPORT_ALL, str(gathered / "bundle")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    there = {path.name for path in (gathered / "bundle").iterdir()}
    assert {"ipcctl", "typer"} <= set(done.stdout.split()) - {"__main__"} <= there


def test_bundle_is_python_source_and_nobody_runs_it_by_path(gathered: Path) -> None:
    files = [path for path in (gathered / "bundle").rglob("*") if path.is_file()]
    ours = gathered / "bundle" / "ipcctl"
    assert set() == {path.suffix for path in files if ours not in path.parents} - {".py"}
    assert [] == [path for path in files if path.read_bytes().startswith(b"#!")]


def test_licenses_of_all_that_others_wrote_come_along(gathered: Path) -> None:
    licensed = {path.name.rpartition("-")[0] for path in (gathered / "licenses").iterdir()}
    assert set(bundle.BUNDLED) <= licensed
    text = (ROOT / "packaging/debian/copyright").read_text(encoding="utf-8")
    told = set(re.findall(r"^Files: bundle/(\w+)/\*$", text, re.MULTILINE))
    assert {name.replace("-", "_") for name in bundle.BUNDLED} == told


def test_what_the_tests_make_objects_with_is_no_requirement() -> None:
    assert set() == imported() & {"posix_ipc", "psutil", "sysv_ipc"}


def test_compiled_code_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle, "BUNDLED", ("sysv_ipc",))
    with pytest.raises(bundle.NotPortable, match=r"sysv_ipc holds compiled code: sysv_ipc\..*so"):
        bundle.gather(tmp_path / "bundle")
