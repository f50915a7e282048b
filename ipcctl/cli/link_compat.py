"""``ipcctl link-compat``: links by which ipcs, ipcrm and ipcmk become ipcctl."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ipcctl.act.links import COMMAND, make_links, remove_links
from ipcctl.cli.options import new_command
from ipcctl.compat import PERSONALITIES
from ipcctl.errors import UsageError

app = new_command()


@app.command(epilog="Example: ipcctl link-compat ~/bin, with ~/bin before /usr/bin in PATH.")
def link_compat(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="An existing directory.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the links away.")] = False,
) -> None:
    """Make links named ipcs, ipcrm and ipcmk in DIR. A file that is no link to ipcctl is never replaced."""
    if not os.path.isdir(directory):
        raise UsageError(f"{directory!r} is no directory", hint="make it first: mkdir -p DIR")
    for path in remove_links(directory, PERSONALITIES) if remove else make_links(directory, PERSONALITIES, _command()):
        print(path)


def _command() -> str:
    """The file to link to: the one that runs, else the console script beside the interpreter."""
    for path in (sys.argv[0], os.path.join(os.path.dirname(sys.executable), COMMAND)):
        if os.path.basename(path) == COMMAND and os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise UsageError("ipcctl is not installed as a command here", hint="pip install it first, then call ipcctl by name")
