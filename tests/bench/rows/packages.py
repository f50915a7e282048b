"""What the packages weigh, and how long they take to start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import BenchError, Sample, ipcctl

ROOT = Path(__file__).parents[3]
BARE = [sys.executable, "-I", "-S"]
"""As on a host where nothing was installed for Python."""
MORE_RUNS = 3


@row("deb-size", "size of the .deb", at_most(1000, "KB"))
def deb_size(bench: Bench) -> Outcome:
    del bench
    with tempfile.TemporaryDirectory() as scratch:
        places = {"BUILD": f"{scratch}/build", "DIST": f"{scratch}/dist"}
        _made(["sh", str(ROOT / "packaging/make/deb")], places)
        (package,) = Path(scratch, "dist").glob("ipcctl_*.deb")
        (compat,) = Path(scratch, "dist").glob("ipcctl-compat_*.deb")
        note = f"ipcctl-compat {compat.stat().st_size / 1000:.0f} KB"
        return Outcome(package.stat().st_size / 1000, Sample(0), note=note)


@row("start-zipapp", "cold `ipcctl.pyz ls`, nothing to list, against the installed `ipcctl ls`", at_most(2, "x"))
def start_zipapp(bench: Bench) -> Outcome:
    with tempfile.TemporaryDirectory() as scratch:
        return _against_installed(bench, _zipapp(scratch))


@row("start-other-zipapp", "the same, by a Python that the zipapp holds no bytecode for", at_most(10, "x"))
def start_other_zipapp(bench: Bench) -> Outcome:
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch, "other.pyz")
        with zipfile.ZipFile(_zipapp(scratch)) as ours, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as written:
            for name in ours.namelist():
                if not name.endswith(".pyc"):
                    written.writestr(name, ours.read(name))
        return _against_installed(bench, other)


def _zipapp(scratch: str) -> Path:
    target = Path(scratch, "ipcctl.pyz")
    _made([sys.executable, str(ROOT / "packaging/make/pyz.py"), str(target)], {})
    return target


def _against_installed(bench: Bench, zipapp: Path) -> Outcome:
    often = bench._replace(runs=bench.runs * MORE_RUNS)
    found = often.against([*BARE, str(zipapp), "ls"], ipcctl("ls"))
    return found._replace(note=f"the zipapp has {zipapp.stat().st_size / 1e6:.1f} MB")


def _made(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stderr}")
