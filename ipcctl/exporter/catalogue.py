"""Every metric there is: name, labels, help, collector. Families, the manual page and the tests come from here.

All are gauges in base units; only ``ipcctl_build_info`` is an info metric.
"""

from __future__ import annotations

from typing import NamedTuple

from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, REPORTED, WOULD_REMOVE

PREFIX = "ipcctl_"

LIMITS, DEVSHM, HOLDERS, USERS, OBJECTS = "limits", "devshm", "holders", "users", "objects"
SCRAPE = "scrape"  # no collector: what every scrape says about itself
CLEAN = "clean"  # no collector: what a cleanup leaves in its textfile

COLLECTORS: dict[str, str] = {
    **{kind: f"{KINDS[kind].title}: numbers and sums" for kind in KINDS},
    LIMITS: "the limits of the IPC namespace",
    DEVSHM: "the file system of POSIX shared memory",
    HOLDERS: "who holds and who waits, and what is left over: a walk over /proc",
    USERS: "totals of the owners that have most",
    OBJECTS: "single POSIX objects, by name",
}
OPTIONAL = (HOLDERS, USERS, OBJECTS)  # only when asked for

_QUEUES = (MSG, PMSG)
_ALL = tuple(KINDS)


class Metric(NamedTuple):
    """One family."""

    name: str  # without the prefix
    help: str
    labels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # the values of the label kind
    collector: str = ""  # empty: the collector of each kind

    @property
    def full_name(self) -> str:
        """As Prometheus knows it."""
        return PREFIX + self.name


def _by_kind(name: str, text: str, kinds: tuple[str, ...], collector: str = "", *more: str) -> Metric:
    return Metric(name, text, ("kind", *more), kinds, collector)


