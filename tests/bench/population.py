"""Many System V objects, fast: made and removed by the bare calls."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IPC_CREX_0600 = 0o3600
IPC_RMID = 0
ROOT = (0,)
UNNAMED = tuple(range(70_000, 71_000))
"""A thousand uids without a name."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]


class Population(NamedTuple):
    """How many objects of each kind."""

    queues: int
    sets: int
    segments: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.queues + self.sets + self.segments


P = Population(queues=32_000, sets=32_000, segments=4_000)
"""The population every figure speaks of: as many as the kernel's default limits allow."""


def raise_limits(population: Population) -> None:
    """Let this IPC namespace hold `population`. Raises OSError."""
    _at_least("msgmni", 0, population.queues)
    _at_least("sem", 1, population.sets)
    _at_least("sem", 3, population.sets)
    _at_least("shmmni", 0, population.segments)


def make(population: Population, owners: Sequence[int] = ROOT) -> None:
    """Make empty queues, single semaphores and one-page segments, mode 0600, each kind with the keys 1, 2 ...

    Every owner gets an equal share. Raises OSError; PermissionError where other uids cannot be had.
    """
    raise_limits(population)
    makers = (
        (population.queues, lambda key: _libc.msgget(key, IPC_CREX_0600)),
        (population.sets, lambda key: _libc.semget(key, 1, IPC_CREX_0600)),
        (population.segments, lambda key: _libc.shmget(key, 1, IPC_CREX_0600)),
    )
    for number, owner in enumerate(owners):
        os.seteuid(owner)
        try:
            for total, make_one in makers:
                first, last = total * number // len(owners) + 1, total * (number + 1) // len(owners)
                _make_block(make_one, range(first, last + 1))
        finally:
            os.seteuid(0)


def count() -> int:
    """How many System V objects this namespace holds."""
    return sum(len(ids(kind)) for kind in ("msg", "sem", "shm"))


def ids(kind: str) -> list[int]:
    """The ids of one kind, in the kernel's order."""
    with open(f"/proc/sysvipc/{kind}", "rb") as rows:
        return [int(row.split(None, 2)[1]) for row in rows.readlines()[1:]]


def clear() -> None:
    """Remove every System V object of this namespace.

    The kernel would remove what an abandoned namespace holds, but later, while the next run is timed.
    """
    for msqid in ids("msg"):
        _libc.msgctl(msqid, IPC_RMID, None)
    for semid in ids("sem"):
        _libc.semctl(semid, 0, IPC_RMID)
    for shmid in ids("shm"):
        _libc.shmctl(shmid, IPC_RMID, None)


def _make_block(make_one: Callable[[int], int], keys: range) -> None:
    for key in keys:
        if make_one(key) < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"the object with key {key}: {os.strerror(error)}")


def _at_least(name: str, field: int, value: int) -> None:
    path = f"/proc/sys/kernel/{name}"
    with open(path) as file:
        values = [int(word) for word in file.read().split()]
    if values[field] < value:
        values[field] = value
        with open(path, "w") as file:
            file.write("\t".join(map(str, values)))
