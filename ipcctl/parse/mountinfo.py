"""/proc/PID/mountinfo: where a type of file system is mounted (proc_pid_mountinfo(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


# Another host may have to answer for what lies on these, and if it is down nobody does.
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "autofs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "9p"}
)


def mount_points(text: str, fstype: str) -> list[str]:
    """Mount points of *fstype*, newest last. Lines of another shape name no such mount."""
    return [point for point, found in _mounts(text) if found == fstype]


def remote_points(text: str) -> list[str]:
    """Mount points of network file systems, and of FUSE, which can hide one."""
    return [point for point, found in _mounts(text) if found in _REMOTE or found.partition(".")[0] == "fuse"]


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if separator and len(fields) > 4:  # noqa: PLR2004  5th = mount point
            yield _unescape(fields[4]), right.split(" ", 1)[0]


def mount_options(text: str, fstype: str) -> dict[str, str]:
    """The options of the newest file system of *fstype* itself, as ``hidepid=2``; a word alone has the value ""."""
    options = ""
    for line in text.split("\n"):
        right = line.partition(" - ")[2].split(" ")
        if right[0] == fstype and len(right) > 2:  # noqa: PLR2004  type, source, options
            options = right[2]
    return dict(word.partition("=")[::2] for word in options.split(",") if word)


def _unescape(path: str) -> str:
    r"""Spaces, tabs, newlines and backslashes stand as ``\NNN`` octal."""
    head, *parts = path.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] if _octal(part[:3]) else "\\" + part for part in parts)


def _octal(digits: str) -> bool:
    return len(digits) == 3 and all(digit in "01234567" for digit in digits)  # noqa: PLR2004  \NNN