_CATALOGUE = (
    _by_kind("objects", "Objects of each kind.", _ALL),
    _by_kind(
        "objects_limit", "Objects there may be: shmmni, semmni, msgmni, queues_max.", (SHM, SEM, MSG, PMSG), LIMITS
    ),
    Metric("semaphores", "System V semaphores in all sets.", collector=SEM),
    Metric("semaphores_limit", "System V semaphores there may be in all sets: semmns.", collector=LIMITS),
    Metric("shm_size_bytes", "Size of all System V segments, in use or not.", collector=SHM),
    Metric("shm_size_limit_bytes", "Bytes all System V segments may have: shmall pages.", collector=LIMITS),
    Metric("shm_segment_size_limit_bytes", "Bytes one System V segment may have: shmmax.", collector=LIMITS),
    Metric(
        "shm_resident_bytes", "Bytes of System V segments in memory (absent on kernels that do not say).", collector=SHM
    ),
    Metric(
        "shm_swapped_bytes",
        "Bytes of System V segments swapped out (absent on kernels that do not say).",
        collector=SHM,
    ),
    Metric("shm_attachments", "Attachments of System V segments, nattch of all.", collector=SHM),
    Metric("shm_unattached_objects", "System V segments that nobody has attached.", collector=SHM),
    Metric("shm_unattached_bytes", "Size of the System V segments that nobody has attached.", collector=SHM),
    Metric("shm_pending_destroy_objects", "System V segments removed but still attached.", collector=SHM),
    Metric("shm_pending_destroy_bytes", "Size of the System V segments removed but still attached.", collector=SHM),
    _by_kind("messages", "Messages queued, as far as the queues could be read.", _QUEUES),
    _by_kind("message_bytes", "Bytes queued, as far as the queues could be read.", _QUEUES),
    _by_kind(
        "queue_fullness_ratio_max",
        "How full the fullest queue is, 0 to 1: of qbytes, of maxmsg (absent where it cannot be known).",
        _QUEUES,
    ),
    Metric("msg_queue_size_limit_bytes", "Bytes a new System V queue may hold: msgmnb.", collector=LIMITS),
    Metric("pshm_allocated_bytes", "Memory that POSIX shared memory objects really use.", collector=PSHM),
    Metric("devshm_size_bytes", "Size of the file system of POSIX shared memory.", collector=DEVSHM),
    Metric("devshm_avail_bytes", "Bytes left there for ordinary users.", collector=DEVSHM),
    _by_kind(
        "oldest_object_timestamp_seconds",
        "Last activity of the object that was left alone longest, in seconds since the epoch; 0 = no object.",
        _ALL,
    ),
    _by_kind(
        "gaps",
        "Things that could not be read, by kind; a kind that could not be listed at all counts as one.",
        _ALL,
        SCRAPE,
    ),
    _by_kind("orphaned_objects", "Objects that nobody holds and whose every process on record is gone.", _ALL, HOLDERS),
    _by_kind("orphaned_bytes", "Bytes in them; semaphores have none.", _ALL, HOLDERS),
    _by_kind("unknown_objects", "Objects of which not enough could be seen for a verdict.", _ALL, HOLDERS),
    Metric(
        "pshm_unlinked_bytes",
        "Memory of POSIX objects that have no name any more but are still held.",
        collector=HOLDERS,
    ),
    Metric(
        "sem_waiters",
        "Threads asleep on System V semaphores, for a value to grow (ncount) or to become 0 (zcount).",
        ("wait",),
        collector=HOLDERS,
    ),
    _by_kind("blocked_processes", "Processes asleep in an operation on an object.", (SEM, MSG, PMSG), HOLDERS),
    Metric(
        "processes_unreadable", "Processes that could not be looked into and may hold something.", collector=HOLDERS
    ),
    _by_kind("user_objects", "Objects of the owners that have most.", _ALL, USERS, "uid"),
    _by_kind("user_bytes", "Bytes of the owners that have most; semaphores have none.", _ALL, USERS, "uid"),
    _by_kind("queue_messages", "Messages in the queue.", (PMSG,), OBJECTS, "object"),
    _by_kind("queue_message_bytes", "Bytes in the queue.", (PMSG,), OBJECTS, "object"),
    _by_kind("queue_fullness_ratio", "How full the queue is, 0 to 1: messages of maxmsg.", (PMSG,), OBJECTS, "object"),
    _by_kind("object_allocated_bytes", "Memory the object really uses.", (PSHM,), OBJECTS, "object"),
    _by_kind("object_value", "Value of the semaphore.", (PSEM,), OBJECTS, "object"),
    Metric("series_dropped", "Series left out to stay within the collector's bound.", ("collector",), collector=SCRAPE),
    Metric(
        "collector_success",
        "Whether the collector could read what it needs (1) or left its metrics out (0).",
        ("collector",),
        collector=SCRAPE,
    ),
    Metric("collector_duration_seconds", "How long the collector took.", ("collector",), collector=SCRAPE),
    Metric("build_info", "The version of ipcctl; always 1.", ("version",), collector=SCRAPE),
    Metric(
        "clean_last_run_timestamp_seconds", "When the last cleanup ended, in seconds since the epoch.", collector=CLEAN
    ),
    Metric("clean_last_duration_seconds", "How long the last cleanup took.", collector=CLEAN),
    Metric(
        "clean_last_success",
        "Whether the last cleanup did all it was to do (1), or failed or was stopped by a limit (0).",
        collector=CLEAN,
    ),
    _by_kind("clean_last_objects", "Objects that rules took in the last cleanup, by result.", _ALL, CLEAN, "result"),
    _by_kind("clean_last_bytes", "Bytes of those objects; semaphores have none.", _ALL, CLEAN, "result"),
)

CLEAN_RESULTS = (REMOVED, MARKED, ALREADY_GONE, KEPT, FAILED, REPORTED, WOULD_REMOVE)
"""The values of the label result; WOULD_REMOVE only where a limit stopped the run."""

METRICS: dict[str, Metric] = {metric.name: metric for metric in _CATALOGUE}
