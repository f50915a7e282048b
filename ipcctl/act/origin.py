"""Whose key is this? A cheap look at the places that keys are usually made from."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from ipcctl.kernel.ftok import PLACES, first_of
from ipcctl.kernel.mounts import remote_paths
from ipcctl.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipcctl.kernel.host import Host
    from ipcctl.model.origin import Origin


def origin_of(host: Host, item: Any, pids: Iterable[int]) -> Origin | None:  # noqa: ANN401  any object
    """What can have made the key of *item*, of whose processes *pids* live; None = nothing there, or no key.

    A few dozen files are looked at. :func:`ipcctl.kernel.ftok.search` looks at all.
    """
    if KINDS[item.kind].posix or not item.key or not host.live:
        return None
    remote = remote_paths(host.roots.proc)
    return first_of(item.key, (it for it in _candidates(host, item, pids) if not f"{it[1]}/".startswith(remote)))


def _candidates(host: Host, item: Any, pids: Iterable[int]) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """A file to look at, and the path to call it: what the processes know best, then the homes, then the usual."""
    for pid in pids:
        for link in ("cwd", "exe"):
            file = f"{host.roots.proc}/{pid}/{link}"
            with contextlib.suppress(OSError):  # no right to look
                path = os.readlink(file)
                yield file, path
                yield os.path.dirname(path), os.path.dirname(path)
    with contextlib.suppress(OSError):  # this one's own, which may be that of a project: its directory is gone
        yield ".", os.getcwd()
    homes = (host.accounts.home(uid) for uid in dict.fromkeys((item.uid, item.cuid)))
    for path in (*filter(None, homes), *PLACES):
        yield path, path
