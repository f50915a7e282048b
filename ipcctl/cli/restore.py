"""``ipcctl restore``: make objects again from their files."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Annotated, Any

import typer

from ipcctl.act.archive.admit import admitted
from ipcctl.act.archive.check import expect
from ipcctl.act.archive.restore import Restorer, Wanted
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import FORMATS, Output, choose_format, note
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host
from ipcctl.model.archive import Archived
from ipcctl.model.kinds import KINDS
from ipcctl.parse.fields import parse_key
from ipcctl.parse.reference import parse_reference
from ipcctl.render.outcomes import outcome_listing, outcome_records

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl restore shm-0x2a-65538.*.ipcctl           all but the id
  ipcctl restore jobs.ipcctl --as-name /jobs-old   beside the present one
  ipcctl restore ./*.ipcctl --replace              what is idle there goes
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host)
def restore(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="What ipcctl save or rm --save wrote.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what has the same key or name, unless it is in use.")
    ] = False,
    as_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="With this key, 0x2a, or `private` (one System V object).")
    ] = None,
    as_name: Annotated[str | None, typer.Option(metavar="/NAME", help="Under this name (one POSIX object).")] = None,
    own: Annotated[bool, typer.Option("--own", help="Owned by whoever restores, not by its old owner.")] = False,
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=" ".join(FORMATS))] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Numbers instead of user names.")] = False,
    host: Host,
) -> int:
    """Make objects again from their files: all of them, or none. A key or name that is taken is refused."""
    output = Output(choose_format(format, json=json), None, None, headings=True, exact_bytes=False, numeric=numeric)
    moved = _moved(as_key, as_name, len(files))
    archives = [expect(path, replacing=replace) for path in files]
    wanted = [Wanted(archived, _as_wanted(archived, moved, own=own)) for archived in archives]
    with admitted(host, wanted, replace=replace) as make_way, Restorer(host) as restorer:
        outcomes = restorer.restore(wanted, make_way)
    view = output.view(host, time.time())
    text = output.format in ("table", "plain")
    output.write([outcome_listing(outcomes, view, "Restored")] if text else outcome_records(outcomes, view), ())
    note(", ".join(f"{count} {result}" for result, count in Counter(step.result for step in outcomes).items()))
    return 0


def _moved(as_key: str | None, as_name: str | None, count: int) -> dict[str, Any]:
    """The field that is to be another. Raises UsageError."""
    if as_key is None and as_name is None:
        return {}
    if count > 1 or (as_key is not None and as_name is not None):
        message = "--as-key and --as-name are for one object"
        raise UsageError(message, hint="restore the files one by one")
    if as_name is not None:
        return {"name": parse_reference(f"pshm:{as_name}").name}
    return {"key": parse_key(as_key or "")}


def _as_wanted(archived: Archived, moved: dict[str, Any], *, own: bool) -> Any:  # noqa: ANN401  any object
    item: Any = archived.object
    if moved and KINDS[item.kind].posix != ("name" in moved):
        wrong, right = ("name", "key") if "name" in moved else ("key", "name")
        raise UsageError(f"a {KINDS[item.kind].singular} has no {wrong}", hint=f"--as-{right} gives it another {right}")
    return item._replace(**moved, **({"uid": os.geteuid(), "gid": os.getegid()} if own else {}))
