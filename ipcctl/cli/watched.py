"""What ``ipcctl run`` does, without typer: a command must not wait for what parses a handful of options."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, TextIO

from ipcctl.cli.notes import note, note_gaps
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.leak import Found, Leak
    from ipcctl.render.columns import View

LEAK_STATUS = 99
_NOT_FOUND, _NOT_RUN, _SIGNALLED = 127, 126, 128
_FLAGS = {"--clean": "clean", "--fail": "fail", "--private": "private"}
_REPORT = "--report"


def run_directly(arguments: Sequence[str]) -> int | None:
    """Run by the *arguments* of ``ipcctl run``; None where they are for typer to answer: help, and all mistakes."""
    chosen = dict.fromkeys(_FLAGS.values(), False)
    report = None
    words = list(arguments)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if word in _FLAGS:
            chosen[_FLAGS[word]] = True
        elif word == _REPORT and words:
            report = words.pop(0)
        elif word.startswith(f"{_REPORT}="):
            report = word.removeprefix(f"{_REPORT}=")
        else:
            return None
    return run_watched(words, report=report, **chosen) if words and words[0] else None


def run_watched(command: Sequence[str], *, clean: bool, fail: bool, private: bool, report: str | None) -> int:
    """Run *command*, say what it left, and return the exit status. Raises UsageError, InterfaceMissing."""
    target = None if report is None else _open_report(report)
    from ipcctl.act.run import run

    host = Host()
    try:
        status, found = run(command, host, alone=private, clean=clean)
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
    import time

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
