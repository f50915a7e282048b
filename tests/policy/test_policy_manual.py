"""ipcctl-policy(5) names what the parser accepts, no more and no less, and its example is a policy."""

from __future__ import annotations

import re
from pathlib import Path

from ipcctl.model.cleaning import ACTIONS, MAX_OBJECTS, MIN_IDLE
from ipcctl.model.kinds import KINDS
from ipcctl.parse import policy_file
from ipcctl.policy.producers import NAMES
from ipcctl.policy.protections import SHIPPED_NAMES, Known
from ipcctl.policy.rules import prepare, shadowed

PAGE = (Path(__file__).parents[2] / "man" / "ipcctl-policy.5").read_text()
SECTIONS = dict(re.findall(r"^\.Ss (.+)\n((?:(?!\.S[sh] ).*\n)*)", PAGE, re.MULTILINE))


def items(section: str) -> set[str]:
    heads = re.findall(r"^\.It (?:Cm|Li) (.+)", SECTIONS[section], re.MULTILINE)
    return {word for head in heads for word in head.split(" , ")}


def test_manual_names_every_key_of_every_table() -> None:
    accepted = {
        "[defaults]": policy_file._DEFAULTS,
        "[[rule]]": policy_file._RULE,
        "[[protect]]": policy_file._PROTECT,
    }
    assert {table: set(keys) for table, keys in accepted.items()} == {table: items(table) for table in accepted}


def test_manual_names_every_value() -> None:
    rule = SECTIONS["[[rule]]"]
    assert f"out of {', '.join(KINDS)};" in rule
    assert f".Li {' '.join(NAMES)}\n" in rule
    assert all(f"\n.Li {action}" in rule for action in ACTIONS)
    assert set(SHIPPED_NAMES) == items("Shipped protections")
    assert f"report, {MIN_IDLE} seconds, none" in SECTIONS["[defaults]"]
    assert f"removes nothing; {MAX_OBJECTS}\n" in SECTIONS["[defaults]"]


def test_example_of_the_manual_is_a_policy() -> None:
    (text,) = re.findall(r"\.Bd -literal\n(.*?)\.Ed", PAGE, re.DOTALL)
    prepared = prepare(policy_file.parse_policy(text, "page"), Known(int, int, {}))
    assert ["dead-training-runs", "forgotten-segments"] == [ready.rule.name for ready in prepared.rules]
    assert [] == shadowed(prepared.rules)
