"""Rule x protection x verdict, and what a policy file may not say."""

from __future__ import annotations

from typing import Any

import pytest

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import ACTIONS, REPORT
from ipcctl.model.kinds import KINDS
from ipcctl.model.objects import MessageQueue, PosixQueue, PosixSegment, PosixSemaphore, Segment, SemaphoreSet
from ipcctl.model.removal import KEPT, REPORTED, WOULD_REMOVE
from ipcctl.model.verdict import IDLE, IN_USE, ORPHANED, UNKNOWN, Verdict
from ipcctl.parse.policy_file import parse_policy
from ipcctl.policy.cleaning import plan_cleaning
from ipcctl.policy.protections import Known
from ipcctl.policy.rules import prepare, shadowed


def number(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"unknown user {text!r}")
    return int(text)


KNOWN = Known(number, number, {})


FACTS: dict[str, Any] = {"mode": 0o600, "uid": 1000, "gid": 1000, "mtime": 1, "ctime": 1, "device": 1, "inode": 2}
OBJECTS: list[Any] = [
    Segment(7, 1, 0o600, 99, 1, 1, 0, 1000, 1000, 1000, 1000, 0, 0, 0, 0, 0),
    SemaphoreSet(7, 1, 0o600, 1, 1000, 1000, 1000, 1000, 0, 0),
    MessageQueue(7, 1, 0o600, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 0, 0, 0),
    PosixSegment("/torch_1_2", size=1, allocated=0, **FACTS),
    PosixSemaphore("/mp-1", value=0, **FACTS),
    PosixQueue("/jobs", **FACTS),
]
PROTECTIONS = (
    "",
    "users = 1000",
    'users = "500-1500"',
    'groups = "1000"',
    'names = "*t*"\nkinds = "pshm"',
    'keys = "0x*7"',
)
COVERS = {"": (), 'names = "*t*"\nkinds = "pshm"': ("pshm",), 'keys = "0x*7"': ("shm", "sem", "msg")}
VERDICTS = (IN_USE, IDLE, ORPHANED, UNKNOWN)


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("protection", PROTECTIONS)
@pytest.mark.parametrize("orphaned", [True, False])
@pytest.mark.parametrize("action", ACTIONS)
def test_rule_protection_and_verdict_decide(action: str, orphaned: bool, protection: str, verdict: str) -> None:
    text = f'[defaults]\nprotect = []\nsave_dir = "/saved"\n[[rule]]\nname = "r"\nusers = 1000\naction = "{action}"\n'
    text += "orphaned = true\n" * orphaned + (f"[[protect]]\n{protection}\n" if protection else "")
    for item in OBJECTS:
        asked: list[Any] = []

        def verdict_on(item: Any, asked: list[Any] = asked) -> Verdict:
            asked.append(item)
            return Verdict(verdict, "seen")

        plan = plan_cleaning(prepare(parse_policy(text, "p"), KNOWN), {item.kind: [item]}, verdict_on, {}, 1e9)
        protected = item.kind in COVERS.get(protection, tuple(KINDS))
        if protected:
            expected = [(KEPT, "protected: protect 1")]
        elif orphaned and verdict != ORPHANED:
            expected = []
        elif action == REPORT:
            expected = [(REPORTED, f"{verdict}: seen")]
        else:
            expected = [(KEPT if verdict == IN_USE else WOULD_REMOVE, f"{verdict}: seen")]
        assert expected == [(step.result, step.why) for step in plan]
        assert ([] if protected else [item]) == asked  # asking touches a file: not one that is protected


