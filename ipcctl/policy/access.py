"""May a process use a System V object? (svipc(7), capabilities(7))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipcctl.model.holder import Credentials

_CAP_IPC_OWNER = 1 << 15
_READ_OR_WRITE = 0o6


def may_use(process: Credentials, item: Any) -> bool:  # noqa: ANN401  any System V object
    """Whether *process* may read or write *item*: the kernel's ipcperms()."""
    if process.capabilities & _CAP_IPC_OWNER:
        return True
    if process.uid in (item.uid, item.cuid):
        bits = item.mode >> 6
    elif process.groups & {item.gid, item.cgid}:
        bits = item.mode >> 3
    else:
        bits = item.mode
    return bool(bits & _READ_OR_WRITE)
