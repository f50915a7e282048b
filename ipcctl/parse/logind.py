"""What systemd's files say about removing IPC objects at logout (logind.conf(5)), and who runs a service."""

from __future__ import annotations

_UID_DIGITS = 10
_YES = frozenset({"1", "yes", "y", "true", "t", "on"})
_NO = frozenset({"0", "no", "n", "false", "f", "off"})


def parse_remove_ipc(text: str) -> tuple[bool | None, int] | None:
    """The last ``RemoveIPC=`` of section ``[Login]``: its value and line (from 1); None = this file says nothing.

    The value None stands for an empty assignment, which resets to the default. systemd ignores a value that is no
    boolean, and so does this.
    """
    section = ""
    found: tuple[bool | None, int] | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        key, separator, value = line.partition("=")
        if section != "Login" or not separator or key.strip() != "RemoveIPC":
            continue
        word = value.strip().lower()
        if not word:
            found = (None, number)
        elif word in _YES | _NO:
            found = (word in _YES, number)
    return found


def parse_last_system_uid(text: str) -> int | None:
    """SYS_UID_MAX of login.defs(5); None = it does not say."""
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 1 and words[0] == "SYS_UID_MAX" and words[1].isascii() and words[1].isdigit():
            return int(words[1][:_UID_DIGITS])
    return None


def parse_system_service(text: str) -> str | None:
    """The system service a process belongs to, by its /proc/PID/cgroup (cgroups(7)); None = it is in none."""
    for line in text.split("\n"):
        path = line.split(":", 2)[-1]
        parts = path.split("/")
        if "system.slice" in parts:
            units = [part for part in parts if part.endswith(".service")]
            if units:
                return units[0]
    return None
