"""The typer application. Commands are loaded when they are called: start-up is a feature."""

from __future__ import annotations

import gc
import importlib
import re
import sys
from typing import Annotated, Any

import typer
import typer.core

from ipcctl.compat import PERSONALITIES
from ipcctl.errors import UsageError

_COMMANDS = {
    "ls": "list objects, all six kinds by default",
    "show": "everything about an object",
    "rm": "remove objects, safely",
    "create": "make an object, never taking over another",
    "set": "change an object: owner, mode, values, size",
    "ftok": "the key that ftok(3) makes of a file, and the file behind a key",
    "save": "an object's whole content to a file",
    "restore": "make an object again from its file",
    "archive": "look inside files of saved objects",
    "clean": "remove what a policy file says",
    "policy": "explain a policy file",
    "limits": "every limit beside its use",
    "users": "totals per owner",
    "ps": "processes, and what they hold or wait on",
    "doctor": "what is wrong here and what to do about it",
    "exporter": "serve metrics to Prometheus",
    "metrics": "print the metrics once, or write them for node_exporter",
    "link-compat": "links named ipcs, ipcrm and ipcmk in a directory",
    **PERSONALITIES,
    "run": "run a command and say what it left behind",
}

_SYNONYMS = {"remove": ["rm"], "delete": ["rm"], "list": ["ls"], "info": ["show"], "status": ["doctor"]}
_MISTAKES: Any = typer.BadParameter.__base__  # click's UsageError: every mistake on a command line


class _LazyGroup(typer.core.TyperGroup):
    """Knows its commands by name and help; imports ``ipcctl.cli.NAME`` when one is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  click's context
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002  click's own types
        if cmd_name not in _COMMANDS:
            return None
        return load(cmd_name)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  click's context
        if not args and not ctx.resilient_parsing:  # who types the name alone asks what there is
            sys.stderr.write(f"{ctx.get_help()}\n\n")
            raise UsageError("missing command", hint="one of those above: `ipcctl ls` lists every object")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  click's own types
        try:
            return super().resolve_command(ctx, args)
        except _MISTAKES as error:
            import difflib

            near = _SYNONYMS.get(args[0]) or difflib.get_close_matches(args[0], _COMMANDS, 1)
            error.message = error.message.rstrip(".") + "".join(f"; did you mean {name}?" for name in near)
            raise


def load(name: str) -> Any:  # noqa: ANN401  a click command
    """The command *name*, imported now."""
    if name in PERSONALITIES:  # never runs: cli.main has chosen it before this was loaded
        return typer.core.TyperCommand(name, help=PERSONALITIES[name], short_help=PERSONALITIES[name])
    module = importlib.import_module(f"ipcctl.cli.{name.replace('-', '_')}")
    command = typer.main.get_command(module.app)
    command.name = name
    command.short_help = _COMMANDS[name]
    return command


def run(arguments: list[str]) -> int:
    """Run *arguments*. Raises IpcctlError for expected failures; returns the exit status otherwise."""
    gc.disable()  # a listing makes a hundred thousand tuples and no cycles, and the process is short
    command = typer.main.get_command(_application())
    try:
        status = command.main(args=arguments, prog_name="ipcctl", standalone_mode=False)
    except _MISTAKES as error:
        raise _usage(error, arguments[0]) from None
    except SystemExit as leaving:  # typer's own answer to a closed pipe
        if isinstance(leaving.__context__, BrokenPipeError):
            raise leaving.__context__ from None
        raise
    return status if isinstance(status, int) else 0


def _usage(error: Any, word: str) -> UsageError:  # noqa: ANN401  click's UsageError
    """The mistake in a command line that began with *word*, as ours."""
    path = error.ctx.command_path if error.ctx is not None else f"ipcctl {word}" if word in _COMMANDS else "ipcctl"
    if hasattr(error, "possibilities"):
        error.possibilities = _possible(error)
    message = re.sub("is not a valid (int|float)", "is no number", error.format_message())
    return UsageError(message[0].lower() + message[1:].rstrip("."), hint=f"`{path} --help` shows what is accepted")


def _possible(error: Any) -> list[str]:  # noqa: ANN401  click's NoSuchOption
    """The options that may have been meant: those that look like it, or for a letter those that begin with it."""
    shown = [name for param in error.ctx.command.params if not getattr(param, "hidden", False) for name in param.opts]
    letter = error.option_name[1:]
    return [n for n in shown if n in (error.possibilities or ()) or (len(letter) == 1 and n.startswith(f"--{letter}"))]


def _application() -> typer.Typer:
    application = typer.Typer(
        cls=_LazyGroup,
        help="List, explain and remove every IPC object of this host, System V and POSIX.",
        epilog="A command's own help has examples: ipcctl ls --help. The manual: man ipcctl.",
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    application.callback()(_callback)
    return application


def _version(asked: bool) -> None:
    if asked:
        from ipcctl import __version__

        sys.stdout.write(f"ipcctl {__version__}\n")
        raise typer.Exit


def _callback(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
