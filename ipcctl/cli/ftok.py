"""``ipcctl ftok``: the key of a file and a project id, and the other way round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import Output, choose_format, note, note_gaps
from ipcctl.errors import Refused, UsageError
from ipcctl.kernel.ftok import key_of, search
from ipcctl.kernel.host import Host
from ipcctl.model.names import escape
from ipcctl.model.origin import Origin
from ipcctl.model.snapshot import Gap
from ipcctl.parse.fields import PRIVATE, parse_key, parse_project
from ipcctl.render.cells import key_text
from ipcctl.render.origins import origin_listing, origin_records

app = new_command()

_GAPS_SHOWN = 10
_EXAMPLES = """\b
Examples:
  ipcctl ftok /srv/app A          what programs get from ftok("/srv/app", 'A')
  ipcctl ftok /srv/app 65         the same: digits are a number, 1 to 255
  ipcctl ftok --find 0x7a0201c3 /srv /home      whose key is this?
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def ftok(
    words: Annotated[
        list[str], typer.Argument(metavar="PATH PROJ | DIR...", help="A file and a project id; or where to look.")
    ],
    *,
    find: Annotated[
        str | None, typer.Option(metavar="KEY", help="Look in and under each DIR for files that can have made KEY.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Keys with path and project id, as JSON.")] = False,
    host: Host,
) -> int:
    """Print the key that programs get for PATH and PROJ, or find the files that can have made a key."""
    output = Output(choose_format(None, json=json), None, None, headings=True, exact_bytes=False, numeric=True)
    gaps: list[Gap] = []
    if find is not None:
        key = _key(find)
        found = _find(key, words, gaps, host)
    else:
        found = [_made(words)]
        if not json:
            print(key_text(found[0].key))
            return 0
    view = output.view(host, time.time())
    output.write([origin_records(found, view) if json else origin_listing(found, view)], gaps, "keys")
    note_gaps(gaps[:_GAPS_SHOWN])
    if len(gaps) > _GAPS_SHOWN:
        note(f"ipcctl: {len(gaps) - _GAPS_SHOWN} more could not be looked into")
    if not found:
        note(f"ipcctl: nothing in {' '.join(map(escape, words))} can have made {key_text(key)}")
        note(f"  hint: it takes a file with an inode that ends in 0x{key & 0xFFFF:04x}, on a device whose minor number"
             f" ends in 0x{key >> 16 & 0xFF:02x}")  # fmt: skip
    return int(not found)


def _made(words: Sequence[str]) -> Origin:
    try:
        path, text = words
    except ValueError:
        raise UsageError(
            "PATH and PROJ are needed", hint="ipcctl ftok /srv/app A, or ipcctl ftok --find KEY DIR..."
        ) from None
    proj = parse_project(text)
    try:
        return Origin(key_of(path, proj), path, proj)
    except (OSError, ValueError) as error:
        raise _unseen(path, error) from error


def _key(text: str) -> int:
    if text == PRIVATE:
        raise UsageError(f"bad key {text!r}", hint="no file makes it: write 0x2a (32 bits, not 0)")
    return parse_key(text)


def _find(key: int, tops: Sequence[str], gaps: list[Gap], host: Host) -> list[Origin]:
    for top in tops:  # all of them, before a long search
        try:
            key_of(top, 0)
        except (OSError, ValueError) as error:
            raise _unseen(top, error) from error
    return list(search(key, tops, gaps, host.roots.proc))


def _unseen(path: str, error: OSError | ValueError) -> Refused:
    why = getattr(error, "strerror", None) or str(error)
    return Refused(f"cannot look at {path!r}: {why}", hint="ftok(3) needs a file that exists")
