"""The expected failures: each knows its message, what to do about it, and the exit code it ends with.

Programming errors are not among them and are never caught.
"""

from __future__ import annotations


class IpcctlError(Exception):
    """Something a person can mend. ``hint`` says how; None = the message says it all."""

    exit_code = 1
    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep *message*; *hint* replaces the advice of the class."""
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(IpcctlError, ValueError):
    """The command line asks for something that does not exist or makes no sense."""

    exit_code = 2


class PolicyError(UsageError):
    """A policy file says something that cannot be meant. The message begins with the file and the line."""

    hint = "ipcctl-policy(5) describes the file; `ipcctl policy check FILE` explains what it means"


class ParseError(IpcctlError, ValueError):
    """A kernel file does not read as documented. The message quotes the source and the bad text."""

    hint = "ipcctl does not guess: please report this text together with `uname -r`"


class InterfaceMissing(IpcctlError, OSError):
    """The kernel or its configuration lacks an interface that would have been read."""


class SysvMissing(InterfaceMissing):
    """No /proc/sysvipc: a kernel without CONFIG_SYSVIPC, or a sandbox that hides it."""

    hint = "the kernel needs CONFIG_SYSVIPC and a mounted /proc (proc_sysvipc(5))"


class MqueueNotMounted(InterfaceMissing):
    """No mqueue file system is mounted, so POSIX message queues cannot be listed."""

    hint = "mount one: mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue   (mq_overview(7))"


class ObjectMissing(IpcctlError, LookupError):
    """A reference names no object of this namespace."""

    hint = "`ipcctl ls` shows what there is; another IPC namespace has its own objects"


class Refused(IpcctlError):
    """A request that could lose something, or that somebody did not confirm."""


class NotSaved(IpcctlError):
    """An object's content could not be saved, so the object stays as it is."""


class BadArchive(IpcctlError, ValueError):
    """A file is not, or not any more, what saving an object wrote."""

    hint = "nothing was made from it; another copy of the file may be whole"


class Unwritable(IpcctlError, OSError):
    """The output could not be written whole."""

    hint = "free some space or write elsewhere; what was printed is incomplete"


def reason(error: OSError | IpcctlError) -> str:
    """A failure in a phrase, with its advice if it has one."""
    hint = getattr(error, "hint", None)
    text = str(error) if isinstance(error, IpcctlError) else str(error.strerror or error)
    return f"{text}; {hint}" if hint else text


class RecordUnwritable(Unwritable):
    """The record of removals cannot be written: nothing is removed without it."""

    hint = "nothing more is removed without its record; name another file or make room"
