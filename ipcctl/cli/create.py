"""``ipcctl create``: make an object, never taking over an existing one."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from ipcctl.act.create import create as carry_out
from ipcctl.act.wishes import wish
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import Output, check_kinds, complete_kinds, note_gaps
from ipcctl.kernel.host import Host

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl create shm --size 64M          private: known by the id it prints
  ipcctl create shm --key 0x2a --from cache.img --owner postgres --mode 640
  ipcctl create sem --values 1,1,0 --ftok /srv/app:A
  ipcctl create msg --key 0x2a --qbytes 64K
  zcat dump.gz | ipcctl create pshm /dump --from - --size 2G
  ipcctl create psem /lock --value 1
  ipcctl create pmsg /jobs --maxmsg 10 --msgsize 8K
"""


def choose(
    size: Annotated[str | None, typer.Option(metavar="SIZE", help="Bytes of shm, pshm: 4096 64K 10M 1.5G.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="Content of shm, pshm: a file, - = standard input.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Key of shm, sem, msg: 0x2a. Private if none.")] = None,
    ftok: Annotated[str | None, typer.Option(metavar="PATH:PROJ", help="The key that ftok(3) makes of these.")] = None,
    huge: Annotated[
        str | None, typer.Option(metavar="SIZE", help="shm of huge pages of SIZE (2M, 1G, or `default`).")
    ] = None,
    nsems: Annotated[str | None, typer.Option(metavar="N", help="Number of semaphores of sem; 1 if not given.")] = None,
    values: Annotated[str | None, typer.Option(metavar="V,...", help="Values of all semaphores of sem.")] = None,
    value: Annotated[
        list[str], typer.Option(metavar="[NUM=]V", help="Value of semaphore NUM of sem (repeatable), or of psem.")
    ] = [],  # noqa: B006  typer copies it
    qbytes: Annotated[str | None, typer.Option(metavar="SIZE", help="Bytes that msg may hold.")] = None,
    maxmsg: Annotated[str | None, typer.Option(metavar="N", help="Messages that pmsg may hold.")] = None,
    msgsize: Annotated[str | None, typer.Option(metavar="SIZE", help="Largest message of pmsg.")] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="Permissions, octal; 600 if not given.")] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="USER[:GROUP]", help="Owner, or USER:GROUP, or :GROUP; names or numbers.")
    ] = None,
) -> dict[str, Any]:
    """What the object is to be, as typed, by option."""
    given = dict(locals())
    given["from"] = given.pop("source")
    return {f"--{name}": text for name, text in given.items()}


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, texts=choose)
def create(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="shm sem msg pshm psem pmsg", autocompletion=complete_kinds)
    ],
    name: Annotated[str | None, typer.Argument(metavar="[/NAME]", help="Of pshm, psem and pmsg.")] = None,
    *,
    texts: dict[str, Any],
    json: Annotated[bool, typer.Option("--json", help="The new object's record instead of its reference.")] = False,
    host: Host,
) -> None:
    """Create an object and print its reference. What exists is never taken over or changed."""
    (kind,) = check_kinds([kind])
    with wish(host, kind, name, texts) as wished:
        made, gaps = carry_out(host, wished)
    if json:
        output = Output("json", None, None, headings=True, exact_bytes=False, numeric=False)
        output.write(output.listings({kind: [made]}, output.view(host, time.time())), gaps)
        note_gaps(gaps)
    else:
        print(made.ref)
