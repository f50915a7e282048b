"""References: what names an object, and what is refused although a careless reader would take it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS
from ipcctl.model.ref import Ref
from ipcctl.parse.reference import parse_reference

names = st.binary(min_size=1, max_size=255).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))
numbers = st.integers(0, 2**31 - 1)
refs = st.one_of(
    st.builds(lambda kind, number: Ref(kind, id=number), st.sampled_from(["shm", "sem", "msg"]), numbers),
    st.builds(lambda kind, key: Ref(kind, key=key), st.sampled_from(["shm", "sem", "msg"]), st.integers(1, 2**32 - 1)),
    st.builds(
        lambda kind, name: Ref(kind, name="/" + name.decode("utf-8", "surrogateescape")),
        st.sampled_from(["pshm", "psem", "pmsg"]),
        names,
    ),
)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("shm:0", Ref("shm", id=0)),
        ("sem:2147483647", Ref("sem", id=2**31 - 1)),
        ("msg:0x2a", Ref("msg", key=42)),
        ("msg:0XFFFFFFFF", Ref("msg", key=2**32 - 1)),
        ("pmsg:/jobs", Ref("pmsg", name="/jobs")),
        ("pshm:/with:colon", Ref("pshm", name="/with:colon")),
        (r"psem:/\x1b[31m", Ref("psem", name="/\x1b[31m")),
        (r"pmsg:/caf\xe9", Ref("pmsg", name="/caf\udce9")),
        (r"pmsg:/caf\xc3\xa9", Ref("pmsg", name="/café")),
        (r"pmsg:/back\slash", Ref("pmsg", name="/back\\slash")),
    ],
)
def test_reference(text: str, ref: Ref) -> None:
    assert ref == parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "shm", "65538", "/jobs", "shm:", 'shm:""', "shm:-1", "shm:+1", "shm: 1", "shm:1 ", "shm:1_0"),
        *(
            "shm:4294967297",
            "shm:2147483648",
            "shm:0x",
            "shm:0x100000001",
            "shm:0x-1",
            "shm:0x_1",
            "shm:0x1 ",
            "shm:0x0",
        ),
        *("shm:\u0661", "shm:0x\u0661", "shm:/name", "shm:1.0", "shm:1e3", "shm:010x", "SHM:1", "all:1", "shm=1"),
        *("pmsg:name", "pmsg:", "pmsg:/", "pmsg://", "pmsg:/a/b", "pmsg:/..", "pmsg:/.", "pmsg:0", r"pmsg:/\x00"),
        *(r"pshm:/\x2e\x2e", r"pshm:/a\x2fb", "pmsg:/" + "n" * 256, "pmsg:/" + "é" * 128, "pmsg:/\ud800"),
    ],
)
def test_bad_reference_is_quoted_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match=r"^bad reference ") as caught:
        parse_reference(text)
    assert repr(text[:60])[1:-1] in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("65538", "write shm:65538, sem:65538 or msg:65538"),
        ("0x2a", "write shm:0x2a, sem:0x2a or msg:0x2a"),
        ("/jobs", "write pshm:/jobs, psem:/jobs or pmsg:/jobs"),
        ("/dev/shm/psm_1:2", "write pshm:/psm_1:2"),
        ("/dev/shm/sem.lock", "write psem:/lock"),
        ("/dev/mqueue/jobs", "write pmsg:/jobs"),
        ("shm", "write shm:ID or shm:0xKEY"),
        ("pmsg", "write pmsg:/NAME"),
        ("jobs", "write KIND:ID, KIND:0xKEY (shm sem msg) or KIND:/NAME (pshm psem pmsg)"),
    ],
)
def test_reference_that_lacks_its_kind_is_told_as_it_would_be_right(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="no kind") as caught:
        parse_reference(text)
    assert hint == caught.value.hint


def test_longest_name_is_accepted() -> None:
    assert 256 == len(parse_reference("pmsg:/" + "n" * 255).name or "")


@given(refs)
def test_every_reference_reads_back_as_itself(ref: Ref) -> None:
    assert ref == parse_reference(str(ref))
    assert str(ref).isprintable()


characters = st.characters() | st.sampled_from(":/\\x0123456789abcdef")
typed = st.tuples(st.sampled_from(["", *(kind + ":" for kind in KINDS), "shm:0x", "pmsg:/"]), st.text(characters))


@given(typed.map("".join))
def test_no_text_makes_a_reference_raise_anything_but_usage_error(text: str) -> None:
    try:
        ref = parse_reference(text)
    except UsageError as error:
        assert error.hint  # noqa: PT017  what is expected is that nothing else is raised
    else:
        assert ref == parse_reference(str(ref))
