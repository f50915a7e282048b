"""Links named like the commands that ipcctl stands in for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ipcctl.errors import IpcctlError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMAND = "ipcctl"


def make_links(directory: str, names: Iterable[str], target: str) -> list[str]:
    """Link each of *names* in *directory* to *target*; the paths, once all of them are there.

    Raises Refused, and changes nothing, where one of them is something else than a link to ipcctl; IpcctlError.
    """
    paths = [os.path.join(directory, name) for name in names]
    foreign = [path for path in paths if os.path.lexists(path) and not _is_ours(path)]
    if foreign:
        raise Refused(f"{foreign[0]} exists and is no link to {COMMAND}", hint="choose another directory")
    try:
        for path in paths:
            aside = f"{path}.{os.getpid()}"
            os.symlink(target, aside)
            os.replace(aside, path)
    except OSError as error:
        raise IpcctlError(f"{directory}: {error.strerror}") from error
    return paths


def remove_links(directory: str, names: Iterable[str]) -> list[str]:
    """Remove those of *names* in *directory* that are links to ipcctl; their paths. Raises IpcctlError."""
    paths = [path for path in (os.path.join(directory, name) for name in names) if _is_ours(path)]
    try:
        for path in paths:
            os.unlink(path)
    except OSError as error:
        raise IpcctlError(f"{error.filename}: {error.strerror}") from error
    return paths


def _is_ours(path: str) -> bool:
    return os.path.islink(path) and os.path.basename(os.readlink(path)) == COMMAND
