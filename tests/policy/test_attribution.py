"""Whose an object is: the creator decides, else the users, else nobody is blamed."""

from __future__ import annotations

import pytest

from ipcctl.policy.attribution import LEFT, PERHAPS, UNRELATED, Trace, attribute

FAMILY = {10: "make", 11: "cc"}


@pytest.mark.parametrize(
    ("trace", "answer"),
    [
        (Trace(creator=11), LEFT),
        (Trace(creator=99), UNRELATED),
        (Trace(creator=99, users=(11,)), UNRELATED),
        (Trace(creator=99, foreign=True), PERHAPS),
        (Trace(creator=0, users=(11,)), LEFT),
        (Trace(users=(0, 11)), LEFT),
        (Trace(users=(11, 99)), PERHAPS),
        (Trace(users=(11,), outsiders=(99,)), PERHAPS),
        (Trace(users=(99,)), UNRELATED),
        (Trace(outsiders=(99,)), UNRELATED),
        (Trace(users=(0,)), PERHAPS),
        (Trace(), PERHAPS),
    ],
)
def test_creator_decides_then_the_users(trace: Trace, answer: str) -> None:
    assert answer == attribute(trace, FAMILY, complete=True).answer


@pytest.mark.parametrize("trace", [Trace(creator=99), Trace(users=(99,))])
def test_a_process_that_may_have_been_missed_is_not_ruled_out(trace: Trace) -> None:
    assert PERHAPS == attribute(trace, FAMILY, complete=False).answer


def test_evidence_names_the_process() -> None:
    assert ("created by 11 (cc)", (11,)) == attribute(Trace(creator=11), FAMILY, complete=True)[1:]


def test_many_processes_are_named_in_short() -> None:
    family = dict.fromkeys(range(1, 9), "x")
    assert (
        "new, and used by 1 (x), 2 (x), 3 (x) and 5 more only"
        == attribute(Trace(users=family), family, complete=True).why
    )
