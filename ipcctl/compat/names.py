"""POSIX objects for ipcrm and ipcmk: named, found and removed the way ipcctl does it everywhere."""

from __future__ import annotations

from ipcctl.errors import IpcctlError, UsageError
from ipcctl.model.kinds import PMSG, PSEM, PSHM
from ipcctl.model.names import escape
from ipcctl.parse.reference import parse_reference

TYPE_CHECKING = False  # as in the modules beside this one
if TYPE_CHECKING:
    from collections.abc import Callable

    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.snapshot import Gap

    Say = Callable[[str], None]

_WORDS = {PSHM: "POSIX shared memory", PSEM: "POSIX semaphore", PMSG: "POSIX message queue"}


def object_name(kind: str, text: str) -> str:
    """*text* with its leading slash, which may be missing. Raises IpcctlError for what can be no name."""
    name = text if text.startswith("/") else f"/{text}"
    try:
        parsed = parse_reference(f"{kind}:{escape(name)}").name
    except UsageError as error:
        why = f"invalid name ({escape(text)})" + (f": {error.hint}" if error.hint else "")
        raise IpcctlError(why) from None
    return name if parsed is None else parsed


def remove_named(kind: str, name: str, typed: str, say: Say, complain: Say) -> bool:
    """Remove the object, called as it was *typed* in what is said; whether that failed."""
    say(f"removing {_WORDS[kind]} `{escape(typed)}'\n")
    host, objects, gaps = _seen(kind)
    for item in objects:
        if item.name == name:  # type: ignore[union-attr]  # a POSIX object
            return _remove(host, kind, [item], complain)
    reason = next((gap.why for gap in gaps if gap.what in (kind, f"{kind}:{escape(name)}")), "")
    complain(f"name `{escape(typed)}' not found" + (f": {reason}" if reason else ""))
    return True


def remove_all_named(kind: str, say: Say, complain: Say) -> bool:
    """Remove every object of *kind*; whether something failed. What only looks like one is named and left alone."""
    host, objects, gaps = _seen(kind)
    failed = _remove(host, kind, objects, complain, say)
    for gap in gaps:
        complain(f"left alone: {gap.what}: {gap.why}")
        failed |= gap.what == kind
    return failed


def _seen(kind: str) -> tuple[Host, list[IpcObject], tuple[Gap, ...]]:
    from ipcctl.kernel.host import Host

    host = Host()
    snapshot = host.snapshot((kind,))
    return host, list(snapshot.objects[kind]), snapshot.gaps


def _remove(host: Host, kind: str, objects: list[IpcObject], complain: Say, say: Say | None = None) -> bool:
    from ipcctl.act.remove import Remover
    from ipcctl.model.removal import FAILED, KEPT, WOULD_REMOVE, Outcome

    failed = False
    with Remover(host, (kind,), force=True) as remover:
        for item in objects:
            name = escape(item.name)  # type: ignore[union-attr]  # a POSIX object
            if say:
                say(f"removing {_WORDS[kind]} `{name if kind == PMSG else name[1:]}'\n")
            for outcome in remover.carry_out((Outcome(item, WOULD_REMOVE, ""),)):
                if outcome.result in (FAILED, KEPT):
                    complain(f"cannot remove {name}: {outcome.why}")
                    failed = True
    return failed
