"""Every limit beside its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.errors import IpcctlError
from ipcctl.kernel.limits import page_size
from ipcctl.model.kinds import PMSG
from ipcctl.model.snapshot import Gap
from ipcctl.policy.usage import file_system_limit, mqueue_limits, sysv_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.kernel.host import Host
    from ipcctl.model.limits import Limit
    from ipcctl.model.snapshot import Snapshot


def limits_beside_use(host: Host, snapshot: Snapshot) -> tuple[list[Limit], list[Gap]]:
    """The limits, with what *snapshot* uses of them, and what could not be read. A kind it lacks uses None."""
    unseen = {gap.what for gap in snapshot.gaps}
    seen = {kind: items for kind, items in snapshot.objects.items() if items or kind not in unseen}
    found: list[Limit] = []
    gaps: list[Gap] = []

    def add(read: Callable[[], Sequence[Limit]]) -> None:
        try:
            found.extend(read())
        except IpcctlError as error:
            gaps.append(Gap("limits", str(error)))
        except OSError as error:
            gaps.append(Gap("limits", f"{error.filename}: {error.strerror}"))

    add(lambda: sysv_limits(host.sysv_limits(), seen, page_size()))
    add(lambda: mqueue_limits(host.mqueue_limits(), seen.get(PMSG)))
    add(lambda: [file_system_limit(host.shm_use(), host.roots.shm)])
    return found, gaps
