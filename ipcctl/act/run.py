"""Running a command and finding out what it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ipcctl.act.watch import Watch, seen
from ipcctl.kernel.child import Child
from ipcctl.model.leak import Found, Leak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.act.judge import Judge
    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject

_ALONE = "in the command's own namespace"


class Finished(NamedTuple):
    """How a command ended, and what is left of it."""

    status: int  # exit status; negative: the signal that ended it
    found: Found


def run(command: Sequence[str], host: Host, *, alone: bool, clean: bool) -> Finished:
    """Run *command*, with the streams and the terminal of this process; *alone* = in a namespace of its own.

    With *clean*, what it left is removed unless it is in use or idle: a daemon it started may need it.
    Raises OSError of execve(2), InterfaceMissing.
    """
    if alone:
        from ipcctl.kernel import private

        private.enter(host.roots.shm)
    child = Child(command)
    if alone:
        child.start()
        status = child.wait(60.0, lambda: None, lambda _: None)
        return Finished(status, _look_back(host, None, clean=clean))
    with Watch(host, child.pid, waits_for_exec=True) as watch:
        watch.wake_by_signal()
        child.start()
        status = child.wait(watch.every, watch.look, watch.reaped)
        return Finished(status, _look_back(host, watch, clean=clean))


def _look_back(host: Host, watch: Watch | None, *, clean: bool) -> Found:
    new, gaps = seen(host) if watch is None else watch.new()
    if not new:
        return Found([], [], gaps)
    from ipcctl.act.judge import Judge  # start-up: most commands leave nothing

    with Judge(host, {item.kind for item in new}) as judge:
        leaks, perhaps = watch.attributed(new, judge) if watch else (_all(new, judge), [])
    return Found(_remove(host, leaks) if clean and leaks else leaks, perhaps, gaps)


def _all(new: Sequence[IpcObject], judge: Judge) -> list[Leak]:
    return [
        Leak(item, _ALONE, tuple(pid for pid in (getattr(item, "cpid", 0),) if pid), ": ".join(judge.verdict_on(item)))
        for item in new
    ]


def _remove(host: Host, leaks: Sequence[Leak]) -> list[Leak]:
    from ipcctl.act.remove import Remover
    from ipcctl.model.removal import KEPT
    from ipcctl.model.verdict import IDLE
    from ipcctl.policy.plan import plan_removal

    with Remover(host, {leak.object.kind for leak in leaks}) as remover:
        verdict_on = remover.judge.verdict_on
        plan = [
            step._replace(result=KEPT) if verdict_on(step.object).verdict == IDLE else step
            for step in plan_removal([leak.object for leak in leaks], verdict_on, force=False)
        ]
        outcomes = list(remover.carry_out(plan))
    return [leak._replace(result=step.result, use=step.why) for leak, step in zip(leaks, outcomes, strict=True)]
