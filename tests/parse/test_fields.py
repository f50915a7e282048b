"""Fields of objects as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import UsageError
from ipcctl.parse import fields


@pytest.mark.parametrize(
    ("text", "proj"),
    [("1", 1), ("255", 255), ("007", 7), ("65", 65), ("0x41", 65), ("A", 65), ("x", 120), (" ", 32), ("\xe9", 0xE9)],
)
def test_project_id_is_a_number_or_a_character(text: str, proj: int) -> None:
    assert proj == fields.parse_project(text)


@pytest.mark.parametrize(
    "text", ["", "0", "256", "-1", "0x0", "0x100", "0x", "AB", "1.0", "\u20ac", "\u0663", "00000000256"]
)
def test_other_project_ids_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="bad project id"):
        fields.parse_project(text)


@given(st.integers(0, 0o777))
def test_mode_is_octal_with_or_without_zeros(mode: int) -> None:
    assert mode == fields.parse_mode(f"{mode:o}") == fields.parse_mode(f"{mode:04o}")


@pytest.mark.parametrize("text", ["", "8", "1000", "0o644", "-1", "rw-r--r--", "00644", "\u0666"])
def test_other_modes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="bad mode"):
        fields.parse_mode(text)


def test_last_colon_separates_path_and_project_id() -> None:
    assert ("/a:b", 65) == fields.parse_ftok("/a:b:A")
    assert ("/a", ord(";")) == fields.parse_ftok("/a:;")


@pytest.mark.parametrize(
    ("text", "owner"),
    [("root", ("root", None)), ("root:daemon", ("root", "daemon")), (":daemon", (None, "daemon")), ("0:0", ("0", "0"))],
)
def test_owner_is_user_or_group_or_both(text: str, owner: tuple[str | None, str | None]) -> None:
    assert owner == fields.parse_owner(text)


@given(st.text())
def test_nothing_but_a_usage_error_comes_out(text: str) -> None:
    for parse in (
        fields.parse_mode,
        fields.parse_owner,
        fields.parse_key,
        fields.parse_project,
        fields.parse_ftok,
        fields.parse_bytes,
        fields.parse_value,
        fields.parse_values,
        lambda text: fields.parse_numbered_values([text]),
        lambda text: fields.parse_count(text, "things"),
    ):
        with contextlib.suppress(UsageError):
            parse(text)
