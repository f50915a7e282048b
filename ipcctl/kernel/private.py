"""An IPC and a mount namespace of this process's own (ipc_namespaces(7), mount_namespaces(7))."""

from __future__ import annotations

import contextlib
import ctypes
import os

from ipcctl.errors import InterfaceMissing

_NEWNS, _NEWIPC, _NEWUSER = 0x0002_0000, 0x0800_0000, 0x1000_0000
_NOSUID, _NODEV, _REC, _PRIVATE = 0x2, 0x4, 0x4000, 0x4_0000


def enter(shm: str = "/dev/shm", mqueue: str = "/dev/mqueue") -> None:
    """Leave for empty namespaces, with file systems of their own at *shm* and, where that is a directory, *mqueue*.

    An ordinary user goes through a user namespace, in which he keeps his number and set-uid programs gain nothing.
    Raises InterfaceMissing where neither is permitted.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_NEWNS | _NEWIPC):
        if libc.unshare(_NEWUSER | _NEWNS | _NEWIPC):
            raise _refused("unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    _mount(libc, b"none", "/", None, _REC | _PRIVATE)
    _mount(libc, b"tmpfs", shm, b"tmpfs", _NOSUID | _NODEV, b"mode=1777")
    if os.path.isdir(mqueue):
        with contextlib.suppress(InterfaceMissing):
            _mount(libc, b"mqueue", mqueue, b"mqueue", _NOSUID | _NODEV)


def _mount(libc: ctypes.CDLL, source: bytes, target: str, kind: bytes | None, flags: int, options: bytes = b"") -> None:  # noqa: PLR0913, PLR0917  as mount(2)
    if libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options):
        raise _refused(f"mount {target}")


def _refused(what: str) -> InterfaceMissing:
    why = os.strerror(ctypes.get_errno())
    return InterfaceMissing(
        f"no namespace of its own to be had: {what}: {why}",
        hint="root can; ordinary users where user namespaces are permitted (user_namespaces(7))",
    )
