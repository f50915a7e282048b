"""``ipcs -u``: what the objects of each kind take together."""

from __future__ import annotations

from ipcctl.compat.numbers import human
from ipcctl.kernel.limits import page_size
from ipcctl.kernel.sysvipc import read_columns

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable


def summary(kind: str, unit: str) -> str:
    """The section of *kind*, from its blank line on. Raises SysvMissing, ParseError, OSError."""
    return "\n" + "".join(f"{line}\n" for line in _SECTIONS[kind](unit))


def _msg(unit: str) -> list[str]:
    queues, (cbytes, qnum) = read_columns("msg", ("cbytes", "qnum"))
    used = sum(map(_known, cbytes))
    space = {"human": f"used space = {human(used)}", "bytes": f"used space (bytes) = {used}"}
    return [
        "------ Messages Status --------",
        f"allocated queues = {queues}",
        f"used headers = {sum(map(_known, qnum))}",
        space.get(unit, f"used space = {used} bytes"),
    ]


def _shm(_: str) -> list[str]:
    segments, (size, rss, swap) = read_columns("shm", ("size", "rss", "swap"))
    page = page_size()
    return [
        "------ Shared Memory Status --------",
        f"segments allocated {segments}",
        f"pages allocated {sum((_known(bytes_) + page - 1) // page for bytes_ in size)}",
        f"pages resident  {sum(map(_known, rss)) // page}",
        f"pages swapped   {sum(map(_known, swap)) // page}",
        "Swap performance: 0 attempts\t 0 successes",  # the kernel has counted neither since 2.4
    ]


def _sem(_: str) -> list[str]:
    sets, (nsems,) = read_columns("sem", ("nsems",))
    return [
        "------ Semaphore Status --------",
        f"used arrays = {sets}",
        f"allocated semaphores = {sum(map(_known, nsems))}",
    ]


def _known(number: int | None) -> int:
    """0 for what an old kernel does not say (rss and swap)."""
    return number or 0


_SECTIONS: dict[str, Callable[[str], list[str]]] = {"msg": _msg, "shm": _shm, "sem": _sem}
