"""Running a command in the place of this process: its streams, its terminal, its signals.

The command stays in this process's group, so the terminal treats both as one job. What the terminal sends reaches
both; what somebody sends to this process alone is passed on.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PR_SET_CHILD_SUBREAPER = 36
_SI_KERNEL = 0x80  # sent by the kernel: a key on the terminal
_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_WAITED_FOR = {*_PASSED_ON, signal.SIGCHLD, signal.SIGIO, signal.SIGALRM, signal.SIGWINCH}
_RESET = (signal.SIGPIPE, signal.SIGXFSZ)  # what Python ignores


class Child:
    """A command that is started, held before its execve(2), and let go."""

    def __init__(self, command: Sequence[str]) -> None:
        """Fork. The command does not begin before :meth:`start`."""
        self._command = command[0]
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
        gate, self._gate = os.pipe()
        self._failed, failed = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._become(command, gate, failed)
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # one that comes when nobody waits for it any more must not kill
        os.close(gate)
        os.close(failed)
        self.status: int | None = None  # the exit status, negative: the signal that ended it; None while it lives

    def _become(self, command: Sequence[str], gate: int, failed: int) -> None:
        try:
            os.close(self._gate)
            if os.read(gate, 1):
                for number in _RESET:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
                os.execvp(command[0], list(command))  # noqa: S606  that is what was asked for
        except OSError as error:
            os.write(failed, b"%d" % (error.errno or errno.EINVAL))
        finally:
            os._exit(127)

    def start(self) -> None:
        """Let it begin. Raises OSError of execve(2) where there is no such program, or it cannot be run."""
        os.write(self._gate, b"x")
        os.close(self._gate)
        with open(self._failed, "rb") as pipe:
            failed = pipe.read()
        if failed:
            os.waitpid(self.pid, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
            number = errno.ENOENT if int(failed) == errno.EACCES and not self._is_there() else int(failed)
            raise OSError(number, os.strerror(number))

    def _is_there(self) -> bool:
        """Whether there is such a file: a directory of PATH that may not be searched is no reason to say so."""
        directories = [""] if "/" in self._command else os.get_exec_path()
        return any(os.path.lexists(os.path.join(directory, self._command)) for directory in directories)

    def wait(self, every: float, look: Callable[[], None], reaped: Callable[[int], None]) -> int:
        """The exit status, negative for a signal. *look* is called every so many seconds and at SIGIO.

        *reaped* is told of each orphan of the command that ended here.
        """
        while self.status is None:
            arrived = signal.sigtimedwait(_WAITED_FOR, every)
            if arrived is not None and arrived.si_signo in _PASSED_ON and arrived.si_code != _SI_KERNEL:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, arrived.si_signo)
            look()
            self._reap(reaped)
        look()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
        return self.status

    def _reap(self, reaped: Callable[[int], None]) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if not pid:
                return
            if os.WIFSTOPPED(status):
                if pid == self.pid:  # it stopped itself: the shell that started us must see a stopped job
                    os.kill(os.getpid(), signal.SIGSTOP)
                    os.kill(self.pid, signal.SIGCONT)
            elif pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                reaped(pid)
