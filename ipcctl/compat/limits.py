"""``ipcs -l``: the limits of the System V kinds."""

from __future__ import annotations

from ipcctl.compat.numbers import ULONG_MAX, human
from ipcctl.kernel.limits import page_size, read_sysv_limits

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable

    from ipcctl.model.limits import SysvLimits

_KIB = 1024
_SHMMIN, _SEMVMX = 1, 32767  # fixed in the kernel, semctl(2) and shmctl(2)


def limits(kind: str, unit: str) -> str:
    """The section of *kind*, from its blank line on. Raises InterfaceMissing, ParseError."""
    return "\n" + "".join(f"{line}\n" for line in _SECTIONS[kind](read_sysv_limits("/proc"), unit))


def _size(label: str, number: int, unit: str) -> str:
    return f"{label} = {human(number)}" if unit == "human" else f"{label} (bytes) = {number}"


def _large_size(label: str, quantity: int, bytes_each: int, unit: str) -> str:
    """A size that may leave 64 bits: the largest multiple of what one counts is shown then, as the original does."""
    if unit:
        return _size(label, _saturated(quantity, bytes_each), unit)
    kibibytes = _saturated(quantity, bytes_each // _KIB) if bytes_each >= _KIB else quantity * bytes_each // _KIB
    return f"{label} (kbytes) = {kibibytes}"


def _saturated(quantity: int, each: int) -> int:
    return min(quantity * each, ULONG_MAX - ULONG_MAX % each)


def _msg(known: SysvLimits, unit: str) -> list[str]:
    return [
        "------ Messages Limits --------",
        f"max queues system wide = {known.msgmni}",
        _size("max size of message", known.msgmax, unit),
        _size("default max size of queue", known.msgmnb, unit),
    ]


def _shm(known: SysvLimits, unit: str) -> list[str]:
    return [
        "------ Shared Memory Limits --------",
        f"max number of segments = {known.shmmni}",
        _large_size("max seg size", known.shmmax, 1, unit),
        _large_size("max total shared memory", known.shmall, page_size(), unit),
        _size("min seg size", _SHMMIN, unit),
    ]


def _sem(known: SysvLimits, _: str) -> list[str]:
    return [
        "------ Semaphore Limits --------",
        f"max number of arrays = {known.semmni}",
        f"max semaphores per array = {known.semmsl}",
        f"max semaphores system wide = {known.semmns}",
        f"max ops per semop call = {known.semopm}",
        f"semaphore max value = {_SEMVMX}",
    ]


_SECTIONS: dict[str, Callable[[SysvLimits, str], list[str]]] = {"msg": _msg, "shm": _shm, "sem": _sem}
