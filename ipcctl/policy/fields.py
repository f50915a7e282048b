"""Which options of ``create`` and ``set`` say something about which kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SYSV = (SHM, SEM, MSG)

# Option to kinds; what is not listed is for every kind.
CREATE: dict[str, Collection[str]] = {
    "--key": _SYSV,
    "--ftok": _SYSV,
    "--size": (SHM, PSHM),
    "--from": (SHM, PSHM),
    "--huge": (SHM,),
    "--nsems": (SEM,),
    "--value": (SEM, PSEM),
    "--values": (SEM,),
    "--qbytes": (MSG,),
    "--maxmsg": (PMSG,),
    "--msgsize": (PMSG,),
}
SET: dict[str, Collection[str]] = {
    "--qbytes": (MSG,),
    "--value": (SEM, PSEM),
    "--values": (SEM,),
    "--lock/--unlock": (SHM,),
    "--size": (PSHM,),
}


def check_fields(kind: str, given: Mapping[str, object], applies: Mapping[str, Collection[str]]) -> None:
    """Raise UsageError for an option among *given* (None or empty = it was not) that is not for *kind*."""
    for option, value in given.items():
        kinds = applies.get(option, KINDS)
        if is_given(value) and kind not in kinds:
            hint = f"it applies to: {' '.join(name for name in KINDS if name in kinds)}"
            raise UsageError(f"{option} says nothing about a {KINDS[kind].singular}", hint=hint)


def is_given(value: object) -> bool:
    """Whether an option has this value because somebody gave it."""
    return value is not None and value != []
