"""Rule x protection x verdict, and what a policy file may not say."""

from __future__ import annotations

import itertools

import pytest

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import ACTIONS, REPORT, Conditions, Rule
from ipcctl.model.removal import KEPT, REPORTED, WOULD_REMOVE
from ipcctl.model.verdict import IDLE, IN_USE, ORPHANED, UNKNOWN, Verdict
from ipcctl.parse.policy_file import parse_policy
from ipcctl.policy.cleaning import decide
from ipcctl.policy.protections import Known
from ipcctl.policy.rules import prepare, shadowed

ASKED = list(itertools.product(ACTIONS, (True, False), (None, "oracle"), (IN_USE, IDLE, ORPHANED, UNKNOWN)))


@pytest.mark.parametrize(("action", "orphaned", "protection", "verdict"), ASKED)
def test_rule_protection_and_verdict_decide(action: str, orphaned: bool, protection: str | None, verdict: str) -> None:
    rule = Rule("r", Conditions(users=("1000",), orphaned=orphaned), action, 0, None, 1)
    decision = decide(rule, protection, None, lambda _: Verdict(verdict, "seen"))
    if protection:
        expected = KEPT
    elif orphaned and verdict != ORPHANED:
        expected = None
    elif action == REPORT:
        expected = REPORTED
    else:
        expected = KEPT if verdict == IN_USE else WOULD_REMOVE
    assert expected == (decision and decision[0])


def number(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"unknown user {text!r}")
    return int(text)


KNOWN = Known(number, number, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[rule]]\nname = "a"\nolder_then = "1h"', "p:3: unknown key in [[rule]]: 'older_then'"),
        ('[[rule]]\nname = "a"', "p:1: rule 'a' has no condition"),
        ('[[rule]]\nname = "a"\nkinds = "shm"', "p:1: rule 'a' has no condition but kinds"),
        ('[[rule]]\nname = "a"\nnames = "*"', "p:1: rule 'a': names: '*' matches everything"),
        ('[[rule]]\nname = "a"\nkeys = "0x????????"', "p:1: rule 'a': keys: '0x????????' matches everything"),
        ('[[rule]]\nname = "a"\nkeys = "0x1"\nnames = "x"', "p:1: rule 'a': its conditions contradict"),
        ('[[rule]]\nname = "a"\nkinds = "sem"\nunattached = true', "p:1: rule 'a': unattached says nothing about sem"),
        ('[[rule]]\nname = "a"\nempty = true\nlarger_than = 1', "p:1: rule 'a': empty and larger_than contradict"),
        ('[[rule]]\nname = "a"\norphaned = false', "p:3: orphaned: False says nothing"),
        ('[[rule]]\nname = "a"\nusers = "bob"', "p:1: rule 'a': unknown user 'bob'"),
        (
            '[[rule]]\nname = "a"\nempty = true\naction = "save-and-remove"',
            "p:1: action 'save-and-remove' without save_dir",
        ),
        ('[[rule]]\nname = "a', "p:2: no TOML: "),
        ('[defaults]\nprotect = ["orcale"]', "no shipped protection 'orcale'"),
        ("[[protect]]\n", "p:1: protection 'protect 1' has no condition"),
        ("[rules]\n", "p:1: unknown table: 'rules'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        prepare(parse_policy(text, "p"), KNOWN)
    assert said in str(caught.value)


def test_unknown_key_comes_with_the_nearest_right_one() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy('[[rule]]\nname = "a"\nolder_then = "1h"', "p")
    assert "did you mean 'older_than'?" in str(caught.value.hint)


def test_rule_behind_a_wider_one_is_shadowed() -> None:
    text = (
        '[[rule]]\nname = "a"\nnames = "psm_*"\n[[rule]]\nname = "b"\nnames = "psm_1*"\n[[rule]]\nname="c"\nusers = 1'
    )
    rules = prepare(parse_policy(text, "p"), KNOWN).rules
    assert [("b", "a")] == [(later.rule.name, earlier.rule.name) for later, earlier in shadowed(rules)]
