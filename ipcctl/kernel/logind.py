"""systemd-logind on this host: does it run, does it remove objects at logout, whose services does that concern."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ipcctl.kernel.files import read_text
from ipcctl.kernel.owners import owners_of_processes
from ipcctl.model.finding import LoginSettings
from ipcctl.parse.logind import parse_last_system_uid, parse_remove_ipc, parse_system_service

if TYPE_CHECKING:
    from collections.abc import Collection

    from ipcctl.kernel.processes import Processes

_COMM = "systemd-logind"
# Files of logind.conf and its drop-ins, the most important directory first (logind.conf(5)).
_DIRECTORIES = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
_SYSTEM_UID = 999  # systemd's own, where login.defs does not say


def read_login_settings(proc: str, processes: Processes, root: str = "") -> LoginSettings | None:
    """What logind does at logout; None = it does not run here, or cannot be seen. *root* goes before every path."""
    if not any(processes.comm(int(name)) == _COMM for name in os.listdir(proc) if name.isdigit()):
        return None
    remove, source = True, "its default"
    for path in _files(root):
        said = parse_remove_ipc(_text(path))
        if said is not None:
            value, line = said
            remove, source = (True, "its default") if value is None else (value, f"{path} line {line}")
    return LoginSettings(remove, source, frozenset(_names(f"{root}/var/lib/systemd/linger")))


def _files(root: str) -> list[str]:
    """The configuration in the order in which it counts: the main file, then drop-ins by name, each name once."""
    main = [path for path in (f"{root}{place}/logind.conf" for place in _DIRECTORIES) if os.path.exists(path)][:1]
    dropins: dict[str, str] = {}
    for place in _DIRECTORIES:
        directory = f"{root}{place}/logind.conf.d"
        for name in _names(directory):
            if name.endswith(".conf"):
                dropins.setdefault(name, f"{directory}/{name}")
    return [*main, *(dropins[name] for name in sorted(dropins))]


def read_last_system_uid(root: str = "") -> int:
    """The last uid of a system user, whose objects logind spares."""
    found = parse_last_system_uid(_text(f"{root}/etc/login.defs"))
    return _SYSTEM_UID if found is None else found


def read_services(proc: str, uids: Collection[int]) -> dict[int, str]:
    """A system service for each of *uids* that runs one now; processes that cannot be seen run none."""
    found: dict[int, str] = {}
    for pid, uid in owners_of_processes(proc).items():
        if uid in uids and uid not in found:
            service = parse_system_service(_text(f"{proc}/{pid}/cgroup"))
            if service:
                found[uid] = service
    return found


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
