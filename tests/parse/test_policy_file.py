"""Whatever a policy file holds: facts, or a PolicyError that names the file."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ipcctl.errors import PolicyError, UsageError
from ipcctl.parse import policy_file
from ipcctl.parse.policy_file import parse_policy
from ipcctl.policy.protections import Known
from ipcctl.policy.rules import prepare, shadowed
from ipcctl.render.policy import explanation, warnings

KEYS = sorted({*policy_file._DEFAULTS, *policy_file._RULE, *policy_file._PROTECT})
WORDS = [
    "shm",
    "pmsg",
    "remove",
    "save-and-remove",
    "1h",
    "0",
    "10M",
    "*",
    "psm_*",
    "0x2a",
    "0x*",
    "[",
    "root",
    "0-999",
    "me",
]
TEXT = (
    st.sampled_from([*WORDS, "python", "/saved", "oracle", "", " ", "\x1b", "99999999999999999999w", "٣", "é"])
    | st.text()
)
SCALARS = st.one_of(
    TEXT.map(json.dumps),
    st.integers().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.sampled_from(["1.5", "nan", "inf", "1979-05-27", "07:32:00", "{}", "{a = 1}", "[]", "[[]]", "0x2a", "-0"]),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3).map(lambda values: f"[{', '.join(values)}]")
LINES = st.one_of(
    st.sampled_from(["[defaults]", "[[rule]]", "[[protect]]", "[rule]", "[[defaults]]", "[x]", "# y", '"""', "'''"]),
    st.tuples(st.sampled_from(KEYS) | st.text(), VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
)


def number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"unknown user {text!r}", hint="a name or a number")
    return int(text)


def use(text: str) -> None:
    """All that is done with a policy before an object is looked at."""
    said = None
    try:
        prepared = prepare(parse_policy(text, "file"), Known(number, number, {}))
    except PolicyError as error:
        said = str(error)
    if said is not None:
        assert said.startswith("file")
        assert said.isprintable()
        return
    assert "".join(explanation(prepared, []))
    list(warnings(prepared, shadowed(prepared.rules)))


@given(st.text())
@example("[defaults]\n" * 2)
@example("\ufeff")
def test_any_text(text: str) -> None:
    use(text)


@given(st.lists(LINES, max_size=12).map("\n".join))
@example('[[rule]]\nname = "a"\nempty = true\nnames = "["')
@example('[[rule]]\nname = "a"\nempty = true\nolder_than = "99999999999999999999w"')
@example("rule = [1]\nprotect = 3")
@example("[rule.name]\n[[protect]]\nusers = []")
def test_what_looks_like_a_policy(text: str) -> None:
    use(text)


@given(st.dictionaries(st.sampled_from(sorted(policy_file._RULE)), VALUES, min_size=1, max_size=5))
def test_rule_with_the_right_keys(keys: dict[str, Any]) -> None:
    use("\n".join(['[[rule]]\nname = "a"', *(f"{key} = {value}" for key, value in keys.items() if key != "name")]))


def test_every_key_is_kept() -> None:
    text = (
        '[defaults]\naction = "remove"\nmin_idle = "2m"\nmax_objects = 3\nmax_bytes = "1K"\nprotect = ["sap"]\n'
        'save_dir = "/saved"\n[[protect]]\nname = "p"\nusers = ["0-9", "x*"]\n'
        '[[rule]]\nname = "r"\nkinds = "shm"\nusers = [1, "2"]\ngroups = 3\ncreators = "4"\nkeys = "0x1"\n'
        'producer = "oracle"\nolder_than = "1h"\nlarger_than = "1M"\norphaned = true\nunattached = true\n'
        'world_writable = true\nmin_idle = "5m"\n'
        '[[rule]]\nname = "s"\nempty = true\naction = "save-and-remove"\nnames = ["a", "b"]\n'
    )
    policy = parse_policy(text, "file")
    first, second = policy.rules
    assert (("sap",), 3, 1024) == (policy.shipped, policy.max_objects, policy.max_bytes)
    assert ("remove", 300, None, 11) == (first.action, first.min_idle, first.save_dir, first.line)
    asked = first.conditions
    assert (("shm",), ("1", "2"), ("3",), ("4",)) == (asked.kinds, asked.users, asked.groups, asked.creators)
    assert (("0x1",), ("oracle",), 3600, 1 << 20) == (asked.keys, asked.producers, asked.older_than, asked.larger_than)
    assert (True, True, True, False) == (asked.orphaned, asked.unattached, asked.world_writable, asked.dest)
    assert ("save-and-remove", 120, "/saved") == (second.action, second.min_idle, second.save_dir)
    assert (("a", "b"), True) == (second.conditions.names, second.conditions.empty)
    assert [("p", ("0-9", "x*"))] == [(it.name, it.conditions.users) for it in policy.protections]
