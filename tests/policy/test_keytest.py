"""Keys are matched as fnmatch would match their text."""

from __future__ import annotations

from fnmatch import fnmatchcase
from types import SimpleNamespace

from hypothesis import example, given
from hypothesis import strategies as st

from ipcctl.policy.keytest import key_test

KEYS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 0x2A, 0x5432ABCD, 2**32 - 1])
EXACT = KEYS.map(lambda key: f"0x{key:x}")
GLOBS = st.builds(
    lambda key, first, length, hole: f"0x{key:08x}"[:first] + hole + f"0x{key:08x}"[first + length :],
    KEYS,
    st.integers(0, 10),
    st.integers(0, 10),
    st.sampled_from(["*", "?", "??", "*?", "[0-7]", "[!a]*", "**"]),
)


@given(KEYS, st.lists(EXACT | GLOBS.filter(set("*?[").intersection), min_size=1, max_size=4))
@example(0x2A, ["*2a"])
@example(0x5432ABCD, ["0x5432*"])
def test_key_is_matched_like_its_text(key: int, patterns: list[str]) -> None:
    text = f"0x{key:08x}"
    expected = any(int(it, 16) == key if not set("*?[") & set(it) else fnmatchcase(text, it) for it in patterns)
    assert expected == key_test(patterns)(SimpleNamespace(key=key))


@given(KEYS, st.integers(0, 8), st.integers(0, 8))
def test_part_of_the_key_itself_matches(key: int, kept_first: int, kept_last: int) -> None:
    text = f"0x{key:08x}"
    glob = text[: 2 + min(kept_first, 8 - kept_last)] + "*" + text[10 - kept_last :]
    assert key_test([glob])(SimpleNamespace(key=key))
