"""Who holds an object, and what is known of a process on record."""

from __future__ import annotations

from typing import NamedTuple

ATTACHED = "attached"  # a System V segment is in its memory
MAPPED = "mapped"  # a POSIX object is in its memory
OPEN = "open"  # it has a descriptor
WAITING = "waiting"  # one of its threads sleeps in an operation on the object

HOWS = (WAITING, ATTACHED, MAPPED, OPEN)  # the strongest first: a holder is listed once


class Holder(NamedTuple):
    """A live process that holds an object now."""

    pid: int
    comm: str  # command name, 15 bytes at most
    uid: int  # effective
    how: str  # attached, mapped, open or waiting


ALIVE = "alive"
GONE = "gone"
RECYCLED = "recycled"  # another process has the number now: it started after the last use on record
HIDDEN = "not visible"  # of another pid namespace, or hidden by hidepid
NEVER = "never"  # no process did this yet


class Recorded(NamedTuple):
    """A process the kernel remembers for an object."""

    role: str  # "created", "last attach or detach", "last send"; or who stands for one that is gone
    pid: int  # 0 where the fate is NEVER or HIDDEN, and for who stands in
    fate: str  # ALIVE, GONE, RECYCLED, HIDDEN or NEVER
    when: int  # epoch seconds of the use on record; 0 = not recorded
    comm: str | None = None  # its command name while it lives


class Credentials(NamedTuple):
    """What decides whether a process may use an object (credentials(7), capabilities(7))."""

    uid: int  # effective
    groups: frozenset[int]  # effective gid and supplementary groups
    capabilities: int  # the effective set, a bit mask
    uids: frozenset[int] = frozenset()  # real, effective, saved and file system uid
