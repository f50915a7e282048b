"""A private IPC and mount namespace for this process: unshare(2), mount(2), user_namespaces(7).

Enter before the process has a second thread: unshare(2) acts on the calling thread only, and a user namespace
is refused to a process with several.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import resource
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS = 0x0002_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MNT_DETACH = 0x2
QUEUE_BYTES = 64 << 20

SHM = Path("/dev/shm")
USUAL_MQUEUE = Path("/dev/mqueue")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


class NamespaceUnavailable(Exception):
    """This process cannot have a namespace of its own; the text says why. The process is as it was before."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Where the calling process is now."""

    mqueue: Path
    """Mount point of the mqueue file system that shows this IPC namespace."""
    other_uids: bool
    """A child can become any uid; False inside a user namespace, which maps one uid only."""
    host_ipc: str
    """`/proc/self/ns/ipc` before the first `enter`: the namespace no test may touch."""
    pid: int
    """The process that entered; a forked child that enters again takes a mount namespace of its own first."""
    shm: Path = SHM
    """Mount point of the private tmpfs."""


_current: Namespace | None = None


def enter() -> Namespace:
    """Put this process into a fresh, empty IPC namespace, with its own /dev/shm and mqueue file system.

    May be called any number of times, 0.1 ms each: the mounts of the time before are replaced, not covered.
    As root directly, else through a user namespace, in which the user shows as uid 0.

    Raises NamespaceUnavailable when neither is permitted, leaving the process where it was.
    """
    global _current  # noqa: PLW0603  the namespace is a property of the process
    _current = _enter_first() if _current is None else _enter_again(_current)
    return _current


def current() -> Namespace:
    """Return the namespace entered last. Raises NamespaceUnavailable when none was."""
    if _current is None:
        raise NamespaceUnavailable("this process has not entered a private namespace")
    return _current


def sees_everybody() -> bool:
    """Whether this process may look into those outside its namespaces: it is root without a user namespace."""
    return _current is None or _current.other_uids


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: Path, fstype: str | None, flags: int = 0, options: str = "") -> None:
    """mount(2). Raises OSError."""
    kind = None if fstype is None else fstype.encode()
    result = _libc.mount(source.encode(), os.fsencode(target), kind, flags, options.encode())
    _check(result, f"mount {fstype or source} on {target}")


def umount(target: Path) -> None:
    """Detach what is mounted on top at `target`, busy or not: umount2(2) with MNT_DETACH. Raises OSError."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _enter_first() -> Namespace:
    as_root = _refusal(through_user_namespace=False)
    if as_root:
        as_user = _refusal(through_user_namespace=True)
        if as_user:
            raise NamespaceUnavailable(f"no private namespace: {as_root}; with a user namespace: {as_user}")
    _raise_queue_limit()
    host = os.readlink("/proc/self/ns/ipc")
    mqueue = USUAL_MQUEUE if USUAL_MQUEUE.is_dir() else _own_directory()
    try:
        _leave_host(through_user_namespace=bool(as_root))
        _mount_file_systems(mqueue)
    except OSError as error:
        raise NamespaceUnavailable(f"no private namespace: {error.strerror}") from error
    return Namespace(mqueue, other_uids=not as_root, host_ipc=host, pid=os.getpid())


def _enter_again(before: Namespace) -> Namespace:
    if before.pid != os.getpid():
        unshare(CLONE_NEWNS)
    _detach_segments()
    _empty(before.mqueue)
    umount(before.mqueue)
    umount(before.shm)
    unshare(CLONE_NEWIPC)
    _mount_file_systems(before.mqueue)
    return Namespace(before.mqueue, before.other_uids, before.host_ipc, os.getpid())


def _detach_segments() -> None:
    """Let go of segments that stayed attached: as mappings they look like segments of the next namespace."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    for start in [line.split("-")[0] for line in lines if "/SYSV" in line]:
        _libc.shmdt(ctypes.c_void_p(int(start, 16)))


def _empty(mqueue: Path) -> None:
    """Remove the queues: those of an abandoned namespace count against the user until the kernel finds time for it."""
    for queue in mqueue.iterdir():
        queue.unlink(missing_ok=True)


def _raise_queue_limit() -> None:
    """Let root have as many bytes in queues as the tests that run beside each other take (getrlimit(2))."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (QUEUE_BYTES, QUEUE_BYTES))


def _refusal(*, through_user_namespace: bool) -> str:
    """Try it in a child, so that half a success leaves no trace here; the reason why not, or ''."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        reason = "the attempt failed"
        try:
            _leave_host(through_user_namespace=through_user_namespace)
            _mount_file_systems(USUAL_MQUEUE if USUAL_MQUEUE.is_dir() else SHM)
            reason = ""
        except OSError as error:
            reason = str(error.strerror)
        finally:
            os.write(writing, reason.encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        reason = pipe.read().decode()
    os.waitpid(pid, 0)
    return reason


def _leave_host(*, through_user_namespace: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if through_user_namespace:
        unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    else:
        unshare(CLONE_NEWNS | CLONE_NEWIPC)
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    for mountpoint in _mqueue_mounts():
        _hide(mountpoint)


def _mount_file_systems(mqueue: Path) -> None:
    mount("tmpfs", SHM, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("mqueue", mqueue, "mqueue", MS_NOSUID | MS_NODEV)


def _mqueue_mounts() -> list[Path]:
    """Every mqueue mount in sight: the fifth field of mountinfo, proc_pid_mountinfo(5)."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].replace("\\040", " ")) for line in lines if " - mqueue " in line]


def _hide(mountpoint: Path) -> None:
    """Put the host's queues out of sight; what a user namespace has locked can only be covered."""
    try:
        umount(mountpoint)
    except OSError:
        mount("tmpfs", mountpoint, "tmpfs", MS_NOSUID | MS_NODEV)


def _own_directory() -> Path:
    """Return a mount point for hosts without /dev/mqueue; it is removed when this process ends."""
    path = Path(tempfile.mkdtemp(prefix="ipcctl-mqueue-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            with suppress(OSError):
                umount(path)
            path.rmdir()

    atexit.register(remove)
    return path
