"""The checks of doctor together: each speaks, the worst first, and none calls well what was not seen."""

from __future__ import annotations

import inspect

import pytest

from ipcctl.errors import UsageError
from ipcctl.model.finding import OK, SEVERITIES, UNKNOWN, Facts, Finding
from ipcctl.model.verdict import IDLE
from ipcctl.policy.checks import CHECKS, choose_checks, examine
from tests.policy.checks.facts import NOTHING, NOW, USERS, YES, semaphore_limits, semaphores, the, verdicts


@pytest.mark.parametrize("check", CHECKS)
def test_check_says_that_all_is_well_where_nothing_is(check: str) -> None:
    assert Finding(check, OK, CHECKS[check].well) == the(check, {}, login=YES)


@pytest.mark.parametrize("check", CHECKS)
def test_check_that_saw_nothing_at_all_does_not_say_that_all_is_well(check: str) -> None:
    findings = examine([CHECKS[check]], Facts(unseen="3 processes could not be looked into", login=YES))
    assert [UNKNOWN] == [finding.severity for finding in findings]


def test_worst_finding_comes_first_and_every_check_speaks() -> None:
    facts = Facts(
        users=USERS, objects={**NOTHING, "sem": [semaphores(mode=0o602, uid=0)] * 6}, limits=semaphore_limits(6, 6),
        semaphores=lambda _: [], verdict=verdicts(IDLE), now=NOW,
    )  # fmt: skip
    findings = examine(list(CHECKS.values()), facts)
    assert set(CHECKS) == {finding.check for finding in findings}
    ranks = [SEVERITIES.index(finding.severity) for finding in findings]
    assert sorted(ranks) == ranks
    assert "room" == findings[0].check


def test_kind_that_could_not_be_listed_is_not_called_well() -> None:
    (finding,) = examine([CHECKS["dest"]], Facts(objects={}))
    assert Finding("dest", UNKNOWN, "shm could not be listed") == finding


def test_check_is_chosen_by_name_once_in_the_usual_order() -> None:
    assert ["limits", "mqueue"] == [check.name for check in choose_checks(["mqueue", "limits", "mqueue"])]
    assert list(CHECKS) == [check.name for check in choose_checks([])]
    with pytest.raises(UsageError, match="unknown check 'nonsense'") as refused:
        choose_checks(["limits", "nonsense"])
    assert refused.value.hint
    assert all(name in refused.value.hint for name in CHECKS)


def test_every_fact_that_a_check_needs_exists() -> None:
    fields = set(Facts._fields)
    assert set() == {need for check in CHECKS.values() for need in check.needs} - fields
    assert all(inspect.getdoc(check.examine) for check in CHECKS.values())
