"""The end of a file: its name goes, if it still is the file that was looked at and nobody knocked.

All raise OSError.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ipcctl.act.aside import KNOCKED, TOO_LATE, Aside, changed
from ipcctl.kernel import lease
from ipcctl.model.evidence import BUSY
from ipcctl.model.removal import KEPT, REMOVED


class Done(NamedTuple):
    """What became of one object."""

    result: str
    why: str = ""  # empty = as planned
    saved: str | None = None


def unlink(directory: int, file: bytes, item: Any) -> Done:  # noqa: ANN401  a file
    """Where no lease can be had, or none was wanted: --force."""
    if why := changed(directory, file, item):  # while it was being saved
        return Done(KEPT, why)
    os.unlink(file, dir_fd=directory)
    return Done(REMOVED)


def unlink_aside(directory: int, file: bytes, item: Any, held: tuple[str, int]) -> Done:  # noqa: ANN401  a file
    """Of a file system that knows rename(2), under the lease *held*: answer and descriptor."""
    with Aside(directory) as aside:
        if why := aside.put(item, file, held):
            return Done(KEPT, why)
        aside.settle()
        return Done(*aside.end(item))


def unlink_queue(directory: int, file: bytes, item: Any, descriptor: int) -> Done:  # noqa: ANN401  a queue
    """Of the mqueue file system, under the lease of *descriptor*, which ends."""
    if why := changed(directory, file, item):
        return Done(KEPT, why)
    if lease.knocked(descriptor):
        return Done(KEPT, KNOCKED)
    # mq_open(3) waits for the lease with the directory locked, and unlink(2) waits for that lock
    lease.give_back(descriptor)
    os.unlink(file, dir_fd=directory)
    return Done(REMOVED, TOO_LATE if lease.take(descriptor) == BUSY else "")
