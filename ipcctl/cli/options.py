"""Options that several commands share, each group declared once.

``@with_options(host=open_host)`` replaces a command's parameter ``host`` by the parameters of ``open_host``, so that
they appear on its command line, and passes what ``open_host`` makes of them.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host, Roots
from ipcctl.parse.quantity import parse_duration, parse_size
from ipcctl.policy.selection import Selection, check_key

Command = Callable[..., int | None]
_PID_MAX = 1 << 22  # the kernel's PID_MAX_LIMIT


def new_command() -> typer.Typer:
    """A typer application for one command."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def with_options(**groups: Callable[..., Any]) -> Callable[[Command], Command]:
    """Put the parameters of each builder in place of the command's parameter of that name."""
    builders = {name: inspect.signature(build, eval_str=True).parameters for name, build in groups.items()}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**given: Any) -> int | None:  # noqa: ANN401  whatever typer parsed
            for name, build in groups.items():
                given[name] = build(**{option: given.pop(option) for option in builders[name]})
            return command(**given)

        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for name, parameter in signature.parameters.items():
            parameters += builders[name].values() if name in builders else (parameter,)
        keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        run.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword}
        del run.__wrapped__
        return run

    return decorate


def open_host(
    proc: Annotated[str, typer.Option("--proc", hidden=True, metavar="DIR")] = "/proc",
    mqueue: Annotated[str, typer.Option("--mqueue", hidden=True, metavar="DIR")] = "",
    shm: Annotated[str, typer.Option("--shm", hidden=True, metavar="DIR")] = "/dev/shm",
) -> Host:
    """The host behind the (relocatable) roots."""
    return Host(Roots(proc=proc.rstrip("/") or "/", mqueue=mqueue or None, shm=shm))


class Chosen:
    """A selection and the moment it speaks of."""

    def __init__(self, texts: dict[str, Any]) -> None:
        """Keep what was typed; names are looked up by :meth:`on`."""
        self._texts = texts
        self.now = time.time()

    def on(self, host: Host, *, min_idle: int = 0) -> Selection:
        """The selection, with names looked up on *host*; *min_idle* (seconds) if none is given. Raises UsageError."""
        texts, accounts = self._texts, host.accounts
        older, larger, idle = texts["older_than"], texts["larger_than"], texts["min_idle"]
        if idle is not None and not texts["orphaned"]:
            message = "--min-idle without --orphaned"
            raise UsageError(message, hint="it says how long an orphan must have been left alone; see --older-than")
        return Selection(
            users=tuple(accounts.uid(text) for text in texts["user"]),
            groups=tuple(accounts.gid(text) for text in texts["group"]),
            creators=tuple(accounts.uid(text) for text in texts["creator"]),
            keys=tuple(check_key(text) for text in texts["key"]),
            names=tuple(texts["name"]),
            older_than=None if older is None else parse_duration(older),
            larger_than=None if larger is None else parse_size(larger),
            unattached=texts["unattached"],
            dest=texts["dest"],
            world_writable=texts["world_writable"],
            empty=texts["empty"],
            orphaned=texts["orphaned"],
            min_idle=min_idle if idle is None else parse_duration(idle),
            pids=tuple(_pid(pid) for pid in texts["pid"]),
            producers=tuple(_producer(text) for text in texts["producer"]),
        )


def _producer(name: str) -> str:
    from ipcctl.policy.producers import check_producer

    return check_producer(name)


def _pid(pid: int) -> int:
    if not 0 < pid <= _PID_MAX:
        message = f"bad --pid {pid}"
        raise UsageError(message, hint=f"a process id is 1 to {_PID_MAX}; 0 on record means never, or not visible")
    return pid


def choose(
    user: Annotated[list[str], typer.Option(metavar="USER", help="Owner: a name, a uid or `me`. Repeatable.")] = [],  # noqa: B006  typer copies it
    group: Annotated[list[str], typer.Option(metavar="GROUP", help="Owner's group. Repeatable.")] = [],  # noqa: B006
    creator: Annotated[list[str], typer.Option(metavar="USER", help="Creator (System V). Repeatable.")] = [],  # noqa: B006
    key: Annotated[list[str], typer.Option(metavar="KEY", help="Key: 0x2a, or a glob on 0x0000002a. Repeatable.")] = [],  # noqa: B006
    name: Annotated[list[str], typer.Option(metavar="GLOB", help="Name (POSIX): 'psm_*'. Repeatable.")] = [],  # noqa: B006
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Not used for at least AGE: 90s 15m 2h 3d 1w.")
    ] = None,
    larger_than: Annotated[
        str | None, typer.Option(metavar="SIZE", help="More bytes than SIZE: 4096 64K 10M 1.5G; KB MB = 1000.")
    ] = None,
    unattached: Annotated[bool, typer.Option("--unattached", help="Segments nobody has attached.")] = False,
    dest: Annotated[bool, typer.Option("--dest", help="Segments removed but still attached.")] = False,
    world_writable: Annotated[bool, typer.Option("--world-writable", help="Writable by everybody.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Queues without messages, memory of size 0.")] = False,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Held by nobody, and every process on record is gone.")
    ] = False,
    min_idle: Annotated[
        str | None, typer.Option(metavar="AGE", help="With --orphaned: left alone for AGE (rm: 60s unless given).")
    ] = None,
    pid: Annotated[
        list[int], typer.Option(metavar="PID", help="Held by process PID, or it is on record. Repeatable.")
    ] = [],  # noqa: B006
    producer: Annotated[
        list[str], typer.Option(metavar="NAME", help="Made by a known producer: python pytorch ... Repeatable.")
    ] = [],  # noqa: B006
) -> Chosen:
    """The filters, as typed."""
    return Chosen(dict(locals()))
