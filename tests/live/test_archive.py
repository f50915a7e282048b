"""What was saved comes back byte for byte, or nothing does; what is not saved is not removed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

import pytest

from ipcctl.act.archive.save import Saver
from ipcctl.kernel import change, content, creation
from ipcctl.kernel.host import Host
from ipcctl.model.detail import Message
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.cli import run
from tests.live.saved import REFS, facts, files, make_all, make_segment


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    it = tmp_path / "saved"
    it.mkdir(mode=0o700)
    return it


def test_saving_leaves_everything_as_it_was(directory: Path) -> None:
    make_all()
    before = facts()
    assert 0 == here("save", *REFS, "-d", str(directory), "--drain").code
    assert before == facts()
    assert 6 == len(files(directory))


def test_every_kind_comes_back_after_its_removal(directory: Path) -> None:
    make_all()
    before = facts()
    result = here("rm", *REFS, "--yes", "--save", str(directory), "--drain", "--json")
    assert 0 == result.code, result.err
    assert files(directory) == sorted(record["saved"] for record in json.loads(result.out)["objects"])
    assert [] == [item for items in Host().snapshot().objects.values() for item in items]
    result = here("restore", *files(directory))
    assert (0, "6 restored\n") == (result.code, result.err)
    assert before == facts()


def test_taken_key_is_refused_replaced_or_avoided(directory: Path) -> None:
    make_segment(10)
    here("save", "shm:0x7", "-d", str(directory))
    (saved,) = files(directory)
    result = here("restore", saved)
    assert 1 == result.code
    assert "shm:0x00000007 exists" in result.err
    assert 0 == here("restore", saved, "--as-key", "0x8").code
    assert 0 == here("restore", saved, "--replace").code
    assert [7, 8] == sorted(item.key for item in Host().snapshot(["shm"]).objects["shm"])  # type: ignore[union-attr]
    with actors.attached(Host().snapshot(["shm"]).objects["shm"][0].id):  # type: ignore[union-attr]
        assert 1 == here("restore", saved, "--as-key", "0x8", "--replace").code


def test_name_of_a_process_in_the_way_never_reaches_the_terminal_raw(directory: Path) -> None:
    (namespace.SHM / "x").write_bytes(b"x")
    assert 0 == run("save", "pshm:/x", "-d", str(directory)).code

    def hold() -> int:
        Path("/proc/self/comm").write_text("\x1b[31m", encoding="ascii")
        return os.open(namespace.SHM / "x", os.O_RDONLY)

    with actors.actor(hold):
        result = run("restore", "--replace", *map(str, directory.glob("pshm*")))
    assert (1, True) == (result.code, r"(\x1b[31m) has it open" in result.err), result.err
    assert "\x1b" not in result.err


def test_one_refused_file_restores_none(directory: Path) -> None:
    make_all()
    here("rm", *REFS, "--yes", "--save", str(directory), "--drain")
    creation.create_queue(7, 0o600)
    assert 1 == here("restore", *files(directory)).code
    assert ["msg"] == [kind for kind, items in Host().snapshot().objects.items() if items]


@pytest.mark.parametrize("ref", ["shm:0x7", "sem:0x7", "msg:0x7", "pshm:/x"])
@pytest.mark.parametrize("pages", [1, 3])  # full in the header, and in the content
def test_full_disk_keeps_the_object_and_leaves_no_file(directory: Path, ref: str, pages: int) -> None:
    make_large()
    before = facts()
    namespace.mount("tmpfs", directory, "tmpfs", 0, f"size={pages * os.sysconf('SC_PAGE_SIZE')},mode=700")
    (directory / "taken").write_bytes(b"x")
    result = here("rm", ref, "--yes", "--save", str(directory))
    left = [path.name for path in directory.iterdir()]
    namespace.umount(directory)
    assert 1 == result.code, result.out
    assert "not saved, so not removed: No space left on device" in result.out
    assert (["taken"], before) == (left, facts())


def test_every_cell_of_a_report_in_a_pipe_is_filled(directory: Path) -> None:
    make_all()
    report = here("save", "--all", "--dir", str(directory)).out.splitlines()
    assert report[0].endswith("WHY")  # a queue with messages is not saved
    assert {"-"} == {line.split()[-1] for line in report if " saved " in line}
    assert not [line for line in report if line != line.rstrip()]


def make_large() -> None:
    """A content of several pages each."""
    make_segment(20_000)
    with content.attached(Host().snapshot(["shm"]).objects["shm"][0].id, 20_000, write=True) as it:  # type: ignore[union-attr]
        it.view[:] = os.urandom(20_000)
    change.SysvChange().set_values(creation.create_semaphore_set(7, 10_000, 0o606), list(range(10_000)))
    queue = creation.create_queue(7, 0o600)
    for _ in range(2):
        content.send(queue, Message(1, os.urandom(8000)))
    (namespace.SHM / "x").write_bytes(os.urandom(20_000))


@pytest.mark.parametrize("command", [["save", "--dir"], ["rm", "--yes", "--save"]])
def test_directory_that_vanishes_keeps_the_object(directory: Path, command: list[str]) -> None:
    make_segment(100)
    verb, *options = command
    reader_of = Saver.__init__

    def vanishing(self: Saver, host: Host, path: str, *, drain: bool = False) -> None:
        reader_of(self, host, path, drain=drain)
        directory.rmdir()

    with mock.patch.object(Saver, "__init__", vanishing):
        result = here(verb, "shm:0x7", *options, str(directory))
    assert (1, 1) == (result.code, len(Host().snapshot(["shm"]).objects["shm"]))
    assert f"{directory} was removed meanwhile" in result.out


def test_archive_shows_what_is_inside(directory: Path) -> None:
    make_all()
    assert 0 == here("save", *REFS, "-d", str(directory), "--drain").code
    shown = here("archive", *files(directory), "--peek", "2", "--json")
    found = {record["kind"]: record for record in json.loads(shown.out)["objects"]}
    assert (list(range(1000)), [2, 2]) == (
        found["sem"]["values"],
        [len(found[kind]["peeked"]) for kind in ("msg", "pmsg")],
    )
    assert [{"type": 2**62, "length": 0, "text": "", "hex": None}, (1, bytes(range(256)).hex())] == [
        found["msg"]["peeked"][0],
        (found["msg"]["peeked"][1]["type"], found["msg"]["peeked"][1]["hex"]),
    ]
    assert [(2, "00ff32"), (2, "00ff35")] == [(it["type"], it["hex"]) for it in found["pmsg"]["peeked"]]
    plain = here("archive", *files(directory), "--peek", "2").out
    tables = [[line.split() for line in table.splitlines()] for table in plain.split("\n\n")]
    assert [["pmsg:/x", "0", "2", "3", "0x00ff32"], ["pmsg:/x", "1", "2", "3", "0x00ff35"]] == tables[1][-2:]
    assert [["sem:0", "0", "0"], ["sem:0", "1", "1"]] == tables[2][1:]
    unasked = json.loads(here("archive", *files(directory), "--json").out)["objects"]
    assert {"msg": None, "pmsg": None} == {it["kind"]: it["peeked"] for it in unasked if it["kind"] in ("msg", "pmsg")}
    assert 2 == here("archive", *files(directory), "--peek", "-1").code
