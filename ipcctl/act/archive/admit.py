"""May these objects be restored here? Every reason against it, before anything is made."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from ipcctl.act.admission import misnamed, not_ours, room_of
from ipcctl.act.making import target
from ipcctl.act.remove import Remover
from ipcctl.errors import Refused
from ipcctl.model.removal import ALREADY_GONE, REMOVED, WOULD_REMOVE
from ipcctl.policy.plan import plan_removal
from ipcctl.policy.room import Plan, shortages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ipcctl.act.archive.restore import Wanted
    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.removal import Outcome


@contextlib.contextmanager
def admitted(host: Host, wanted: Sequence[Wanted], *, replace: bool) -> Iterator[Callable[[], list[Outcome]] | None]:
    """Check all. The function removes what has their keys and names, as ``rm`` does, and tells: not what is in use.

    None = nothing does.

    Raises Refused, with every reason: then nothing was changed. So does the function, when something was taken into
    use meanwhile.
    """
    kinds = list(dict.fromkeys(it.object.kind for it in wanted))
    present = host.snapshot(kinds).objects
    taken = _occupants(wanted, present)
    objects = [it.object for it in wanted]
    reasons = [
        *_twice(wanted),
        *((why, "--as-name gives it another name") for why in misnamed(objects)),
        *((why, "run as root, or own it yourself: --own") for why in not_ours(objects)),
    ]
    if not replace:
        reasons += [(f"{ref} exists", "--replace removes it, --as-key and --as-name go elsewhere") for ref, _ in taken]
    others = {
        kind: [item for item in items if item not in [its for _, its in taken]] for kind, items in present.items()
    }
    plans = [Plan(it.object, it.archived.content.bytes, it.archived.content.largest_message) for it in wanted]
    reasons += shortages(plans, others if replace else present, room_of(host))
    if reasons:
        raise Refused(
            f"nothing restored: {'; '.join(why for why, _ in reasons)}",
            hint="; ".join(dict.fromkeys(how for _, how in reasons)),
        )
    if not taken:
        yield None
        return
    occupants = [item for _, item in taken]
    with Remover(host, {item.kind for item in occupants}) as remover:
        plan = plan_removal(occupants, remover.judge.verdict_on, force=False)
        list(_unless_kept(plan))
        yield lambda: list(_unless_kept(remover.carry_out(plan)))


def _occupants(wanted: Sequence[Wanted], present: Mapping[str, Sequence[IpcObject]]) -> list[tuple[str, IpcObject]]:
    refs = {it.ref for it in wanted if it.ref is not None}
    return [(str(target(item)), item) for items in present.values() for item in items if target(item) in refs]


def _unless_kept(steps: Iterable[Outcome]) -> Iterator[Outcome]:
    for step in steps:
        if step.result not in (WOULD_REMOVE, REMOVED, ALREADY_GONE):
            hint = "ipcctl rm --force removes what is in use; ipcctl show tells who holds it"
            raise Refused(f"nothing restored: cannot replace {step.object.ref}: {step.why}", hint=hint)
        yield step


def _twice(wanted: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    for ref, count in Counter(it.ref for it in wanted).items():
        if ref is not None and count > 1:
            yield f"{count} files hold {ref}", "restore one of them"
