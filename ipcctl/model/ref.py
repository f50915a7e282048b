"""A reference: the words by which a person names one object."""

from __future__ import annotations

from typing import NamedTuple

from ipcctl.model.kinds import KINDS
from ipcctl.model.names import escape


class Ref(NamedTuple):
    """``shm:65538`` (id), ``shm:0x5432abcd`` (key) or ``pmsg:/name``; exactly one of the three is not None."""

    kind: str
    id: int | None = None
    key: int | None = None  # 32 bits, unsigned, never 0
    name: str | None = None  # with its leading slash

    def __str__(self) -> str:
        """The text that parses back to this reference."""
        if self.name is not None:
            return f"{self.kind}:{escape(self.name)}"
        return f"{self.kind}:{self.id}" if self.key is None else f"{self.kind}:0x{self.key:08x}"

    @property
    def posix(self) -> bool:
        """Whether it names a POSIX object."""
        return KINDS[self.kind].posix
