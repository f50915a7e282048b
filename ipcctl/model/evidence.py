"""Everything that was seen about one object, for the verdict on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.holder import Holder, Recorded

FREE = "free"  # the lease was granted: nobody, in any namespace, has the file open or mapped
BUSY = "busy"  # refused: somebody has
NOT_ASKED = "not asked"  # no right to ask, or a file system without leases


class Evidence(NamedTuple):
    """What the kernel, /proc and the producer's own sign say. The defaults say nothing."""

    holders: tuple[Holder, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    waiters: int | None = None  # threads asleep on a semaphore set, the kernel's count; None = could not be asked
    lease: str = NOT_ASKED
    unseen: int = 0  # processes that could not be looked into and might hold it
    blind: str = ""  # why whole processes, or all their waiting, may be out of sight; empty = they are not
    kin: int = 0  # live processes of its owner or group that were there when it was last used, though none is on record
    sign: str | None = None  # the producer's own sign of life: "process 4711 of its name lives"
    veiled: str = ""  # a sign that could not be read: "process 4711 of its name is not visible here"
