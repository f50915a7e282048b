"""The three files of /proc/sysvipc: every row becomes a fact or the file is refused; nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.errors import ParseError
from ipcctl.parse.sysvipc import parse_msg, parse_sem, parse_shm

if TYPE_CHECKING:
    from collections.abc import Callable

SHM = (
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
    "      atime      dtime      ctime                   rss                  swap\n"
)
OLD_SHM = SHM[: SHM.index("                   rss")] + "\n"
SEM = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
MSG = (
    "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
    "      stime      rtime      ctime\n"
)
SEGMENT = "1413131213 0 1600 4096 11 12 1 1000 1000 0 0 1700000001 0 1700000000 4096 0\n"
SET = "-2 3 600 4 0 0 0 0 0 1700000000\n"
QUEUE = "42 32769 644 129 3 21 0 33 33 33 33 1700000005 0 1700000000\n"

PARSERS: dict[str, tuple[Callable[[str], list[Any]], str, str]] = {
    "shm": (parse_shm, SHM, SEGMENT),
    "sem": (parse_sem, SEM, SET),
    "msg": (parse_msg, MSG, QUEUE),
}
every_kind = pytest.mark.parametrize("kind", PARSERS)


def test_every_field_of_a_segment_comes_from_its_column() -> None:
    (segment,) = parse_shm(SHM + SEGMENT)
    assert {
        "key": 0x543AABCD,
        "shmid": 0,
        "mode": 0o1600,
        "size": 4096,
        "cpid": 11,
        "lpid": 12,
        "nattch": 1,
        "uid": 1000,
        "gid": 1000,
        "cuid": 0,
        "cgid": 0,
        "atime": 1700000001,
        "dtime": 0,
        "ctime": 1700000000,
        "rss": 4096,
        "swap": 0,
    } == segment._asdict()


def test_every_field_of_a_set_comes_from_its_column() -> None:
    (found,) = parse_sem(SEM + SET)
    assert {
        "key": 0xFFFFFFFE,
        "semid": 3,
        "mode": 0o600,
        "nsems": 4,
        "uid": 0,
        "gid": 0,
        "cuid": 0,
        "cgid": 0,
        "otime": 0,
        "ctime": 1700000000,
    } == found._asdict()


def test_every_field_of_a_queue_comes_from_its_column_and_qbytes_is_not_known() -> None:
    (queue,) = parse_msg(MSG + QUEUE)
    assert {
        "key": 42,
        "msqid": 32769,
        "mode": 0o644,
        "cbytes": 129,
        "qnum": 3,
        "lspid": 21,
        "lrpid": 0,
        "uid": 33,
        "gid": 33,
        "cuid": 33,
        "cgid": 33,
        "stime": 1700000005,
        "rtime": 0,
        "ctime": 1700000000,
        "qbytes": None,
    } == queue._asdict()


def test_older_kernel_without_rss_and_swap_says_none_for_them() -> None:
    (segment,) = parse_shm(OLD_SHM + " ".join(SEGMENT.split()[:14]) + "\n")
    assert (None, None, 4096) == (segment.rss, segment.swap, segment.size)


def test_columns_are_found_by_name_wherever_they_stand() -> None:
    words, values = SEM.split(), SET.split()
    (moved,) = parse_sem(" ".join(["novelty", *reversed(words)]) + "\n" + " ".join(["7", *reversed(values)]) + "\n")
    assert parse_sem(SEM + SET) == [moved]


@every_kind
def test_heading_alone_means_no_objects(kind: str) -> None:
    parse, heading, _ = PARSERS[kind]
    assert [] == parse(heading)


@every_kind
def test_rows_come_in_the_order_of_the_file(kind: str) -> None:
    parse, heading, row = PARSERS[kind]
    fields = row.split()
    many = ["".join(" ".join([fields[0], str(number), *fields[2:]]) + "\n") for number in (5, 1, 3)]
    assert [5, 1, 3] == [item.id for item in parse(heading + "".join(many))]


@every_kind
@pytest.mark.parametrize("text", ["", "\n", "   \n"])
def test_empty_file_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ParseError, match=r"empty: not even a heading"):
        PARSERS[kind][0](text)


@every_kind
def test_heading_without_a_needed_column_is_refused_by_name(kind: str) -> None:
    parse, heading, _ = PARSERS[kind]
    with pytest.raises(ParseError, match=r"no column 'cgid' in the heading"):
        parse(heading.replace("cgid", "xxxx"))


@every_kind
def test_file_that_ends_inside_a_line_is_refused_with_its_end(kind: str) -> None:
    parse, heading, row = PARSERS[kind]
    with pytest.raises(ParseError, match=r"ends in the middle of a line") as caught:
        parse(heading + row + row[:20])
    assert repr(row[:20]) in str(caught.value)


@every_kind
@pytest.mark.parametrize("change", [lambda row: row.rsplit(None, 1)[0] + "\n", lambda row: "1 " + row, lambda _: "\n"])
def test_row_with_another_number_of_fields_is_refused_with_its_line(kind: str, change: Callable[[str], str]) -> None:
    parse, heading, row = PARSERS[kind]
    bad = change(row)
    with pytest.raises(ParseError, match=r"line 3: \d+ fields where the heading has") as caught:
        parse(heading + row + bad + row)
    assert repr(bad.rstrip("\n")) in str(caught.value)


def test_two_uneven_rows_do_not_make_up_for_each_other() -> None:
    fields = SET.split()
    with pytest.raises(ParseError, match=r"line 2: 9 fields"):
        parse_sem(SEM + " ".join(fields[:-1]) + "\n" + " ".join([*fields, "1"]) + "\n")


@every_kind
@pytest.mark.parametrize("word", ["x", "0x1", "1.5", "1_0", "+1", "\N{ARABIC-INDIC DIGIT ONE}", "-", "9" * 5000])
@pytest.mark.parametrize("place", [0, 1, 2, -1])
def test_field_that_is_no_number_is_refused_with_its_line(kind: str, place: int, word: str) -> None:
    parse, heading, row = PARSERS[kind]
    fields = row.split()
    fields[place] = word
    with pytest.raises(ParseError, match=r"line 3: \w+ is no number") as caught:
        parse(heading + row + " ".join(fields) + "\n")
    assert len(str(caught.value)) < 400


def test_perms_that_are_not_octal_are_refused() -> None:
    with pytest.raises(ParseError, match=r"perms is no number: '689'"):
        parse_sem(SEM + SET.replace(" 600 ", " 689 "))


def test_source_is_named() -> None:
    with pytest.raises(ParseError, match=r"^/elsewhere/shm: "):
        parse_shm("", source="/elsewhere/shm")


lines = st.lists(st.text(st.sampled_from("0123456789 -;x\t_+\u0661\x85")), max_size=5).map("\n".join)


@every_kind
@given(text=st.text() | lines, before=st.sampled_from(["nothing", "heading", "row"]), cut=st.integers(0, 400))
def test_no_text_makes_a_parser_raise_anything_but_parse_error(kind: str, text: str, before: str, cut: int) -> None:
    parse, heading, row = PARSERS[kind]
    start = {"nothing": "", "heading": heading, "row": heading + row}[before]
    for attempt in (start + text, (start + text)[:cut], start + text + "\n"):
        try:
            items = parse(attempt)
        except ParseError as error:
            assert error.hint  # noqa: PT017  what is expected is that nothing else is raised
        else:
            assert attempt.count("\n") - 1 == len(items)


rows = st.lists(st.tuples(*[st.integers(0, 2**31 - 1)] * 9, st.integers(-(2**31), 2**31 - 1)), max_size=30)


@given(rows)
def test_every_set_that_can_be_written_is_read_back(values: list[tuple[int, ...]]) -> None:
    text = SEM + "".join(
        f"{key:10} {semid:10}  {mode & 0o777:o} {' '.join(map(str, rest))}\n" for *rest, semid, mode, key in values
    )
    assert [(row[-1] & 0xFFFFFFFF, row[-3], row[-2] & 0o777, *row[:-3]) for row in values] == [
        tuple(item) for item in parse_sem(text)
    ]
