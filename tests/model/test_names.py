"""Names of POSIX objects: shown escaped, accepted back escaped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.model.names import escape, printable, unescape


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/jobs", "/jobs"),
        ("/with blank", "/with blank"),
        ("/café", "/café"),
        ("/\x1b[31mred", r"/\x1b[31mred"),
        ("/caf\udce9", r"/caf\xe9"),
        ("/new\nline", r"/new\x0aline"),
        ("/back\\slash", r"/back\x5cslash"),
        ("/right\u202eleft", r"/right\xe2\x80\xaeleft"),
        (r"/\x41", r"/\x5cx41"),
    ],
)
def test_what_cannot_be_printed_is_shown_by_its_bytes(name: str, shown: str) -> None:
    assert shown == escape(name)
    assert name == unescape(shown)


@given(st.binary())
def test_escaping_loses_nothing_and_prints_nothing_odd(raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    assert name == unescape(escape(name))
    assert escape(name).isprintable()
    assert raw == unescape(escape(name)).encode("utf-8", "surrogateescape")


@given(st.text(st.sampled_from("\\x0aFg/ é")))
def test_backslash_that_begins_no_byte_stands_for_itself(text: str) -> None:
    assert unescape(text) == unescape(escape(unescape(text)))


@pytest.mark.parametrize("text", ["\\", "\\x", "\\x4", "\\xg1", "\\n", "\\x\u0661\u0661"])
def test_half_an_escape_stands_for_itself(text: str) -> None:
    assert text == unescape(text)


def test_message_keeps_what_is_escaped_and_its_lines() -> None:
    assert "a\\x1b b\n" + r"\x1b[31m\x0d" + "\n" == printable("a\\x1b b\n\x1b[31m\r\n")
