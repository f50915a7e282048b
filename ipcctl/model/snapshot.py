"""What was seen at one moment, and what could not be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.objects import IpcObject


class Gap(NamedTuple):
    """Something that could not be read. ``broken`` = the kernel's text made no sense, which is a failure."""

    what: str  # a kind, a reference or a field
    why: str  # the reason, and what would help
    broken: bool = False


class Snapshot(NamedTuple):
    """The objects of one IPC namespace, by kind in kernel order, and the gaps in the view."""

    objects: dict[str, list[IpcObject]]  # every kind asked for is a key, even when empty
    gaps: tuple[Gap, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether some kernel text could not be understood."""
        return any(gap.broken for gap in self.gaps)
