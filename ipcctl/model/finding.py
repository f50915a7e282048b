"""What ``ipcctl doctor`` says, and what it needs to know for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.model.verdict import UNKNOWN as NOT_JUDGED
from ipcctl.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipcctl.model.detail import Semaphore
    from ipcctl.model.holder import Holder
    from ipcctl.model.limits import FileSystemUse, Limit
    from ipcctl.model.objects import PosixSegment

CRITICAL = "critical"  # something fails now, or the next call will
WARNING = "warning"  # something will fail, or costs, or can be abused
INFO = "info"  # good to know, nothing is wrong
UNKNOWN = "unknown"  # not enough could be seen to say that all is well
OK = "ok"

SEVERITIES = (CRITICAL, WARNING, INFO, UNKNOWN, OK)  # the worst first


class Finding(NamedTuple):
    """One thing that a check found, or that it found nothing."""

    check: str
    severity: str
    finding: str  # one sentence
    evidence: tuple[str, ...] = ()  # what a person can look at, a line each
    mend: tuple[str, ...] = ()  # commands to run as they stand, the gentlest first
    refs: tuple[str, ...] = ()  # the objects concerned


class LoginSettings(NamedTuple):
    """What systemd-logind does with the objects of a user who logs out (logind.conf(5))."""

    remove_ipc: bool
    source: str  # the file and line that says so, or "its default"
    lingering: frozenset[str]  # users who never log out altogether (loginctl(1), enable-linger)


class Facts(NamedTuple):
    """All that the checks may ask. The defaults say that nothing is there and nothing could be seen."""

    users: Mapping[int, str | None] = {}
    euid: int = 0  # who looks
    now: float = 0  # epoch seconds
    objects: Mapping[str, Sequence[Any]] = {}  # by kind; a kind that is missing could not be listed
    limits: Sequence[Limit] | None = None
    verdict: Callable[[Any], Verdict] = lambda _: Verdict(NOT_JUDGED, "")
    holders: Callable[[Any], Sequence[Holder]] = lambda _: ()
    calls: Callable[[Any], Mapping[int, str]] = lambda _: {}  # pid to the call in which it waits on an object
    fate: Callable[[int, int], str] = lambda _, __: ""  # of a process on record at a time: see model.holder
    semaphores: Callable[[Any], Sequence[Semaphore] | None] = lambda _: None  # of a set; None = no right to ask
    unseen: str = ""  # why not every process could be looked into; empty = every one was
    deaf: str = ""  # why it cannot be known what threads sleep in; empty = it can
    unlinked: Sequence[PosixSegment] = ()
    shm_path: str = "/dev/shm"
    shm_use: FileSystemUse | None = None
    queue_allowance: Mapping[int, int] = {}  # RLIMIT_MSGQUEUE by uid, in bytes, as far as known
    queue_default: tuple[int, int] | None = None  # maxmsg and msgsize of a queue made without saying
    mqueue: str | None = None  # where an mqueue file system is mounted; None = nowhere
    mqueue_asked: bool = False  # whether the mount table could be read
    login: LoginSettings | None = None  # None = systemd-logind does not run here
    services: Mapping[int, str] = {}  # a system service for each uid that runs one
    last_system_uid: int = 999
