"""What is to happen, or happened, to an object that somebody asked to remove, save or restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.objects import IpcObject

WOULD_REMOVE = "would remove"
REMOVING = "removing"  # in the record only: it is about to go
REMOVED = "removed"
MARKED = "marked"  # a segment removed while attached: it goes with its last attachment
ALREADY_GONE = "already gone"  # somebody else was faster: success
KEPT = "kept"
FAILED = "failed"
SAVED = "saved"
RESTORED = "restored"
REPORTED = "reported"  # a rule of a policy points it out and does nothing


class Outcome(NamedTuple):
    """One object, what became of it, and why. In a plan: WOULD_REMOVE, KEPT or REPORTED."""

    object: IpcObject
    result: str
    why: str
    saved: str | None = None  # the file that holds its content; None = it was not saved
    rule: str = ""  # of the policy that took it; empty = a person named it
