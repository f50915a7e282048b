"""What a process of root lacks to see and remove every object: capabilities(7) that a container or a unit took away."""

from __future__ import annotations

import os

from ipcctl.kernel.processes import Processes
from ipcctl.model.snapshot import Gap

_DAC_OVERRIDE, _DAC_READ_SEARCH, _IPC_OWNER, _SYS_ADMIN, _LEASE = 1, 2, 15, 21, 28

# One of the first is needed. CAP_SYS_PTRACE is missed by the walk over /proc, which says so.
_NEEDED = (
    ((_SYS_ADMIN,), "CAP_SYS_ADMIN", "System V objects of other users cannot be removed"),
    ((_IPC_OWNER,), "CAP_IPC_OWNER", "System V objects of other users cannot be looked into or saved"),
    ((_DAC_READ_SEARCH, _DAC_OVERRIDE), "CAP_DAC_READ_SEARCH", "files of other users can neither be probed nor saved"),
    ((_LEASE,), "CAP_LEASE", "the kernel does not tell whether files of other users are in use"),
)


def lacking() -> tuple[Gap, ...]:
    """What root cannot do here. Empty for an ordinary user, who does not expect to."""
    known = Processes("/proc").credentials(os.getpid()) if os.geteuid() == 0 else None
    if known is None:
        return ()
    return tuple(
        Gap("capabilities", f"without {name} {what}")
        for enough, name, what in _NEEDED
        if not any(known.capabilities >> number & 1 for number in enough)
    )
