"""ipcs: System V objects, their limits and totals, as util-linux shows them."""

from __future__ import annotations

from ipcctl.compat import VERSION
from ipcctl.compat.numbers import INT_MAX, INT_MIN, RANGE, whole
from ipcctl.compat.scan import NONE, REQUIRED, scan
from ipcctl.errors import IpcctlError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

_KINDS = {"q": "msg", "m": "shm", "s": "sem"}  # in the order of output
_LAYOUTS = {"t": "time", "p": "pid", "c": "creator", "l": "limits", "u": "summary"}
_UNITS = {"b": "bytes", "human": "human"}
_OPTIONS = (
    ("id", REQUIRED, "i"),
    ("queues", NONE, "q"),
    ("shmems", NONE, "m"),
    ("semaphores", NONE, "s"),
    ("all", NONE, "a"),
    ("time", NONE, "t"),
    ("pid", NONE, "p"),
    ("creator", NONE, "c"),
    ("limits", NONE, "l"),
    ("summary", NONE, "u"),
    ("human", NONE, "human"),
    ("bytes", NONE, "b"),
    ("version", NONE, "V"),
    ("help", NONE, "h"),
)
_HELP = """
Usage:
 ipcs [resource-option...] [output-option]
 ipcs -m|-q|-s -i <id>

Show information on IPC facilities.

Options:
 -i, --id <id>  print details on resource identified by <id>
 -h, --help     display this help
 -V, --version  display version

Resource options:
 -m, --shmems      shared memory segments
 -q, --queues      message queues
 -s, --semaphores  semaphores
 -a, --all         all (default)

Output options:
 -t, --time        show attach, detach and change times
 -p, --pid         show PIDs of creator and last operator
 -c, --creator     show creator and owner
 -l, --limits      show resource limits
 -u, --summary     show status summary
     --human       show sizes in human-readable format
 -b, --bytes       show sizes in bytes

For more details see ipcs(1).
"""


def run(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Answer to *arguments*; the exit status. Raises UsageError and other IpcctlError."""
    letters: set[str] = set()
    layout, unit, identifier = "normal", "", None
    for letter, value in scan("ipcs", arguments, _OPTIONS):
        if letter == "h":
            out.write(_HELP)
            return 0
        if letter == "V":
            out.write(f"ipcs from {VERSION}\n")
            return 0
        if letter == "i":
            identifier = _id(value)
        elif letter == "a":
            letters.update(_KINDS)
        elif letter in _KINDS:
            letters.add(letter)
        layout = _LAYOUTS.get(letter, layout)
        unit = _UNITS.get(letter, unit)
    kinds = [kind for letter, kind in _KINDS.items() if letter in letters or not letters]
    if identifier is not None:
        if len(letters) != 1:
            raise IpcctlError("when using an ID, a single resource must be specified")
        if identifier < 0:
            raise IpcctlError(f"invalid id ({identifier}): an id is a number from 0 to {INT_MAX}")
        from ipcctl.compat.details import details

        return details(kinds[0], identifier, out, err, human=unit == "human")
    sections = _totals(layout, unit) or _tables(kinds, layout, unit)
    return _print(kinds, sections, out, err)


def _id(text: str) -> int:
    number = whole(text, 10)
    if number is None:
        raise IpcctlError(f"failed to parse id argument: '{text}'")
    if not INT_MIN <= number <= INT_MAX:
        raise IpcctlError(f"failed to parse id argument: '{text}': {RANGE}")
    return number


def _totals(layout: str, unit: str) -> Callable[[str], str] | None:
    """What prints the limits or the summary of a kind; None where the layout is a table."""
    if layout == "limits":
        from ipcctl.compat.limits import limits

        return lambda kind: limits(kind, unit)
    if layout == "summary":
        from ipcctl.compat.summary import summary

        return lambda kind: summary(kind, unit)
    return None


def _tables(kinds: Sequence[str], layout: str, unit: str) -> Callable[[str], str]:
    from ipcctl.compat.listing import listing, table_of
    from ipcctl.kernel.sysvipc import ReadAhead, read_table

    tables = {kind: table_of(layout, kind, human=unit == "human") for kind in kinds}
    wanted = [kind for kind in kinds if tables[kind] is not None]
    ahead = ReadAhead(wanted) if len(wanted) > 1 else None

    def section(kind: str) -> str:
        table = tables[kind]
        if table is None:
            return "\n"
        return listing(table, *(ahead.take(kind) if ahead else read_table("/proc", kind)))

    return section


def _print(kinds: Sequence[str], section: Callable[[str], str], out: TextIO, err: TextIO) -> int:
    """Each kind's section; one that cannot be read costs the others nothing."""
    status = 0
    for kind in kinds:
        try:
            out.write(section(kind))
        except IpcctlError as error:
            err.write(f"ipcs: {error}\n")
            status = 1
    out.write("\n")
    return status
