"""The files of /proc/sysvipc: whole, or by columns. Loads nothing: drop-in commands start with it."""

from __future__ import annotations

from ipcctl.errors import SysvMissing
from ipcctl.kernel.files import read_large
from ipcctl.parse.table import parse_columns

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipcctl.parse.table import Column


def read_table(proc: str, kind: str) -> tuple[str, str]:
    """The text of ``sysvipc/KIND`` under *proc*, and its path. Raises SysvMissing, OSError."""
    path = f"{proc}/sysvipc/{kind}"
    try:
        return read_large(path).decode("ascii", "replace"), path
    except FileNotFoundError as error:
        message = f"{path} does not exist"
        raise SysvMissing(message) from error


def read_columns(kind: str, fields: Iterable[str], proc: str = "/proc") -> tuple[int, list[Column]]:
    """The number of objects of *kind* and the columns asked for. Raises SysvMissing, ParseError, OSError."""
    text, path = read_table(proc, kind)
    return parse_columns(text, fields, path)


class ReadAhead:
    """The tables of several kinds, read one after the other by a thread while the caller works on those before.

    The kernel takes as long to write a large table as it takes to lay it out: with two processors half of it is free.
    """

    def __init__(self, kinds: Sequence[str], proc: str = "/proc") -> None:
        """Start reading *kinds*, which the caller will take in this order."""
        import _thread  # threading would take longer to import than an empty listing

        self._answers: dict[str, tuple[str, str] | Exception] = {}
        self._proc = proc
        self._ready = {kind: _thread.allocate_lock() for kind in kinds}
        for lock in self._ready.values():
            lock.acquire()
        _thread.start_new_thread(self._read, ())

    def take(self, kind: str) -> tuple[str, str]:
        """What read_table() returns for *kind*, once. Raises what that raises."""
        self._ready[kind].acquire()
        answer = self._answers.pop(kind)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _read(self) -> None:
        for kind, lock in self._ready.items():
            try:
                self._answers[kind] = read_table(self._proc, kind)
            except Exception as error:  # noqa: BLE001  raised again in the thread that asks
                self._answers[kind] = error
            lock.release()
