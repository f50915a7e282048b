"""One process and one object that it holds or waits on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.holder import Holder
    from ipcctl.model.objects import IpcObject


class Holding(NamedTuple):
    """A line of ``ipcctl ps``."""

    holder: Holder
    object: IpcObject
    call: str | None  # what it sleeps in, where ``how`` is waiting: msgsnd msgrcv semop mq_send mq_receive
    unlinked: bool  # the object has no name any more
