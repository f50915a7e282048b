"""The kinds of IPC object. Everything that differs by kind lives in a registry keyed by these names."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of IPC object, named as util-linux names it (``ipcrm --all=KIND``)."""

    name: str  # "shm": the word in references, JSON and on the command line
    title: str  # what a person calls a list of them
    singular: str
    posix: bool  # named by "/name"; otherwise by id and key


SHM = "shm"
SEM = "sem"
MSG = "msg"
PSHM = "pshm"
PSEM = "psem"
PMSG = "pmsg"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(SHM, "System V shared memory", "shared memory segment", posix=False),
        Kind(SEM, "System V semaphores", "semaphore set", posix=False),
        Kind(MSG, "System V message queues", "message queue", posix=False),
        Kind(PSHM, "POSIX shared memory", "POSIX shared memory object", posix=True),
        Kind(PSEM, "POSIX named semaphores", "POSIX named semaphore", posix=True),
        Kind(PMSG, "POSIX message queues", "POSIX message queue", posix=True),
    )
}
