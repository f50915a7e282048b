"""Durations and sizes as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import UsageError
from ipcctl.parse.quantity import parse_duration, parse_size

FACTORS = {
    "": 1,
    "B": 1,
    "K": 1024,
    "M": 1024**2,
    "G": 1024**3,
    "T": 1024**4,
    "P": 1024**5,
    "E": 1024**6,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "KB": 1000,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
odd = st.text(st.sampled_from("0123456789.smhdwKMGiBe-+_ \u0661\n"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200), ("1w", 604800), ("45", 45), ("0", 0), ("1.5h", 5400)],
)
def test_duration(text: str, seconds: int) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "2 h", "2y", "2hh", "h2", "1.", ".5h", "1e3", "0x10", "\u0662h", "9" * 20]
)
def test_bad_duration_is_quoted_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match=r"^bad duration ") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)
    assert "90s 15m 2h 3d 1w" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("64K", 65536),
        ("64k", 65536),
        ("10M", 10485760),
        ("1.5G", 1610612736),
        ("2KB", 2000),
        ("3MB", 3000000),
        ("7B", 7),
    ],
)
def test_size(text: str, size: int) -> None:
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "K", "-1K", "1 K", "1Z", "1KK", "1iB", "1Ki", "1.K", ".5K", "1,5K", "0x10", "\u0661K", "16E"]
)
def test_bad_size_is_quoted_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match=r"^bad size ") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)
    assert "64K 1.5G" in str(caught.value.hint)


@given(st.integers(0, 999), st.integers(0, 999), st.sampled_from(sorted(FACTORS)))
def test_size_is_exact_arithmetic_rounded_down(whole: int, thousandths: int, suffix: str) -> None:
    expected = int(Fraction(whole * 1000 + thousandths, 1000) * FACTORS[suffix])
    if expected < 2**63:
        assert expected == parse_size(f"{whole}.{thousandths:03}{suffix}")


@given(st.text() | odd)
def test_no_text_makes_a_quantity_raise_anything_but_usage_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            value = parse(text)
        except UsageError as error:
            assert error.hint  # noqa: PT017  what is expected is that nothing else is raised
        else:
            assert 0 <= value < 2**63
