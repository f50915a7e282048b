"""From references to objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.objects import MessageQueue, Segment, SemaphoreSet
from ipcctl.model.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.objects import IpcObject
    from ipcctl.model.snapshot import Snapshot


class Resolved(NamedTuple):
    """The objects that references name, in the order given, and the references that name nothing."""

    objects: tuple[IpcObject, ...]
    missing: tuple[Ref, ...]


def resolve(refs: Sequence[Ref], snapshot: Snapshot) -> Resolved:
    """Look *refs* up in *snapshot*. Raises UsageError when two of them name the same object."""
    by_ref: dict[Ref, IpcObject] = {}
    for kind in {ref.kind for ref in refs}:
        for item in snapshot.objects[kind]:
            for its in _refs_of(kind, item):
                by_ref.setdefault(its, item)
    given: set[Ref] = set()
    named: dict[str, Ref] = {}
    found: list[IpcObject] = []
    missing: list[Ref] = []
    for ref in refs:
        if ref in given:
            message = f"{ref} is given twice"
            raise UsageError(message, hint="name each object once")
        given.add(ref)
        if ref not in by_ref:
            missing.append(ref)
            continue
        item = by_ref[ref]
        earlier = named.setdefault(item.ref, ref)
        if earlier is not ref:
            message = f"{earlier} and {ref} name the same object"
            raise UsageError(message, hint="name each object once")
        found.append(item)
    return Resolved(tuple(found), tuple(missing))


def _refs_of(kind: str, item: IpcObject) -> tuple[Ref, ...]:
    if isinstance(item, Segment | SemaphoreSet | MessageQueue):
        by_id = Ref(kind, id=item.id)
        return (by_id, Ref(kind, key=item.key)) if item.key else (by_id,)
    return (Ref(kind, name=item.name),)
