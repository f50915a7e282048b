"""``ipcctl run``: run a command and say what it left behind."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ipcctl.cli.options import new_command
from ipcctl.cli.output import note, note_gaps
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.leak import Found, Leak

if TYPE_CHECKING:
    from ipcctl.render.columns import View

LEAK_STATUS = 99
_NOT_FOUND, _NOT_RUN, _SIGNALLED = 127, 126, 128

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl run -- pytest -q                     the report follows on standard error
  ipcctl run --fail -- make test              status 99 if anything was left behind
  ipcctl run --clean --report leaks.json -- ./soak-test
  ipcctl run --private -- ./configure-and-test    in an IPC namespace of its own
"""


@app.command(epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str] | None, typer.Argument(metavar="CMD [ARG]...", help="The command to run.")] = None,
    *,
    clean: Annotated[bool, typer.Option("--clean", help="Remove what was left, unless it is in use.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit 99 if anything was left.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Give CMD an IPC namespace and a /dev/shm of its own.")
    ] = False,
    report: Annotated[str | None, typer.Option(metavar="FILE", help="Write the report to FILE, as JSON.")] = None,
) -> int:
    """Run CMD and report the IPC objects that it or its descendants left behind. CMD's exit status is passed on."""
    if not command or not command[0]:
        raise UsageError("no command to run", hint="ipcctl run [OPTION]... -- CMD [ARG]...")
    target = None if report is None else _open_report(report)
    from ipcctl.act.run import run as carry_out

    host = Host()
    try:
        status, found = carry_out(command, host, alone=private, clean=clean)
    except OSError as error:
        if error.filename is not None or not error.errno:
            raise
        note(f"ipcctl: cannot run {command[0]!r}: {error.strerror}")
        return _NOT_FOUND if error.errno == errno.ENOENT else _NOT_RUN
    _tell(os.path.basename(command[0]), found, host)
    if target is not None:
        _write(target, command, status, found, host)
    if fail and found.leaks:
        return LEAK_STATUS
    return status if status >= 0 else _SIGNALLED - status


def _open_report(path: str) -> TextIO:
    """Opened before anything runs: a report that cannot be written must not be noticed at the end of a long test."""
    try:
        return open(path, "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path!r}: {error.strerror}", hint="nothing was run") from None


def _write(target: TextIO, command: Sequence[str], status: int, found: Found, host: Host) -> None:
    from ipcctl.render.leaks import leak_report

    with target:
        target.write(leak_report(command, status, found, _view(host)))


def _view(host: Host) -> View:
    from ipcctl.render.columns import View

    return View(host.accounts.users, host.accounts.groups, time.time())


def _tell(name: str, found: Found, host: Host) -> None:
    """The report for people, on standard error."""
    if not found.leaks:
        note(f"ipcctl: {name} left nothing behind" + (" for certain" if found.perhaps else ""))
    if found.leaks or found.perhaps:
        _tell_more(name, found, host)
    note_gaps(found.gaps)


def _tell_more(name: str, found: Found, host: Host) -> None:
    from ipcctl.render.leaks import summary

    if found.leaks:
        note(f"ipcctl: {name} left {summary(found.leaks)} behind")
        _list(found.leaks, _view(host))
    if found.perhaps:
        note(f"ipcctl: perhaps of {name}, perhaps not: {summary(found.perhaps)}; --private would tell")
        _list(found.perhaps, _view(host))


def _list(leaks: Sequence[Leak], view: View) -> None:
    from ipcctl.render.leaks import leak_listing

    listing = leak_listing(leaks, view)
    if sys.stderr.isatty():
        from ipcctl.cli.output import print_rich
        from ipcctl.render.table import tables

        print_rich(tables([listing]), stderr=True)
    else:
        from ipcctl.render.plain import plain

        sys.stderr.writelines(plain([listing]))
