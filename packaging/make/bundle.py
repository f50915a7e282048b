"""Gather ipcctl and what it imports in one directory: what /usr/lib/ipcctl and the zipapp consist of.

The packages are copied from the environment that runs this, so they have the versions of constraints.txt. All of
it is Python source: one bundle serves every architecture and every Python from 3.11 on.
"""

import importlib.metadata
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

BUNDLED = ("annotated-doc", "prometheus_client", "rich", "shellingham", "typer")
"""Distributions that ipcctl imports, or that these import."""

LEFT_OUT = {
    "markdown-it-py": "rich renders Markdown with it; ipcctl has none",
    "mdurl": "belongs to markdown-it-py",
    "Pygments": "rich colours source code with it; ipcctl shows none, and it is larger than all the rest",
}
"""Requirements that nothing in ipcctl imports, and why they are not missed."""

OPTIONAL = {
    "bcrypt": "the exporter checks passwords with it",
    "pytest": "it is what loads the plugin",
    "yaml": "the exporter reads its web configuration with it",
}
"""Modules that ipcctl does without until somebody asks for what needs them; they are taken from the system then."""

_LICENSE = re.compile(r"(LICEN[CS]E|NOTICE|COPYING)[^/]*$", re.IGNORECASE)
_SCRIPT = re.compile(rb"\A#!.*\n")  # modules, not scripts: nobody runs them by their path
_COMPILED = re.compile(r"\.(so|pyd|dll|dylib)$")


class NotPortable(Exception):
    """A distribution holds compiled code, or was not installed from files that it lists."""


def gather(target: Path, licenses: Path | None = None) -> None:
    """Fill *target*, which must not exist, and put the licenses of what others wrote into *licenses*.

    Raises NotPortable where a distribution is more than Python source.
    """
    target.mkdir(parents=True)
    shutil.copytree(ROOT / "ipcctl", target / "ipcctl", ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"))
    for name in BUNDLED:
        _copy_modules(name, target)
        if licenses is not None:
            _copy_licenses(name, licenses)


def _files(name: str) -> list[importlib.metadata.PackagePath]:
    files = importlib.metadata.files(name)
    if not files:
        message = f"{name} does not list its files"
        raise NotPortable(message)
    return files


def _copy_modules(name: str, target: Path) -> None:
    for file in _files(name):
        if _COMPILED.search(file.name):
            message = f"{name} holds compiled code: {file}"
            raise NotPortable(message)
        if file.suffix == ".py" and file.parts[0] != "..":
            copied = target / file
            _copy(file, copied)
            copied.write_bytes(_SCRIPT.sub(b"", copied.read_bytes()))


def _copy_licenses(name: str, target: Path) -> None:
    for file in _files(name):
        if _LICENSE.search(file.name) and file.suffix not in (".py", ".pyc"):
            inner = () if ".dist-info" in file.parts[0] else file.parts[1:-1]
            _copy(file, target / "-".join((name, *inner, file.name)))


def _copy(file: importlib.metadata.PackagePath, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(file.locate()), target)


def main() -> int:
    """Gather into the directory that the command line names, with the licenses in another."""
    if len(sys.argv) != 3:  # noqa: PLR2004  two directories
        print(f"usage: {sys.argv[0]} DIRECTORY LICENSES", file=sys.stderr)
        return 2
    gather(Path(sys.argv[1]), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
