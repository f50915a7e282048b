"""From the words a person typed to objects: references, or kinds and filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ipcctl.cli.output import check_kinds, note_gaps
from ipcctl.errors import ObjectMissing, Refused, UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS
from ipcctl.model.objects import IpcObject
from ipcctl.model.ref import Ref
from ipcctl.model.snapshot import Gap
from ipcctl.model.words import count
from ipcctl.parse.reference import parse_reference
from ipcctl.policy.resolve import resolve
from ipcctl.policy.selection import Selection, check_applies, possible_kinds, select


class Found(NamedTuple):
    """The objects that references name, those that name nothing, and what could not be seen on the way."""

    objects: list[IpcObject]
    missing: tuple[Ref, ...]
    gaps: tuple[Gap, ...]


def find(host: Host, texts: Sequence[str]) -> Found:
    """Look up *texts* in one snapshot of the kinds concerned. Raises UsageError for a bad or doubled reference."""
    refs = [parse_reference(text) for text in texts]
    snapshot = host.snapshot([kind for kind in KINDS if any(ref.kind == kind for ref in refs)])
    resolved = resolve(refs, snapshot)
    return Found(list(resolved.objects), resolved.missing, snapshot.gaps)


def not_judged(number: int) -> str:
    """Say that so many objects were left out of the orphans because too little could be seen."""
    return f"{count(number, 'object')} could not be judged (ipcctl ls --verdict)"


class Verb(NamedTuple):
    """What a command does to objects, for its messages."""

    command: str
    infinitive: str
    participle: str


class Asked(NamedTuple):
    """The objects a command line is about: those of *refs*, or all of *kinds* that *selection* means."""

    verb: Verb
    kinds: Sequence[str]  # empty = all of them
    refs: Sequence[str]
    selection: Selection

    def look_up(self, host: Host, now: float) -> tuple[list[IpcObject], Sequence[Gap]]:
        """The objects, and what could not be seen. Filters that need a look at processes are left to the caller.

        Raises ObjectMissing for a reference that names nothing, Refused if the listing is not whole.
        """
        return self._named(host) if self.refs else self._selected(host, now)

    def _named(self, host: Host) -> tuple[list[IpcObject], Sequence[Gap]]:
        found = find(host, self.refs)
        if found.missing:
            note_gaps(found.gaps)
            missing = " ".join(map(str, found.missing))
            raise ObjectMissing(f"no such object: {missing}; nothing was {self.verb.participle}")
        return found.objects, found.gaps

    def _selected(self, host: Host, now: float) -> tuple[list[IpcObject], Sequence[Gap]]:
        snapshot = host.snapshot(possible_kinds(self.kinds or tuple(KINDS), self.selection), queue_limits=False)
        if snapshot.broken:
            note_gaps(snapshot.gaps)
            message = f"the listing is not whole; nothing was {self.verb.participle}"
            hint = f"name the kinds that can be read: ipcctl {self.verb.command} msg --user me"
            raise Refused(message, hint=hint)
        return [
            item for kind, items in snapshot.objects.items() for item in select(items, kind, self.selection, now)
        ], snapshot.gaps


def ask(words: Sequence[str], selection: Selection, verb: Verb, *, everything: bool) -> Asked:
    """References or kinds and filters, never both; *everything* = ``--all``. Raises UsageError."""
    for word in words:
        if word[:1].isdigit():
            parse_reference(word)  # an id or a key, but of what? It raises
    named = [word for word in words if ":" not in word and "/" not in word]
    kinds = check_kinds(named) if named else []
    refs = [word for word in words if word not in kinds]
    limited = selection.filters
    if refs and (kinds or limited or everything):
        message = "references and filters together"
        raise UsageError(message, hint="name objects, or describe them with filters (and kinds), not both")
    if not (refs or limited or everything):
        message = f"nothing says what to {verb.infinitive}"
        how = "add" if kinds else "name objects (shm:65538), give"
        raise UsageError(message, hint=f"{how} a filter (--user me), or --all")
    if limited and everything:
        message = "--all contradicts the filters"
        raise UsageError(message, hint="drop one of them")
    check_applies(kinds or tuple(KINDS), selection)
    return Asked(verb, kinds, refs, selection)
