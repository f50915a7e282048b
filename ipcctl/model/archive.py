"""What the file of a saved object says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.detail import Message
    from ipcctl.model.objects import IpcObject

FORMAT = 1  # the version of the file format that this program writes, and the newest it reads
SUFFIX = ".ipcctl"


class Header(NamedTuple):
    """Who was saved, when and where."""

    object: IpcObject  # as it was when it was saved
    saved_at: int  # epoch seconds
    saved_on: str  # the name of the host
    user: str | None  # the owner's name there; None = the number had none
    group: str | None


class Content(NamedTuple):
    """What a checked file holds beside its header."""

    bytes: int = 0  # of a segment that are stored; the rest is zero
    messages: int = 0
    message_bytes: int = 0
    largest_message: int = 0  # bytes
    values: tuple[int, ...] = ()  # of semaphores


class Archived(NamedTuple):
    """One file that was read from end to end and found whole."""

    path: str
    header: Header
    content: Content
    peeked: tuple[Message, ...] | None = None  # its first messages; None = not asked for

    @property
    def object(self) -> IpcObject:
        """The object as it was."""
        return self.header.object
