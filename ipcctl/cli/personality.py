"""Being ipcs, ipcrm or ipcmk: streams, signals and exit codes as those programs have them. Loaded before typer."""

from __future__ import annotations

import os
import sys

from ipcctl.compat import PERSONALITIES
from ipcctl.errors import IpcctlError, UsageError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def chosen(command: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """Which personality a command line (with its argv[0]) asks for, and its arguments; None for ipcctl itself."""
    name = os.path.basename(command[0])
    if name in PERSONALITIES:
        return name, command[1:]
    if len(command) > 1 and command[1] in PERSONALITIES:
        return command[1], command[2:]
    return None


def be(name: str, arguments: Sequence[str]) -> int:
    """Run as the personality *name* to the end; the exit status."""
    import _signal  # type: ignore[import-not-found]  # signal would load enum

    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # a reader that has enough ends the program without a word
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    out, err = _stream(sys.stdout), _stream(sys.stderr)
    try:
        status = answer(name, arguments, out, err)
        out.flush()
    except OSError as error:  # what is read or changed has its errors caught where it happens
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not fail again at exit
        err.write(f"{name}: write error: {os.strerror(error.errno or 0)}\n")
        status = 1
    return status


def answer(name: str, arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    """What the personality *name* answers to *arguments*; the exit status. Raises OSError where *out* takes no more."""
    try:
        return _ENTRIES[name](arguments, out, err)
    except UsageError as error:
        err.write(f"{name}: {error}\n{error.hint}\n")
    except IpcctlError as error:
        err.write(f"{name}: {error}\n")
    except OSError as error:
        if error.filename is None:
            raise
        err.write(f"{name}: {error.filename}: {os.strerror(error.errno or 0)}\n")
    return 1


def _stream(stream: TextIO | None) -> TextIO:
    """A stream that takes whatever was on the command line; a closed one is silence, not a failure."""
    if stream is None:
        return open(os.devnull, "w")  # for the life of the process
    if stream.fileno() == 1 and stream.write_through:  # type: ignore[attr-defined]
        # PYTHONUNBUFFERED, which container images set, would write in pieces and change the order on 2>&1.
        return open(1, "w", encoding=stream.encoding, errors="surrogateescape", closefd=False)
    stream.reconfigure(errors="surrogateescape")  # type: ignore[attr-defined]
    return stream


def _ipcs(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    from ipcctl.compat import ipcs

    return ipcs.run(arguments, out, err)


def _ipcrm(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    from ipcctl.compat import ipcrm

    return ipcrm.run(arguments, out, err)


def _ipcmk(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    from ipcctl.compat import ipcmk

    return ipcmk.run(arguments, out, err)


_ENTRIES = {"ipcs": _ipcs, "ipcrm": _ipcrm, "ipcmk": _ipcmk}
