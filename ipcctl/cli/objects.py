"""From the references a person typed to objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ipcctl.kernel.host import Host
from ipcctl.model.kinds import KINDS
from ipcctl.model.objects import IpcObject
from ipcctl.model.ref import Ref
from ipcctl.model.snapshot import Gap
from ipcctl.parse.reference import parse_reference
from ipcctl.policy.resolve import resolve


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