def test_first_rule_that_takes_an_object_decides_and_one_that_wants_another_verdict_leaves_it() -> None:
    text = (
        '[defaults]\nprotect = []\n[[rule]]\nname = "orphans"\nusers = 1000\norphaned = true\naction = "remove"\n'
        '[[rule]]\nname = "queues"\nkinds = "msg"\nusers = 1000\n[[rule]]\nname = "rest"\nusers = 1000\n'
    )
    (shm, sem, msg, *_) = OBJECTS
    orphaned = {shm}
    plan = plan_cleaning(
        prepare(parse_policy(text, "p"), KNOWN),
        {"shm": [shm], "sem": [sem], "msg": [msg]},
        lambda item: Verdict(ORPHANED if item in orphaned else IDLE, ""),
        {},
        1e9,
    )
    assert {"shm": "orphans", "sem": "rest", "msg": "queues"} == {step.object.kind: step.rule for step in plan}


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
        ('[[rule]]\nname = "a"\norphaned = tru\n', "p:3: no TOML: invalid value: 'orphaned = tru'"),
        ("[defaults]\nmax_objects = 1\nmax_objects = 2", "p:3: no TOML: cannot overwrite a value"),
        ('[[rule]]\nname = "a"\nolder_than = "0s"', "p:3: older_than: '0s' says nothing"),
        ('[[rule]]\nname = "a"\nolder_than = "3 parsecs"', "p:3: older_than: bad duration '3 parsecs'"),
        ('[[rule]]\nname = "a"\nnames = ["a", "/?*"]', "p:1: rule 'a': names: '/?*' matches everything"),
        ('[[rule]]\nname = "a"\nkinds = "shm"\ndest = true\nunattached = true', "p:1: rule 'a': dest and unattached c"),
        ('[[rule]]\nname = "a"\ndest = true\naction = "remove"', "p:1: rule 'a': dest and its action contradict"),
        ('[[rule]]\nname = "a"\nkinds = "msg"\nproducer = "nccl"', "p:1: rule 'a': its conditions contradict"),
        ('[[rule]]\nname = "a"\nempty = true\n\n[[rule]]\nname = "a"\nempty = true', "p:6: name 'a' is given twice"),
        ('[[rule]]\nname = "a"\nempty = true\nsave_dir = "/x"', "p:4: action 'report' saves nothing"),
        ('[defaults]\nsave_dir = "x"', "p:2: save_dir: 'x' is no absolute path"),
        ('[defaults]\nmax_objects = "3"', "p:2: max_objects: '3' is no number of objects"),
        ('[defaults]\nprotect = ["orcale"]', "no shipped protection 'orcale'"),
        ("[[protect]]\n", "p:1: protection 'protect 1' has no condition"),
        ("[rules]\n", "p:1: unknown table: 'rules'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        prepare(parse_policy(text, "p"), KNOWN)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[[rule]]\nolder_then = "1h"', "did you mean 'older_than'? accepted: name kinds users"),
        ('[[rule]]\nmin-idle = "1h"', "did you mean 'min_idle'?"),
        ("[[rule]]\nage = 1", "accepted: name kinds"),
        ("[[rules]]", "did you mean 'rule'? accepted: defaults rule protect"),
        ('[[rule]]\nname = "a"\nkinds = "smem"', "did you mean 'sem'? accepted: shm sem msg"),
        ('[[rule]]\nname = "a"\nempty = true\naction = "delete"', "accepted: report remove save-and-remove"),
        (
            '[[rule]]\nname = "a"\nproducer = "oracle"\nnames = "x"',
            "names means pshm psem pmsg; producer means shm sem msg",
        ),
    ],
)
def test_hint_names_the_nearest_right_word_or_what_is_accepted(text: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        prepare(parse_policy(text, "p"), KNOWN)
    assert str(caught.value.hint).startswith(hint)


def test_rule_behind_a_wider_one_is_shadowed() -> None:
    text = (
        '[[rule]]\nname = "a"\nnames = "psm_*"\n[[rule]]\nname = "b"\nnames = "psm_1*"\n[[rule]]\nname="c"\nusers = 1'
    )
    rules = prepare(parse_policy(text, "p"), KNOWN).rules
    assert [("b", "a")] == [(later.rule.name, earlier.rule.name) for later, earlier in shadowed(rules)]
