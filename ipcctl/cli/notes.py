"""What is said on stderr. Loads nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.snapshot import Gap

_NARROW = 40  # no terminal is narrower


def note(text: str) -> None:
    """A line on stderr, after what stdout has got so far: in a log of both the order is right."""
    sys.stdout.flush()
    sys.stderr.write(folded(text, sys.stderr) + "\n")


def folded(text: str, stream: TextIO) -> str:
    """*text* with its lines broken between words where *stream* is a terminal that is too narrow for them."""
    if len(text) < _NARROW or not stream.isatty():
        return text
    import shutil
    from textwrap import TextWrapper

    width = shutil.get_terminal_size().columns
    wrapper = TextWrapper(width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(line) if len(line) > width else line for line in text.split("\n"))


def note_gaps(gaps: Sequence[Gap]) -> None:
    """What could not be seen, on stderr."""
    for gap in gaps:
        note(f"ipcctl: {gap.what}: {gap.why}" if not gap.why.startswith(f"{gap.what}:") else f"ipcctl: {gap.why}")
