"""The files of /proc/sysvipc: whole, or by columns. Loads nothing: drop-in commands start with it."""

from __future__ import annotations

from ipcctl.errors import SysvMissing
from ipcctl.kernel.files import read_bytes
from ipcctl.parse.table import parse_columns

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipcctl.parse.table import Column


def read_table(proc: str, kind: str) -> tuple[str, str]:
    """The text of ``sysvipc/KIND`` under *proc*, and its path. Raises SysvMissing, OSError."""
    path = f"{proc}/sysvipc/{kind}"
    try:
        return read_bytes(path).decode("ascii", "replace"), path
    except FileNotFoundError as error:
        message = f"{path} does not exist"
        raise SysvMissing(message) from error


def read_columns(kind: str, fields: Iterable[str], proc: str = "/proc") -> tuple[int, list[Column]]:
    """The number of objects of *kind* and the columns asked for. Raises SysvMissing, ParseError, OSError."""
    text, path = read_table(proc, kind)
    return parse_columns(text, fields, path)
