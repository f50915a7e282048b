"""Unlinking files of /dev/shm so that nobody is left with one that was removed while he was opening it.

The write lease stops whoever has found the file but not opened it, the private name hides it from whoever looks for it
now. In between is an opener that had found the name before the renaming and has not come to the lease yet: a
microsecond's way, unless the scheduler took it off the processor there. He is waited for, for all files at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Self

from ipcctl.kernel import lease
from ipcctl.model.evidence import BUSY, FREE
from ipcctl.model.removal import FAILED, KEPT, REMOVED

if TYPE_CHECKING:
    from ipcctl.model.objects import IpcObject

SETTLE = 0.02  # seconds: several time slices of a busy processor
CHANGED = "changed since it was listed"
KNOCKED = "in-use: somebody opened it just now"
TOO_LATE = "somebody opened it at that very moment and has it still"
_HELD = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}  # until every file is unlinked or back
_NO_REPLACE = 1  # RENAME_NOREPLACE, renameat2(2)


class Aside:
    """Files of one directory under private names. A context manager: what is not ended by then is put back.

    While it is entered, signals that end the process wait.
    """

    def __init__(self, directory: int) -> None:
        """Nothing is put aside yet."""
        self._directory = directory
        self._leases = contextlib.ExitStack()
        self._leased: dict[tuple[int, int], tuple[str, int]] = {}  # a file with two names has one lease
        self._files: dict[IpcObject, tuple[bytes, bytes, int]] = {}  # name, private name, descriptor with the lease
        self._ended: dict[IpcObject, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        """Let the signals wait."""
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*_HELD, lease.KNOCK})
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was not ended, give the leases back, then let the signals come."""
        try:
            for item in list(self._files):
                self._put_back(item)
            self._leases.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    @property
    def items(self) -> list[IpcObject]:
        """Everything that was put aside, ended or not."""
        return [*self._ended, *self._files]

    def put(self, item: Any, file: bytes, held: tuple[str, int] | None = None) -> str:  # noqa: ANN401  a file
        """Put *item*, the file of this name, aside; or say why it stays. Raises OSError.

        *held*: answer and descriptor of a lease that the caller has taken already.

        Where no lease is to be had, the walk over /proc has decided, and it is unlinked here and now.
        """
        identity = item.device, item.inode
        held = held or self._leased.get(identity)
        if held is None:
            held = self._leases.enter_context(lease.leased(self._directory, file, identity))
        self._leased[identity] = answer, descriptor = held
        if answer == BUSY:
            return "in-use: somebody has it open or mapped since it was listed"
        if why := changed(self._directory, file, item):
            return why
        if answer != FREE:
            os.unlink(file, dir_fd=self._directory)
            self._ended[item] = REMOVED, ""
            return ""
        private = b".ipcctl-%d-%s" % (os.getpid(), os.urandom(4).hex().encode())
        os.rename(file, private, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        self._files[item] = file, private, descriptor
        if changed(self._directory, private, item):
            self._put_back(item, CHANGED)
        elif lease.knocked(descriptor):
            self._put_back(item)
        return ""

    def settle(self) -> None:
        """Wait for those who were on their way, and put back at once what they come for."""
        until = time.monotonic() + SETTLE
        while self._files and (left := until - time.monotonic()) > 0:
            if signal.sigtimedwait({lease.KNOCK}, left) is None:
                return
            for item, (_, _, descriptor) in list(self._files.items()):
                if lease.knocked(descriptor):
                    self._put_back(item)

    def end(self, item: IpcObject) -> tuple[str, str]:
        """Unlink it unless somebody knocked; what became of it, and why."""
        if item in self._files:
            _, private, descriptor = self._files[item]
            if lease.knocked(descriptor):
                self._put_back(item)
            else:
                os.unlink(private, dir_fd=self._directory)
                del self._files[item]
                self._ended[item] = REMOVED, TOO_LATE if lease.knocked(descriptor) else ""
        return self._ended[item]

    def _put_back(self, item: IpcObject, kept: str = KNOCKED) -> None:
        """Give the file its name again, unless somebody made a new object of that name meanwhile."""
        file, private, descriptor = self._files.pop(item)
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.renameat2(self._directory, private, self._directory, file, _NO_REPLACE)
        number = ctypes.get_errno() if failed else 0
        lease.give_back(descriptor)
        if number == errno.EEXIST:
            why = f"put aside as {private.decode()}: a new object took its name while it was being opened"
            self._ended[item] = FAILED, why
        else:
            why = f"put aside as {private.decode()}: {os.strerror(number)}"
            self._ended[item] = (FAILED, why) if number else (KEPT, kept)


def changed(directory: int, file: bytes, item: Any) -> str:  # noqa: ANN401  an object that is a file
    """Why a name is not to be removed; empty = it still leads to the file that was listed. Raises OSError."""
    status = os.stat(file, dir_fd=directory, follow_symlinks=False)
    return "" if (status.st_dev, status.st_ino) == (item.device, item.inode) else CHANGED
