"""Lines that are kept: a file that only grows, and the system's log."""

from __future__ import annotations

import os
import socket
import stat
import time
from typing import Protocol

from ipcctl.errors import RecordUnwritable

_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_MODE = 0o600  # it tells who used what
_SYSTEM_LOG = "/dev/log"
_LOOKS, _MOMENT = 10, 0.005  # seconds
_DAEMON_NOTICE = 3 << 3 | 5  # syslog(3)


class Lines(Protocol):
    """Somewhere to put lines."""

    def write(self, line: str) -> None:
        """Keep *line* (without its newline). Raises RecordUnwritable."""


class LogFile:
    """A file to which each line is appended by one write(2), so that several writers do not mix.

    Rotation-safe: where the name leads to another file than before (logrotate(8)), that one is opened.
    """

    def __init__(self, path: str) -> None:
        """Open or make *path* now. Raises RecordUnwritable."""
        self._path = path
        self._descriptor, self._identity = self._open()
        self._torn = self._ends_torn()

    def write(self, line: str) -> None:
        """Append *line*. Raises RecordUnwritable where it could not be written whole."""
        if self._moved():
            os.close(self._descriptor)
            self._descriptor, self._identity = self._open()
            self._torn = self._ends_torn()
        raw = b"\n" * self._torn + line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            written = os.write(self._descriptor, raw)
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        self._torn = written < len(raw)
        if self._torn:
            raise self._unwritable("No space left on device")

    def _open(self) -> tuple[int, tuple[int, int]]:
        try:
            descriptor = os.open(self._path, _OPEN, _MODE)
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        status = os.fstat(descriptor)
        return descriptor, (status.st_dev, status.st_ino)

    def _moved(self) -> bool:
        try:
            status = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        return (status.st_dev, status.st_ino) != self._identity

    def _ends_torn(self) -> bool:
        """Whether a full disk once cut the last line short: the next one must not be joined to it.

        Another writer's line that is being written looks the same for a moment.
        """
        for _ in range(_LOOKS):
            if self._last_byte() in (b"", b"\n"):
                return False
            time.sleep(_MOMENT)
        return True

    def _last_byte(self) -> bytes:
        """Empty where there is none, or the file may be appended to and not read."""
        try:
            with open(self._path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or not file.seek(0, os.SEEK_END):
                    return b""
                file.seek(-1, os.SEEK_END)
                return file.read(1)
        except OSError:
            return b""

    def _unwritable(self, why: str | None) -> RecordUnwritable:
        return RecordUnwritable(f"cannot write the record {self._path}: {why}")


class SystemLog:
    """The socket of syslogd or journald, as syslog(3) writes to it, but told when it does not listen (any more)."""

    def __init__(self) -> None:
        """Raises RecordUnwritable where nobody listens."""
        self._socket = self._connect()

    def write(self, line: str) -> None:
        """Send *line*: facility daemon, priority notice. Raises RecordUnwritable where it was not taken."""
        head = f"<{_DAEMON_NOTICE}>{time.strftime('%b %e %T')} ipcctl[{os.getpid()}]: "
        raw = (head + line).encode("utf-8", "backslashreplace")
        try:
            self._socket.send(raw)
        except OSError:  # it was started anew meanwhile
            self._socket.close()
            self._socket = self._connect()
            try:
                self._socket.send(raw)
            except OSError as error:
                raise self._unwritable(error) from error

    def _connect(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            made.connect(_SYSTEM_LOG)
        except OSError as error:
            made.close()
            raise self._unwritable(error) from error
        return made

    @staticmethod
    def _unwritable(error: OSError) -> RecordUnwritable:
        return RecordUnwritable(f"cannot write to the system log: {_SYSTEM_LOG}: {error.strerror}")
