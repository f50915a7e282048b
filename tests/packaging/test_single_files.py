"""The zipapp runs on a bare Python; the wheel holds what belongs into it, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import pyz
import sysv_ipc

import ipcctl
from tests.live import cli

ROOT = Path(__file__).parents[2]
BARE = [sys.executable, "-I", "-S"]
"""As on a host where nothing was installed for Python."""


@pytest.mark.live
def test_zipapp_lists_and_removes_on_a_bare_python(zipapp: Path) -> None:
    sysv_ipc.SharedMemory(0x41021ACE, sysv_ipc.IPC_CREX, mode=0o600, size=4096).detach()
    listing = cli.run_program([*BARE, str(zipapp), "ls", "shm", "--format", "csv", "-o", "key,size"])
    assert (0, "key,size\n0x41021ace,4096\n", "") == listing
    on_terminal = cli.run_program([*BARE, str(zipapp), "ls"], tty=True)
    assert 0 == on_terminal.code
    assert "System V shared memory (1)" in on_terminal.out
    assert 0 == cli.run_program([*BARE, str(zipapp), "rm", "shm:0x41021ace", "--yes"]).code
    assert "" == cli.run_program([*BARE, str(zipapp), "ls", "--format", "jsonl"]).out


def test_zipapp_can_be_run_by_its_name(zipapp: Path) -> None:
    assert f"ipcctl {ipcctl.__version__}\n" == cli.run_program([str(zipapp), "--version"]).out


def test_zipapp_unpacks_nothing(zipapp: Path, tmp_path: Path) -> None:
    before = zipapp.read_bytes()
    done = cli.run_program([str(zipapp), "ls"], env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path)})
    assert (0, []) == (done.code, list(tmp_path.iterdir()))
    assert before == zipapp.read_bytes()
    assert [zipapp] == list(zipapp.parent.iterdir())


def test_zipapp_depends_only_on_what_goes_into_it(zipapp: Path, tmp_path: Path) -> None:
    pyz.write(tmp_path / "again.pyz", sys.executable)
    assert zipapp.read_bytes() == (tmp_path / "again.pyz").read_bytes()


def test_zipapp_works_without_the_bytecode_of_this_python(zipapp: Path, tmp_path: Path) -> None:
    """Another version of Python compiles the source."""
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(zipapp) as archive, zipfile.ZipFile(other, "w") as rewritten:
        for name in archive.namelist():
            content = archive.read(name)
            rewritten.writestr(name, b"\0\0\r\n" + content[4:] if name.endswith(".pyc") else content)
    assert f"ipcctl {ipcctl.__version__}\n" == cli.run_program([*BARE, str(other), "--version"]).out


def test_zipapp_says_on_an_old_python_that_it_is_too_old() -> None:
    ast.parse(pyz.START, feature_version=(3, 4))
    message = pyz.START.replace("(3, 11)", "(99, 0)", 1)
    done = subprocess.run([sys.executable, "-c", message], check=False, capture_output=True, text=True)
    assert 1 == done.returncode
    assert done.stderr.startswith("ipcctl: needs Python 3.11 or later; ")


def test_zipapp_holds_the_licenses_of_what_others_wrote(zipapp: Path) -> None:
    names = zipfile.ZipFile(zipapp).namelist()
    assert {"licenses/rich-LICENSE", "licenses/typer-LICENSE", "licenses/prometheus_client-NOTICE"} <= set(names)


def test_wheel_holds_the_package_the_manual_and_the_completions(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"ipcctl-{ipcctl.__version__}.dist-info"
    share = f"ipcctl-{ipcctl.__version__}.data/data/share"
    sources = [path for path in (ROOT / "ipcctl").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    package = {str(path.relative_to(ROOT)) for path in sources}
    manual = {f"{share}/man/man{page.suffix[1:]}/{page.name}" for page in (ROOT / "man").glob("*.[1-9]")}
    completions = {
        f"{share}/bash-completion/completions/ipcctl",
        f"{share}/zsh/site-functions/_ipcctl",
        f"{share}/fish/vendor_completions.d/ipcctl.fish",
    }
    metadata = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert package | manual | completions | metadata == names
