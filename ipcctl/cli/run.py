"""``ipcctl run``: its options. Usually they are read without this: :mod:`ipcctl.cli.watched`."""

from __future__ import annotations

from typing import Annotated

import typer

from ipcctl.cli.options import new_command
from ipcctl.cli.watched import run_watched
from ipcctl.errors import UsageError

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl run -- pytest -q                    the report goes to standard error
  ipcctl run --fail -- make test             exit 99 if anything was left
  ipcctl run --clean --report leaks.json -- ./soak-test
  ipcctl run --private -- ./try-it           in an IPC namespace of its own
"""


@app.command(epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str] | None, typer.Argument(metavar="CMD [ARG]...", help="The command to run.")] = None,
    *,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove what was left, unless a live process uses it.")
    ] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit 99 if anything was left.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Give CMD an IPC namespace and a /dev/shm of its own.")
    ] = False,
    report: Annotated[str | None, typer.Option(metavar="FILE", help="Write the report to FILE, as JSON.")] = None,
) -> int:
    """Run CMD and report the IPC objects that it or its descendants left behind. CMD's exit status is passed on."""
    if not command or not command[0]:
        raise UsageError("no command to run", hint="ipcctl run [OPTION]... -- CMD [ARG]...")
    return run_watched(command, clean=clean, fail=fail, private=private, report=report)
