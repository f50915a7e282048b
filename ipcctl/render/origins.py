"""Keys beside what makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.model.names import escape
from ipcctl.render.columns import Column, View
from ipcctl.render.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.origin import Origin

_KEY = Column("key", "the key", "key", lambda origins, _: [origin.key for origin in origins])
_PROJ = Column("proj", "project id", "number", lambda origins, _: [origin.proj for origin in origins])
_CHARACTER = Column("char", "as a character", "text", lambda origins, _: [_character(origin) for origin in origins])
_PATH = Column("path", "the file", "phrase", lambda origins, _: [escape(origin.path) for origin in origins])


def origin_listing(origins: Sequence[Origin], view: View) -> Listing:
    """One line per file for people and pipes."""
    return Listing("", (_PROJ, _CHARACTER, _PATH), origins, view)


def origin_records(origins: Sequence[Origin], view: View) -> Listing:
    """``key path proj`` of each."""
    return Listing("keys", (_KEY, _PATH, _PROJ), origins, view)


def origin_text(origin: Origin) -> str:
    """``/srv/app proj 65 (A)``."""
    character = _character(origin)
    return f"{escape(origin.path)} proj {origin.proj}" + (f" ({character})" if character else "")


def _character(origin: Origin) -> str | None:
    """The project id as it may stand in a source text; None for what is no printable ASCII."""
    character = chr(origin.proj)
    return character if character.isascii() and character.isprintable() and character != " " else None
