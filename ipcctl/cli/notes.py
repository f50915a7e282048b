"""What is said on stderr. Loads nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.snapshot import Gap


def note(text: str) -> None:
    """A line on stderr, after what stdout has got so far: in a log of both the order is right."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


def note_gaps(gaps: Sequence[Gap]) -> None:
    """What could not be seen, on stderr."""
    for gap in gaps:
        note(f"ipcctl: {gap.what}: {gap.why}" if not gap.why.startswith(f"{gap.what}:") else f"ipcctl: {gap.why}")
