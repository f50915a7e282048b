"""Write ipcctl as one file that any Python from 3.11 on runs: `python3 ipcctl.pyz ls`.

Nothing is unpacked, at no time: the bundle is Python source only. The bytecode of the Python that builds lies beside
the source; another version of Python compiles the source at each start, which works and takes longer. The file
depends only on what goes into it: times are fixed, names are sorted.
"""

import importlib.util
import marshal
import sys
import tempfile
import zipfile
from pathlib import Path

import bundle

START = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("ipcctl: needs Python 3.11 or later; {} is {}.{}".format(sys.executable, *sys.version_info[:2]))

from ipcctl.__main__ import main

sys.exit(main())
"""
"""Old Pythons must be able to compile this, to say that they are too old."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def write(target: Path, interpreter: str = "/usr/bin/env python3") -> None:
    """Write the file *target*, executable."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "bundle")
        bundle.gather(tree, tree / "licenses")
        Path(tree, "__main__.py").write_text(START, encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            file.write(f"#!{interpreter}\n".encode())
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
                for path in sorted(tree.rglob("*")):
                    if path.is_file():
                        _add(archive, path.relative_to(tree).as_posix(), path.read_bytes())
    target.chmod(0o755)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_member(name), content)
    if name.endswith(".py") and name != "__main__.py":
        code = compile(content, f"ipcctl.pyz/{name}", "exec", dont_inherit=True)
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(content)
        archive.writestr(_member(name + "c"), head + marshal.dumps(code))


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def main() -> int:
    """Write the file that the command line names."""
    if len(sys.argv) != 2:  # noqa: PLR2004  one file
        print(f"usage: {sys.argv[0]} FILE.pyz", file=sys.stderr)
        return 2
    write(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
