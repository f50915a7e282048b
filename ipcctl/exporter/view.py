"""What the collectors of one scrape read: every kernel file once, when the first of them asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.exporter.catalogue import OPTIONAL
from ipcctl.kernel.sysvipc import read_table
from ipcctl.model.kinds import KINDS, MSG, SEM, SHM
from ipcctl.parse.sysvipc import parse_msg, parse_sem, parse_shm
from ipcctl.parse.table import parse_columns

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.snapshot import Gap
    from ipcctl.parse.table import Column

Sample = tuple[str, tuple[str, ...], float]  # metric of the catalogue, label values, value


class Choice(NamedTuple):
    """Which collectors run, and how far the bounded ones go."""

    collectors: tuple[str, ...]
    users: int = 0  # how many owners
    objects: re.Pattern[str] | None = None  # which names, whole


class View:
    """One moment of one host, shared by the collectors of a scrape."""

    def __init__(self, host: Host, choice: Choice) -> None:
        """Read nothing yet."""
        self.host = host
        self.choice = choice
        self.now = time.time()
        self.gaps: dict[str, list[Gap]] = {kind: [] for kind in KINDS}
        self.dropped: dict[str, int] = {}  # series left out, by collector
        self._texts: dict[str, tuple[str, str]] = {}
        self._objects: dict[str, list[IpcObject]] = {}

    def columns(self, kind: str, fields: Iterable[str]) -> tuple[int, list[Column]]:
        """Number and columns of a System V kind. Raises SysvMissing, ParseError, OSError."""
        text, path = self._text(kind)
        return parse_columns(text, fields, path)

    def objects(self, kind: str) -> Sequence[IpcObject]:
        """The objects of *kind*, rows and all. Raises IpcctlError, OSError; each time anew."""
        if kind not in self._objects:
            parse = _PARSERS.get(kind)
            found = self.host.read(kind, self.gaps[kind]) if parse is None else [*parse(*self._text(kind))]
            self._objects[kind] = found
        return self._objects[kind]

    def _text(self, kind: str) -> tuple[str, str]:
        known = self._texts.get(kind)
        if known is None:
            known = read_table(self.host.roots.proc, kind)
            if any(name in OPTIONAL for name in self.choice.collectors):  # else nobody asks twice: let go of it
                self._texts[kind] = known
        return known


_PARSERS: dict[str, Callable[[str, str], Sequence[IpcObject]]] = {SHM: parse_shm, SEM: parse_sem, MSG: parse_msg}
