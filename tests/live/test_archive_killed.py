"""Killed at any stage, `save` and `rm --save` leave the object as it is or its complete file behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ipcctl.act.archive.check import check_archive
from ipcctl.cli.main import main
from ipcctl.kernel.host import Host
from tests.cli.here import command as here
from tests.live import namespace
from tests.live.saved import REFS, facts, files, make_all
from tests.live.traced import traced

REMOVAL = {"shm": ["rmid"], "sem": ["rmid"], "msg": ["rmid"], "pmsg": ["unlinkat"]}
ASIDE_AND_GONE = ["renameat", "unlinkat"]
DENSE = bytes(range(1, 256)) * 5000  # pieces that another thread writes
MESSAGES = [b"\0\xff%d" % number for number in range(6)]

every_kind = pytest.mark.parametrize("ref", REFS)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    it = tmp_path / "saved"
    it.mkdir(mode=0o700)
    return it


def fresh(ref: str, directory: Path) -> None:
    """That object alone, and nothing saved."""
    namespace.enter()
    make_all()
    (namespace.SHM / "x").write_bytes(DENSE)
    others = [other for other in REFS if other != ref]
    assert 0 == here("rm", *others, "--yes").code
    for path in directory.iterdir():
        path.unlink()


def complete(directory: Path) -> list[str]:
    """The files under their final names; each must be whole."""
    found = [name for name in files(directory) if not name.endswith(".part")]
    for name in found:
        check_archive(name)
    return found


@every_kind
def test_the_file_is_durable_before_it_has_its_name_and_its_name_before_the_object_goes(
    directory: Path, ref: str
) -> None:
    kind = ref.partition(":")[0]
    fresh(ref, directory)
    went = traced(lambda: main(["rm", ref, "--yes", "--save", str(directory), "--drain"]))
    begin = went.calls.index("openat")
    end = went.calls.index("fsync")
    removal = REMOVAL.get(kind, ASIDE_AND_GONE)
    assert (
        {"writev", "pwrite"} <= set(went.calls[begin:end]) <= {"openat", "writev", "pwrite", "shmat", "mq_timedreceive"}
    )
    told = went.calls.index("write", end)
    assert ["fsync", "renameat2", "fsync", *removal] == went.calls[end:told]
    assert {"write"} == set(went.calls[told:])
    assert (0, 1) == (went.code, len(complete(directory)))


@every_kind
def test_rm_killed_before_any_of_its_calls_leaves_the_object_or_its_complete_file(directory: Path, ref: str) -> None:
    kind = ref.partition(":")[0]
    fresh(ref, directory)
    before = facts()
    for call in range(1, 99):
        fresh(ref, directory)
        went = traced(lambda: main(["rm", ref, "--yes", "--save", str(directory), "--drain"]), kill_at=call)
        there = Host().snapshot([kind]).objects[kind]
        whole = complete(directory)
        assert there or whole, went.calls
        if kind == "pmsg" and there and not whole:
            _at_most_one_message_is_missing(directory)
        elif kind != "pmsg" and there:
            left = facts() if "renameat" not in went.calls else before  # aside, and in its file
            assert before == left, went.calls
        if whole:
            _comes_back(ref, whole[0], before)
        if went.code is not None:
            break
    assert (0, [], 1) == (went.code, there, len(whole))


def _at_most_one_message_is_missing(directory: Path) -> None:
    """What was taken out is in the unfinished file, all but the one that was to be written."""
    written = b"".join(Path(name).read_bytes() for name in files(directory))
    (taken,) = facts()["pmsg"][1:]
    queued = [text for text, _ in taken]
    missing = [text for text in MESSAGES if text not in queued and text not in written]
    assert 1 >= len(missing)


def _comes_back(ref: str, file: str, before: object) -> None:
    namespace.enter()
    assert 0 == here("restore", file).code, ref
    assert before == facts()


@every_kind
def test_save_killed_before_any_of_its_calls_leaves_the_object_alone_and_no_half_file(
    directory: Path, ref: str
) -> None:
    fresh(ref, directory)
    before = facts()
    for call in range(1, 99):
        fresh(ref, directory)
        went = traced(lambda: main(["save", ref, "--dir", str(directory), "--drain"]), kill_at=call)
        whole = complete(directory)
        if went.code is None and "mq_timedreceive" in went.calls:
            if not whole:
                _at_most_one_message_is_missing(directory)
        else:
            assert before == facts(), went.calls
        if went.code is not None:
            break
    assert (0, 1) == (went.code, len(whole))


@every_kind
def test_rm_interrupted_at_any_of_its_calls_leaves_the_object_or_its_complete_file(directory: Path, ref: str) -> None:
    kind = ref.partition(":")[0]
    fresh(ref, directory)
    before = facts()
    for call in range(1, 99):
        fresh(ref, directory)
        went = traced(
            lambda: main(["rm", ref, "--yes", "--save", str(directory), "--drain"]), kill_at=call, by=signal.SIGINT
        )
        there = Host().snapshot([kind]).objects[kind]
        assert there or complete(directory), went
        assert files(directory) == complete(directory)
        if there:
            assert before == facts(), went
        else:
            _comes_back(ref, complete(directory)[0], before)
        if went.code == 0:
            break
        assert 130 == went.code
    assert (0, []) == (went.code, there)


@every_kind
@pytest.mark.parametrize("options", [[], ["--replace"]])
def test_restore_interrupted_at_any_of_its_calls_makes_all_or_nothing(
    directory: Path, ref: str, options: list[str]
) -> None:
    fresh(ref, directory)
    whole = everything()
    command = ["save", "--dir"] if options else ["rm", "--yes", "--save"]
    assert 0 == here(*command, str(directory), ref, "--drain").code
    (file,) = complete(directory)
    before = everything()
    for call in range(1, 99):
        went = traced(lambda: main(["restore", file, *options]), kill_at=call, by=signal.SIGINT)
        after = everything()
        assert after in (before, whole), went
        if went.code == 0:
            break
        assert 130 == went.code, went
        if not options and after == whole:
            assert 0 == here("rm", ref, "--yes").code
    assert (0, whole) == (went.code, after)


def everything() -> tuple[object, list[str]]:
    return facts(), sorted(path.name for path in namespace.SHM.iterdir())
