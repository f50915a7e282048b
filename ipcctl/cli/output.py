"""Where output goes: data to stdout in the chosen format, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from ipcctl.cli import notes
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS
from ipcctl.model.snapshot import Gap
from ipcctl.render.columns import (
    BESIDE_EVIDENCE,
    OBJECTS,
    Column,
    Registry,
    View,
    check_columns,
    named_columns,
    ordered,
    record_columns,
)
from ipcctl.render.listing import Listing

FORMATS = ("table", "plain", "json", "jsonl", "csv")
note, note_gaps = notes.note, notes.note_gaps  # most commands speak of both
_RECORDS = frozenset({"json", "jsonl", "csv"})


class Output(NamedTuple):
    """How a person wants to see it."""

    format: str
    columns: str | None  # as typed: "a,b" instead of, "+a,b" beside the usual ones
    sort: str | None  # "-size" = descending
    headings: bool
    exact_bytes: bool
    numeric: bool
    more: tuple[Column, ...] = ()  # beside whatever is chosen: what a flag of the command asks for
    registry: Registry = OBJECTS  # the columns there are

    def view(self, host: Host, now: float) -> View:
        """What columns may know; no account is looked up with ``--numeric``."""
        if self.numeric:
            return View(_NoNames(), _NoNames(), now)
        return View(host.accounts.users, host.accounts.groups, now)

    def check(self, kinds: Sequence[str]) -> None:
        """Raise UsageError for a column that none of *kinds* has."""
        sort = [self._sort_column()] if self.sort is not None else []
        check_columns([*self._asked(), *sort], kinds, self.registry)
        if self.columns is not None and not self._asked():
            message = f"no column in -o {self.columns!r}"
            raise UsageError(message, hint="separate names by commas: -o ref,user,size or -o +cpid")

    def listings(self, objects: Mapping[str, Sequence[Any]], view: View) -> list[Listing]:
        """One listing per kind, sorted, under the columns that were asked for or are usual for the format."""
        return [
            Listing(self.registry.titles[kind], self.columns_of(kind), self._sorted(kind, items, view), view)
            for kind, items in objects.items()
        ]

    def columns_of(self, kind: str) -> tuple[Column, ...]:
        """The columns to show of *kind*."""
        if self._instead():
            chosen = named_columns(kind, self._asked(), self.registry)
            return chosen + tuple(column for column in self.more if column not in chosen)
        registry = self.registry
        records = self.format in _RECORDS
        usual = record_columns(kind, registry) if records else named_columns(kind, self._usual(kind), registry)
        more = (*named_columns(kind, self._asked(), registry), *self.more)
        return usual + tuple(column for column in more if column not in usual)

    def _usual(self, kind: str) -> Sequence[str]:
        if self.format != "table":
            return self.registry.usual[kind]
        if self.more:  # reasons are sentences, and want the room of the less usual columns
            return self.registry.usual[kind] if is_wide() else BESIDE_EVIDENCE
        return self.registry.wide[kind] if is_wide() else self.registry.usual[kind]

    def needs(self, names: Sequence[str], kind: str) -> bool:
        """Whether one of the columns *names* of *kind* will be shown or sorted by."""
        used = {column.name for column in self.columns_of(kind)} | {self._sort_column()}
        return not used.isdisjoint(names)

    def _asked(self) -> list[str]:
        names = [name.strip() for name in (self.columns or "").removeprefix("+").split(",")]
        return list(dict.fromkeys(name for name in names if name))

    def _instead(self) -> bool:
        """Whether the columns asked for stand instead of the usual ones."""
        return self.columns is not None and not self.columns.startswith("+")

    def _sorted(self, kind: str, items: Sequence[Any], view: View) -> Sequence[Any]:
        columns = named_columns(kind, [self._sort_column()], self.registry)
        descending = (self.sort or "").startswith("-")
        return ordered(items, columns[0], view, descending=descending) if columns else items

    def _sort_column(self) -> str:
        return (self.sort or "").removeprefix("-")

    def write(self, listings: Sequence[Listing], gaps: Sequence[Gap], noun: str = "objects") -> None:
        """Put *listings* of *noun* on stdout. An empty listing is left out of what people read."""
        filled = [listing for listing in listings if listing.objects and listing.columns]
        if self.format == "table":
            from ipcctl.render.listing import paths_apart
            from ipcctl.render.table import tables

            if not is_wide():
                filled = [part for listing in filled for part in paths_apart(listing) if part.objects]
            print_rich(tables(filled, headings=self.headings, exact_bytes=self.exact_bytes), gap_between=True)
        elif self.format == "json":
            from ipcctl.render.records import json_document

            write(json_document(filled, gaps, noun))
        elif self.format == "jsonl":
            from ipcctl.render.records import json_lines

            write(json_lines(filled))
        elif self.format == "csv":
            from ipcctl.render.delimited import comma_separated

            write(comma_separated(listings, headings=self.headings, order=self._asked() if self._instead() else ()))
        else:
            from ipcctl.render.plain import plain

            write(plain(filled, headings=self.headings))


class _NoNames(dict[int, str | None]):
    """Every number has no name."""

    def __missing__(self, number: int) -> None:
        return None


def choose_output(
    format: Annotated[  # noqa: A002  the option's name
        str | None, typer.Option("--format", metavar="FORMAT", help="table (on a terminal), plain, json, jsonl or csv.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    columns: Annotated[
        str | None,
        typer.Option("-o", "--columns", metavar="COL,...", help="These columns; +COL,... adds to the usual."),
    ] = None,
    sort: Annotated[str | None, typer.Option(metavar="COL", help="Sort by COL; -COL = largest first.")] = None,
    no_headings: Annotated[bool, typer.Option("--no-headings", help="No headings.")] = False,
    bytes: Annotated[bool, typer.Option("--bytes", help="Sizes in bytes in tables too.")] = False,  # noqa: A002
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user and group names.")] = False,
) -> Output:
    """The output options, checked."""
    return Output(choose_format(format, json=json), columns, sort, not no_headings, bytes, numeric)


def choose_format(name: str | None, *, json: bool, formats: Sequence[str] = FORMATS) -> str:
    """The format asked for, or the usual one: table on a terminal, plain otherwise. Raises UsageError."""
    if json and name not in (None, "json"):
        message = f"--json and --format {name} contradict each other"
        raise UsageError(message, hint="give one of them")
    if name is not None and name not in formats:
        message = f"unknown format {name!r}"
        raise UsageError(message, hint=f"formats: {' '.join(formats)}")
    if json:
        return "json"
    return name or ("table" if sys.stdout.isatty() else "plain")


def complete_kinds(incomplete: str) -> list[str]:
    """The kinds that begin like that, for the shell."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def check_kinds(kinds: Sequence[str]) -> list[str]:
    """*kinds* without doubles, in the usual order; none = all. Raises UsageError for an unknown one."""
    for kind in kinds:
        if kind not in KINDS:
            from ipcctl.parse.reference import with_kind

            message = f"unknown kind {kind!r}"
            one = kind if kind.partition(":")[0] in KINDS else with_kind(kind)
            named = f"; one object: ipcctl show {one}" if one else ""
            raise UsageError(message, hint=f"kinds: {' '.join(KINDS)}{named}")
    return [kind for kind in KINDS if not kinds or kind in kinds]


def write(chunks: Iterable[str]) -> None:
    """Put text on stdout."""
    for chunk in chunks:
        sys.stdout.write(chunk)


def terminal_width() -> int:
    """Columns of the terminal."""
    import shutil

    return shutil.get_terminal_size().columns


def is_wide() -> bool:
    """Whether the long set of columns fits."""
    return terminal_width() >= 140  # noqa: PLR2004  the widest default listing


def print_rich(
    renderables: Iterable[Any], *, gap_between: bool = False, stderr: bool = False, soft_wrap: bool = False
) -> None:
    """Put what rich renders on stdout (or *stderr*), styled on a terminal unless NO_COLOR is set.

    With *soft_wrap* the terminal breaks lines of text, so that a command can be copied whole; tables stay as they are.
    """
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR"))
    console = Console(highlight=False, markup=False, emoji=False, color_system=None if plain else "auto", stderr=stderr)
    if not console.is_terminal:
        console.width = max(console.width, 200)
    for number, renderable in enumerate(renderables):
        if number and gap_between:
            console.print()
        console.print(renderable, soft_wrap=soft_wrap)
