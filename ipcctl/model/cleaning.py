"""A cleaning policy as it is written: rules, protections, limits (ipcctl-policy(5)). Accounts are still names."""

from __future__ import annotations

from typing import NamedTuple

REPORT = "report"
REMOVE = "remove"
SAVE_AND_REMOVE = "save-and-remove"
ACTIONS = (REPORT, REMOVE, SAVE_AND_REMOVE)

MIN_IDLE = 60  # seconds: a program between create and attach must not lose its object
MAX_OBJECTS = 1000  # per run: a mistake must not empty a host


class Conditions(NamedTuple):
    """What an object must be like: all that are given must hold, the values of one are alternatives."""

    kinds: tuple[str, ...] = ()  # empty = all
    users: tuple[str, ...] = ()  # name or uid; of a protection also a glob or a range "0-999"
    groups: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # "0x2a", or a glob on the eight-digit form
    names: tuple[str, ...] = ()  # globs
    producers: tuple[str, ...] = ()
    older_than: int | None = None  # seconds
    larger_than: int | None = None  # bytes
    orphaned: bool = False
    unattached: bool = False
    dest: bool = False
    world_writable: bool = False
    empty: bool = False


class Rule(NamedTuple):
    """What to do with the objects that conditions describe."""

    name: str
    conditions: Conditions
    action: str  # of ACTIONS
    min_idle: int  # seconds: what was used more recently is not meant, whatever the conditions
    save_dir: str | None  # where SAVE_AND_REMOVE saves; None with the other actions
    line: int  # of its heading in the file; 0 = not known


class Protection(NamedTuple):
    """Objects that no rule may touch."""

    name: str
    conditions: Conditions
    line: int = 0


class Policy(NamedTuple):
    """One policy file."""

    source: str  # its path
    rules: tuple[Rule, ...]
    protections: tuple[Protection, ...]
    shipped: tuple[str, ...] | None  # names of the shipped protections that hold; None = all of them
    max_objects: int  # one run removes at most so many
    max_bytes: int | None  # and at most so much; None = no limit
