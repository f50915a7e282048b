"""Keys are those of the C library, and lead back to the file."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sysv_ipc
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcctl.kernel import creation
from ipcctl.kernel.ftok import key_of, search
from ipcctl.parse.fields import parse_project
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.cli import run

if TYPE_CHECKING:
    from ipcctl.model.snapshot import Gap

_libc = ctypes.CDLL(None, use_errno=True)
PATHS = ["/", "/etc/passwd", "/dev/null", "/dev/shm", "/proc", "/proc/self/status", "/proc/version", "/tmp"]


def of_the_c_library(path: str | Path, proj: int) -> int:
    return _libc.ftok(os.fsencode(path), proj) & 0xFFFFFFFF  # type: ignore[no-any-return]


def found(*words: str, **how: Any) -> list[str]:
    """The paths that `ftok --find WORDS` tells."""
    result = run("ftok", "--find", *words, "--json", **how)
    document = json.loads(result.out)
    assert result.code == int(not document["keys"]), result.err
    return [key["path"] for key in document["keys"]]


@pytest.mark.parametrize("path", PATHS)
def test_key_is_that_of_the_c_library_on_every_file_system(path: str) -> None:
    for proj in (1, 65, 127, 128, 255):
        assert of_the_c_library(path, proj) == key_of(path, proj)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
KINDS = st.sampled_from(["file", "directory", "fifo", "link"])


@settings(max_examples=300, deadline=None)
@given(name=NAMES, kind=KINDS, proj=st.integers(1, 255), where=st.booleans())
def test_key_of_any_file_is_that_of_the_c_library(*, name: str, kind: str, proj: int, where: bool) -> None:
    with tempfile.TemporaryDirectory(dir=namespace.SHM if where else None) as directory:
        path = f"{directory}/x{name}"
        {
            "file": lambda: Path(path).touch(),
            "directory": lambda: Path(path).mkdir(),
            "fifo": lambda: os.mkfifo(path),
            "link": lambda: Path(path).symlink_to(directory),
        }[kind]()
        key = of_the_c_library(path, proj)
        assert key == key_of(path, proj)
        paths = [origin.path for origin in search(key, [directory], []) if origin.proj == proj]
        assert [directory if kind == "link" else path] == paths


@pytest.mark.parametrize("word", ["A", "65", "0x41"])
def test_command_prints_what_a_program_gets(word: str, tmp_path: Path) -> None:
    key = f"0x{of_the_c_library(tmp_path, ord('A')):08x}"
    assert (0, f"{key}\n", "") == run("ftok", str(tmp_path), word)
    record = {"key": key, "path": str(tmp_path), "proj": 65}
    assert {"version": 1, "keys": [record], "gaps": []} == json.loads(run("ftok", str(tmp_path), word, "--json").out)


def test_every_character_but_a_digit_stands_for_its_code() -> None:
    characters = [chr(code) for code in range(1, 256) if not 48 <= code <= 57]
    assert [ord(character) for character in characters] == [parse_project(character) for character in characters]
    assert list(range(1, 10)) == [parse_project(digit) for digit in "123456789"]


def tree(top: Path) -> tuple[Path, int]:
    """A file deep down, and its key."""
    file = top / "a" / "b" / "the file"
    file.parent.mkdir(parents=True)
    file.touch()
    return file, of_the_c_library(file, 7)


def test_file_behind_a_key_is_found_and_links_are_not_followed(tmp_path: Path) -> None:
    file, key = tree(tmp_path / "real")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "directory").symlink_to(tmp_path / "real")
    (tmp_path / "links" / "file").symlink_to(file)
    (tmp_path / "links" / "loop").symlink_to(".")
    assert [str(file)] == found(f"0x{key:08x}", str(tmp_path))
    assert [] == found(f"0x{key:08x}", str(tmp_path / "links"))
    assert [str(file)] == found(f"0x{key:x}", str(file))
    plain = run("ftok", "--find", f"0x{key:08x}", str(tmp_path)).out.splitlines()
    assert ["PROJ  CHAR  PATH", f"   7  -     {file}"] == plain


def test_a_link_makes_no_key_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    status = (tmp_path / "link").lstat()
    assert [] == list(search(1 << 24 | (status.st_dev & 0xFF) << 16 | status.st_ino & 0xFFFF, [str(tmp_path)], []))


def test_each_file_is_told_once_however_often_it_is_named(tmp_path: Path) -> None:
    file, key = tree(tmp_path)
    inner, outer = str(tmp_path / "a"), str(tmp_path)
    assert [str(file)] == found(f"0x{key:08x}", outer, inner, f"{outer}/.")
    assert [str(file)] == found(f"0x{key:08x}", inner, outer)


def test_other_device_counts_by_its_low_byte(tmp_path: Path) -> None:
    file, key = tree(namespace.SHM / "t")
    assert [str(file)] == found(f"0x{key:08x}", str(tmp_path), "/dev/shm")
    assert [] == found(f"0x{key ^ 0x10000:08x}", str(tmp_path), "/dev/shm")


def test_nothing_found_is_said_with_what_to_look_for(tmp_path: Path) -> None:
    result = run("ftok", "--find", "0x41ff1234", str(tmp_path))
    assert (1, "") == (result.code, result.out)
    assert f"nothing in {tmp_path} can have made 0x41ff1234" in result.err
    assert "inode that ends in 0x1234, on a device whose minor number ends in 0xff" in result.err


def test_directory_that_cannot_be_read_is_a_gap(strangers: tuple[int, int]) -> None:
    top = namespace.SHM / "t"
    file, key = tree(top)
    (top / "a").chmod(0o700)
    for number in range(12):
        (top / f"closed{number:02}").mkdir(mode=0o700)
    (top / "half").mkdir()
    (top / "half" / "x").touch()
    (top / "half").chmod(0o744)  # its entries can be listed, not looked at
    assert [str(file)] == found(f"0x{key:08x}", str(top))
    result = run("ftok", "--find", f"0x{key:08x}", str(top), "--json", uid=strangers[0])
    gaps = json.loads(result.out)["gaps"]
    closed = {str(top / "a"), str(top / "half"), *(str(top / f"closed{number:02}") for number in range(12))}
    assert closed == {gap["what"] for gap in gaps}
    assert {"Permission denied"} == {gap["why"] for gap in gaps}
    assert (1, 10) == (result.code, result.err.count("Permission denied"))
    assert "4 more could not be looked into" in result.err


def test_no_path_reaches_the_terminal_raw(strangers: tuple[int, int]) -> None:
    top = namespace.SHM / "\x1b]2;title\x07"
    file, key = tree(top)
    assert [r"/dev/shm/\x1b]2;title\x07/a/b/the file"] == found(f"0x{key:08x}", str(top))
    file.parent.chmod(0o700)
    for words in ((f"0x{key:08x}", str(top)), ("0x01ff1234", str(top))):
        result = run("ftok", "--find", *words, uid=strangers[0])
        assert "\x1b" not in result.out + result.err
        assert r"/dev/shm/\x1b]2;title\x07/a/b: Permission denied" in result.err


def test_tree_deeper_than_there_are_descriptors_is_a_gap_and_the_rest_is_searched() -> None:
    top = namespace.SHM / "t"
    deep = top / "/".join(["d"] * 60)
    deep.mkdir(parents=True)
    (deep / "x").touch()
    (top / "y").touch()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    gaps: list[Gap] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, before[1]))
        paths = [origin.path for origin in search(key_of(str(top / "y"), 1), [str(top)], gaps)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [str(top / "y")] == paths
    assert ["too deep for the descriptors this process may have"] == [gap.why for gap in gaps]


def test_proc_is_entered_only_when_it_is_named(tmp_path: Path) -> None:
    key = key_of("/proc/version", 1)
    assert "/proc/version" in [origin.path for origin in search(key, ["/proc"], [])]
    inside = tmp_path / "proc"
    inside.mkdir()
    namespace.mount("/proc", inside, None, namespace.MS_BIND)
    try:
        assert [] == [o.path for o in search(key, [str(tmp_path)], []) if o.path.startswith(str(inside))]
        assert str(inside / "version") in [origin.path for origin in search(key, [str(inside)], [])]
    finally:
        namespace.umount(inside)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("/etc", 2, "PATH and PROJ are needed"),
        ("/etc A B", 2, "PATH and PROJ are needed"),
        ("/etc 0", 2, "bad project id '0'"),
        ("/etc 256", 2, "bad project id '256'"),
        ("/etc AB", 2, "bad project id 'AB'"),
        ("/nowhere A", 1, "cannot look at '/nowhere': No such file"),
        ("/etc/passwd/x A", 1, "cannot look at '/etc/passwd/x': Not a directory"),
        ("--find 42 /etc", 2, "bad key '42'"),
        ("--find 0x0 /etc", 2, "bad key '0x0'"),
        ("--find private /etc", 2, "bad key 'private'"),
        ("--find 0x123456789 /etc", 2, "bad key '0x123456789'"),
        ("--find 0x2a /etc /nowhere", 1, "cannot look at '/nowhere'"),
        ("--find 0x2a", 2, "missing argument"),
    ],
)
def test_bad_request_is_refused_and_quoted(words: str, code: int, said: str) -> None:
    result = here("ftok", *words.split())
    assert (code, "") == (result.code, result.out)
    assert said in result.err


def shown(ref: str, *words: str, **how: Any) -> Any:
    """The field `ftok` that `show` tells of a System V object."""
    result = run("show", ref, *words, "--json", **how)
    return json.loads(result.out)["objects"][0]["ftok"]


def test_show_tells_a_well_known_place_of_each_kind() -> None:
    key = of_the_c_library("/etc", ord("A"))
    creation.create_segment(key, 1, 0o600)
    creation.create_semaphore_set(key, 1, 0o600)
    creation.create_queue(key, 0o600)
    for kind in ("shm", "sem", "msg"):
        assert {"path": "/etc", "proj": 65} == shown(f"{kind}:0x{key:08x}")
        assert "ftok: /etc proj 65 (A)\n" in run("show", f"{kind}:0").out
        assert "/etc proj 65 (A)" in run("show", f"{kind}:0", tty=True).out


def test_show_tells_the_directory_and_program_of_a_creator_that_lives() -> None:
    own = namespace.SHM / "own"
    own.mkdir()

    def make(key: int) -> None:
        os.chdir(own)
        sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX)

    program = os.readlink("/proc/self/exe")
    for path in (program, os.path.dirname(program), str(own)):
        key = of_the_c_library(path, 3)
        with actors.actor(partial(make, key)):
            assert {"path": path, "proj": 3} == shown(f"shm:0x{key:08x}")
    assert shown(f"shm:0x{key:08x}") is None


def test_show_tells_the_home_of_the_owner(named_users: list[Any]) -> None:
    user = next((entry for entry in named_users if os.path.isdir(entry.pw_dir)), None)
    if user is None:
        pytest.skip("none of the ordinary accounts has a home")
    key = of_the_c_library(user.pw_dir, 200)
    run("create", "msg", "--ftok", f"{user.pw_dir}:200", "--owner", user.pw_name)
    assert 200 == shown(f"msg:0x{key:08x}")["proj"]


def test_show_has_nothing_to_tell_of_other_keys_and_none_at_all() -> None:
    creation.create_segment(0, 1, 0o600)
    (namespace.SHM / "elsewhere").touch()
    creation.create_queue(of_the_c_library(namespace.SHM / "elsewhere", 1), 0o600)
    assert (None, None) == (shown("shm:0"), shown("msg:0"))
    assert "ftok: -\n" in run("show", "shm:0").out
    creation.create_posix_queue("/x", 0o600)
    assert "ftok" not in json.loads(run("show", "pmsg:/x", "--json").out)["objects"][0]
