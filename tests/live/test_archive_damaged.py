"""A file that was damaged is refused with the reason, and nothing comes of it."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ipcctl.act.archive.check import check_archive
from ipcctl.act.archive.container import CRC, MAGIC, PREFIX, RECORD
from ipcctl.errors import BadArchive
from ipcctl.kernel.host import Host
from ipcctl.model.archive import FORMAT
from ipcctl.model.removal import SAVED
from tests.cli.here import command as here
from tests.live import namespace
from tests.live.saved import REFS, files, make_all

KINDS = [ref.partition(":")[0] for ref in REFS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file of each kind."""
    namespace.enter()
    directory = tmp_path_factory.mktemp("whole")
    make_all()
    assert 0 == here("save", *REFS, "-d", str(directory), "--drain").code, SAVED
    return {Path(name).name.partition("-")[0]: Path(name).read_bytes() for name in files(directory)}


def everything() -> list[str]:
    """What exists, with hidden files."""
    listed = [item.ref for items in Host().snapshot().objects.values() for item in items]
    return [*listed, *(path.name for path in namespace.SHM.iterdir())]


def refusal(path: Path, raw: bytes) -> str:
    """What restore says to a file that it must not take."""
    path.write_bytes(raw)
    for command in (["restore"], ["restore", "--replace"], ["archive"]):
        result = here(*command, str(path))
        assert (1, True) == (result.code, result.err.startswith(f"ipcctl: {path}: ")), (command, result)
        assert "Traceback" not in result.err
        assert [] == everything(), command
    with pytest.raises(BadArchive):
        check_archive(str(path))
    return result.err


@st.composite
def damage(draw: st.DrawFn, raw: bytes) -> bytes:
    """One accident: bits flipped, cut short, something appended, cut out, put in, two pieces swapped."""
    at = draw(st.integers(0, len(raw) - 1))
    upto = draw(st.integers(at + 1, min(len(raw), at + 300)))
    other = draw(st.binary(min_size=1, max_size=300))
    return draw(
        st.sampled_from(
            [
                raw[:at] + bytes([raw[at] ^ draw(st.integers(1, 255))]) + raw[at + 1 :],
                raw[:at],
                raw + other,
                raw[:at] + raw[upto:],
                raw[:at] + other + raw[at:],
                raw[:at] + other + raw[at + len(other) :],
                raw[upto:] + raw[:upto],
                raw[:at] + raw[at:upto][::-1] + raw[upto:],
                raw[: at // 2] + raw[at:upto] + raw[at // 2 : at] + raw[upto:],
            ]
        ).filter(lambda damaged: damaged != raw)
    )


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_refused_and_makes_nothing(
    tmp_path: Path, whole: dict[str, bytes], kind: str, data: st.DataObject
) -> None:
    refusal(tmp_path / "damaged", data.draw(damage(whole[kind])))


@given(raw=st.binary(max_size=400))
@example(b"")
@example(MAGIC)
@example(MAGIC + bytes(PREFIX.size))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_such_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    assert "no file of a saved object" in refusal(tmp_path / "other", raw) or raw.startswith(MAGIC)


@pytest.mark.parametrize("kind", KINDS)
def test_file_of_a_newer_version_is_refused_as_that(tmp_path: Path, whole: dict[str, bytes], kind: str) -> None:
    raw = bytearray(whole[kind])
    struct.pack_into("<H", raw, len(MAGIC), FORMAT + 1)
    assert f"format {FORMAT + 1}, this ipcctl reads up to {FORMAT}\n  hint: use the ipcctl" in refusal(
        tmp_path / "newer", bytes(raw)
    )


def records(raw: bytes) -> tuple[bytes, list[bytes]]:
    """The header, and each record with its checksum."""
    _, _, _, header, _ = PREFIX.unpack_from(raw)
    at = PREFIX.size + header + CRC.size
    first, found = raw[:at], []
    while at < len(raw):
        size = RECORD.size + RECORD.unpack_from(raw, at)[2] + CRC.size
        found.append(raw[at : at + size])
        at += size
    return first, found


def test_messages_in_another_order_are_refused(tmp_path: Path, whole: dict[str, bytes]) -> None:
    first, (one, two, *rest) = records(whole["msg"])
    assert "the checksum of record 0 is wrong" in refusal(tmp_path / "swapped", b"".join([first, two, one, *rest]))


def test_record_of_another_file_is_refused(tmp_path: Path, whole: dict[str, bytes]) -> None:
    """The forger knows the checksums, not what a kind can hold."""
    first, own = records(whole["psem"])
    head = struct.pack("<4sqQ", b"MESG", 1, len(own[0]) - RECORD.size - CRC.size)
    payload = own[0][RECORD.size : -CRC.size]
    forged = head + payload + CRC.pack(zlib.crc32(payload, zlib.crc32(head, 0)))
    assert "it holds what a psem cannot" in refusal(tmp_path / "forged", first + forged + own[1])


def test_damaged_file_among_whole_ones_restores_none(tmp_path: Path, whole: dict[str, bytes]) -> None:
    paths = [tmp_path / kind for kind in KINDS]
    for path in paths:
        path.write_bytes(whole[path.name])
    for kind in KINDS:
        raw = bytearray(whole[kind])
        raw[-RECORD.size - 2 * CRC.size] ^= 1
        (tmp_path / kind).write_bytes(raw)
        result = here("restore", *map(str, paths))
        assert (1, []) == (result.code, everything()), kind
        assert f"ipcctl: {tmp_path / kind}: altered: the checksum of record" in result.err
        (tmp_path / kind).write_bytes(whole[kind])
    assert 0 == here("restore", *map(str, paths)).code


def forged(raw: bytes, field: str, value: object) -> bytes:
    """The file with another header, whose checksum is right."""
    _, _, _, size, _ = PREFIX.unpack_from(raw)
    fields = json.loads(raw[PREFIX.size : PREFIX.size + size])
    where = fields if field in fields else fields["object"]
    where[field] = value
    text = json.dumps(fields).encode()
    rest = raw[PREFIX.size + size + CRC.size :]
    length = PREFIX.size + len(text) + CRC.size + len(rest)
    prefix = PREFIX.pack(MAGIC, FORMAT, 0, len(text), length)
    return prefix + text + CRC.pack(zlib.crc32(text, zlib.crc32(prefix[:-8]))) + rest


NUMBERS: list[object] = [0, 2**15, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -1, 1.5, None, []]
NAMES: list[object] = ["", "x", "/", "/x/y", "/\0", "/" + "x" * 300, "shm", 7, None]


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_header_says_no_traceback_comes_of_it(tmp_path: Path, whole: dict[str, bytes], kind: str) -> None:
    _, _, _, size, _ = PREFIX.unpack_from(whole[kind])
    fields = json.loads(whole[kind][PREFIX.size : PREFIX.size + size])
    path = tmp_path / "forged"
    for field in (*fields, *fields["object"]):
        for value in NAMES if field in ("kind", "name") else NUMBERS:
            path.write_bytes(forged(whole[kind], field, value))
            result = here("restore", str(path))
            if result.code == 0:
                assert 1 == len(everything()) - kind.startswith("p") * (kind != "pmsg"), (field, value)
                namespace.enter()
            else:
                assert (1, True) == (result.code, result.err.startswith("ipcctl: ")), (field, value)
                assert [] == everything(), (field, value)
