"""Blocks of a manual page that are written from the code, between two comments."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def keep(page: Path, what: str, block: str) -> int:
    """Put *block* between the comments that name *what*; with --check only say where it differs and return 1.

    Raises ValueError where the comments are missing.
    """
    begin, end = f'.\\" {what}: begin, written by `make man`\n', f'.\\" {what}: end\n'
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    wanted = before + begin + block + end + after
    if text == wanted:
        return 0
    if "--check" in sys.argv:
        changes = difflib.unified_diff(
            text.splitlines(), wanted.splitlines(), "as it is", "`make man`", lineterm="", n=0
        )
        print(*changes, sep="\n")
        return 1
    page.write_text(wanted, encoding="utf-8")
    print(f"{page.name}: {what} rewritten")
    return 0
