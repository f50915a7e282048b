"""What the manual pages say, read from their mdoc source (mdoc(7))."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = tuple(sorted((ROOT / "man").glob("*.[1-9]")))
_MACRO = re.compile(r"[A-Z][a-z]")
_OPTION = re.compile(r"-?[A-Za-z][\w.-]*(?<!\.)")


class Section(NamedTuple):
    """A section (Sh) or subsection (Ss) of a page."""

    title: str
    lines: tuple[str, ...]
    """Up to the next heading of the same or a higher level."""

    def items(self) -> set[str]:
        """Options that have an item of their own."""
        return {option for line in self.lines if line.startswith(".It ") for option in options(line)}

    def references(self) -> set[str]:
        """Titles of sections that it refers to."""
        return {title for line in self.lines for title in re.findall(r"^\.Sx (\w+)", line)}


def sections(page: Path) -> list[Section]:
    """Every section and subsection; a section's lines include its subsections."""
    lines = page.read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith((".Sh ", ".Ss "))]
    found = []
    for number in heads:
        enders = (".Sh ",) if lines[number].startswith(".Sh ") else (".Sh ", ".Ss ")
        ends = [later for later in heads if later > number and lines[later].startswith(enders)]
        found.append(Section(lines[number][4:], tuple(lines[number + 1 : ends[0] if ends else None])))
    return found


def options(line: str) -> set[str]:
    """Options on one line: the words after the macro Fl, up to the next macro."""
    found, after_flag = set(), False
    for word in line.lstrip(".").replace("\\-", "-").split():
        if _MACRO.fullmatch(word):
            after_flag = word == "Fl"
        elif after_flag and _OPTION.fullmatch(word):
            found.add(f"-{word}")
    return found


def page_options(page: Path) -> set[str]:
    """Every option that the page mentions."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return {
        option for line in lines if line.startswith(".") and not line.startswith('.\\"') for option in options(line)
    }


def words(page: Path) -> set[str]:
    """Every word after the macros that mark literal text."""
    found: set[str] = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r"\.(It |Pq )?(Cm|Li|Va) ", line):
            found.update(re.findall(r"[\w-]+", line))
    return found
