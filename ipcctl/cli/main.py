"""Entry point: expected failures become exit codes: 0 done, 1 failed or refused, 2 usage, 130 interrupted."""

from __future__ import annotations

import errno
import os
import sys

from ipcctl.cli.personality import be, chosen
from ipcctl.errors import IpcctlError, Unwritable

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line *arguments* (None = the process's own) and return the exit status."""
    personality = chosen(sys.argv if arguments is None else ["ipcctl", *arguments])
    if personality:
        return be(*personality)
    try:
        _check_streams()
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except IpcctlError as error:
        status = _report(error)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        status = 0  # the reader has what it wanted
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG) or error.filename is not None:
            raise
        _forget_stdout()
        status = _report(Unwritable(f"cannot write the output: {error.strerror}"))
    return status


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:
        from ipcctl.cli.watched import run_directly

        status = run_directly(arguments[1:])
        if status is not None:
            return status
    from ipcctl.cli.app import run

    return run(arguments)


def _check_streams() -> None:
    """Make every stream usable, whatever the caller closed or encodes. Raises Unwritable without a stdout."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115  for the life of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            message = "cannot write the output: stdout is closed"
            raise Unwritable(message, hint="nothing was done; >/dev/null throws the output away")
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _report(error: IpcctlError) -> int:
    """Say it on stderr. What came from outside, such as the name of a process, cannot speak to the terminal."""
    from ipcctl.cli.notes import folded
    from ipcctl.model.names import printable

    sys.stderr.write(folded(printable(f"ipcctl: {error}\n"), sys.stderr))
    if error.hint:
        sys.stderr.write(folded(printable(f"  hint: {error.hint}\n"), sys.stderr))
    return error.exit_code


def _forget_stdout() -> None:
    """What is still buffered must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
