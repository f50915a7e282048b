"""What speaks against making objects here, known before anything is made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ipcctl.errors import InterfaceMissing
from ipcctl.kernel.devshm import is_semaphore
from ipcctl.kernel.limits import page_size
from ipcctl.model.kinds import KINDS, PSHM
from ipcctl.policy.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ipcctl.kernel.host import Host

_CAP_SYS_RESOURCE = 24


def misnamed(items: Iterable[Any]) -> Iterator[str]:
    """Each POSIX segment whose file would be taken for a named semaphore."""
    for item in items:
        if item.kind == PSHM and is_semaphore(item.name[1:]):
            yield f"{item.ref} would be taken for a named semaphore"


def not_ours(items: Iterable[Any]) -> Iterator[str]:
    """Each object that this user cannot own like that: a file is given away by root only, a System V object freely."""
    user = os.geteuid()
    if user == 0:
        return
    groups = {os.getegid(), *os.getgroups()}
    for item in items:
        if KINDS[item.kind].posix and (item.uid != user or item.gid not in groups):
            yield f"{item.ref} belongs to uid {item.uid}, gid {item.gid}"


def room_of(host: Host) -> Room:
    """The limits of *host*, and whether this process may pass them."""

    def read(what: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return what()
        except (InterfaceMissing, OSError):
            return None

    with open(f"{host.roots.proc}/self/status") as status:
        effective = next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
    return Room(
        read(host.sysv_limits),
        read(host.mqueue_limits),
        read(host.shm_use),
        page_size(),
        bool(effective >> _CAP_SYS_RESOURCE & 1),
    )
