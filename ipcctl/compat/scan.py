"""Reading an option list the way getopt_long(3) of glibc does, its messages included."""

from __future__ import annotations

import os

from ipcctl.errors import UsageError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # name, what follows it, and the letter it stands for (or the name again)
    Options = Sequence[tuple[str, str, str]]

NONE, REQUIRED, OPTIONAL = "no", "required", "optional"
OPERAND = ""


def scan(command: str, arguments: Sequence[str], options: Options) -> Iterator[tuple[str, str]]:
    """The options in order as (letter, argument or ""), then the operands as (OPERAND, text).

    Lazy, so that what stands before a mistake is seen first. Raises UsageError.
    """
    follows = {letter: what for _, what, letter in options}
    operands: list[str] = []
    waiting = iter(arguments)
    for word in waiting:
        if word == "--":
            break
        if word.startswith("--"):
            yield _long(command, word, waiting, options)
        elif word.startswith("-") and word != "-":
            yield from _short(command, word, waiting, follows)
        else:
            operands.append(word)
            if "POSIXLY_CORRECT" in os.environ:
                break
    for word in (*operands, *waiting):
        yield OPERAND, word


def _long(command: str, word: str, waiting: Iterator[str], options: Options) -> tuple[str, str]:
    typed, equals, argument = word[2:].partition("=")
    found = [option for option in options if option[0] == typed]
    found = found or [option for option in options if option[0].startswith(typed)]
    if not found:
        raise usage(command, f"unrecognized option '{word}'")
    if len(found) > 1:
        names = " ".join(f"'--{name}'" for name, _, _ in found)
        raise usage(command, f"option '{word}' is ambiguous; possibilities: {names}")
    name, what, letter = found[0]
    if equals and what == NONE:
        raise usage(command, f"option '--{name}' doesn't allow an argument")
    if not equals and what == REQUIRED:
        for following in waiting:
            return letter, following
        raise usage(command, f"option '--{name}' requires an argument")
    return letter, argument if equals else ABSENT if what == OPTIONAL else ""


def _short(command: str, word: str, waiting: Iterator[str], follows: dict[str, str]) -> Iterator[tuple[str, str]]:
    rest = word[1:]
    while rest:
        letter, rest = rest[0], rest[1:]
        what = follows.get(letter)
        if what is None:
            byte = os.fsdecode(os.fsencode(letter)[:1])
            raise usage(command, f"invalid option -- '{byte}'")
        if what == NONE:
            yield letter, ""
            continue
        if what == OPTIONAL:
            yield letter, rest or ABSENT
        elif rest:
            yield letter, rest
        else:
            for following in waiting:
                yield letter, following
                break
            else:
                raise usage(command, f"option requires an argument -- '{letter}'")
        return


ABSENT = "\0"  # of an optional argument; no argument of a process can hold it


def usage(command: str, message: str) -> UsageError:
    """A mistake that ends with a pointer to --help."""
    return UsageError(message, hint=f"Try '{command} --help' for more information.")
