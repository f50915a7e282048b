"""What was left behind, and what only looks so."""

from __future__ import annotations

from typing import Any

from ipcctl.model.finding import INFO, OK, UNKNOWN, WARNING
from ipcctl.model.holder import ATTACHED, Holder
from ipcctl.model.limits import FileSystemUse
from ipcctl.model.objects import SHM_DEST
from ipcctl.model.verdict import ORPHANED
from ipcctl.model.verdict import UNKNOWN as NOT_JUDGED
from ipcctl.policy.checks import words
from tests.policy.checks.facts import MIB, NOW, READER, holders, memory, queue, segment, semaphores, the, verdicts


def test_orphans_are_summed_by_owner_and_producer() -> None:
    objects: dict[str, list[Any]] = {
        "shm": [segment(uid=33, size=MIB)] * 2,
        "sem": [semaphores(uid=33)],
        "pshm": [memory(size=4 * MIB)],
    }
    finding = the("orphans", objects, verdict=verdicts(ORPHANED))
    assert (WARNING, "4 orphaned objects, 6.0 MiB: every process on record is gone") == finding[1:3]
    assert ("alice (python): 1 pshm, 4.0 MiB", "www-data (apache): 2 shm, 1 sem, 2.0 MiB") == finding.evidence
    assert ("shm:1", "shm:1", "sem:2", "pshm:/psm_1") == finding.refs


def test_orphan_used_within_the_last_minute_is_spared() -> None:
    fresh = {"sem": [semaphores(otime=NOW - 59)]}
    assert OK == the("orphans", fresh, verdict=verdicts(ORPHANED)).severity
    assert WARNING == the("orphans", {"sem": [semaphores(otime=NOW - 60)]}, verdict=verdicts(ORPHANED)).severity


def test_object_that_could_not_be_judged_is_neither_orphan_nor_well() -> None:
    finding = the("orphans", {"msg": [queue()]}, verdict=verdicts(NOT_JUDGED))
    assert UNKNOWN == finding.severity
    assert "1 object more could not be judged" in finding.finding


def test_many_owners_of_orphans_are_counted_not_listed() -> None:
    objects = {"shm": [segment(uid=uid) for uid in range(2000, 2009)]}
    finding = the("orphans", objects, verdict=verdicts(ORPHANED))
    assert "and 4 more owners" == finding.evidence[-1]
    assert words.SHOWN + 1 == len(finding.evidence)


def test_segment_marked_dest_says_by_whom_it_is_held() -> None:
    marked = segment(mode=0o600 | SHM_DEST, nattch=1)
    seen = the("dest", {"shm": [marked, segment()]}, holders=holders(Holder(71, "old\x1b", 0, ATTACHED)))
    assert (INFO, ("shm:1: 4.0 KiB, 1 attachment, held by 71 (old\\x1b)",)) == (seen.severity, seen.evidence)
    assert "its holders cannot be seen from here" in the("dest", {"shm": [marked]}).evidence[0]


def test_memory_without_a_name_is_info_and_much_of_it_a_warning() -> None:
    little, much = memory(allocated=MIB), memory(allocated=20 * MIB)
    assert INFO == the("unlinked", {}, unlinked=[little], holders=holders(READER)).severity
    finding = the("unlinked", {}, unlinked=[little, much], holders=holders(READER))
    assert WARNING == finding.severity
    assert "21.0 MiB in 2 objects without a name, 21 % of /dev/shm" in finding.finding
    assert "held by 60 (reader)" in finding.evidence[0]


def test_unseen_processes_count_only_where_the_file_system_has_more_than_the_names_explain() -> None:
    explained = FileSystemUse(100 * MIB, 99 * MIB)
    unseen = "3 processes could not be looked into"
    named: dict[str, list[Any]] = {"pshm": [memory(allocated=MIB - 4096)], "psem": [memory()]}
    assert OK == the("unlinked", named, shm_use=explained, unseen=unseen).severity
    assert UNKNOWN == the("unlinked", {"pshm": named["pshm"]}, shm_use=explained, unseen=unseen).severity
    assert UNKNOWN == the("unlinked", {}, shm_use=explained, unseen=unseen).severity
    assert OK == the("unlinked", {}, shm_use=explained).severity
