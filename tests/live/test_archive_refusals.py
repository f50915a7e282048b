"""What restore does not do, why, and what it says helps; and nothing has changed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from ipcctl.kernel import change, creation
from ipcctl.kernel.host import Host
from tests.cli.here import command as here
from tests.live import actors, cli, namespace
from tests.live.saved import REFS, facts, files, make_all
from tests.live.test_terminal import ESCAPES

every_kind = pytest.mark.parametrize("ref", REFS)
KERNEL = Path("/proc/sys/kernel")


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, str]:
    """A file of each kind, whose object is there still."""
    directory = tmp_path / "saved"
    directory.mkdir(mode=0o700)
    make_all()
    assert 0 == here("save", *REFS, "-d", str(directory), "--drain").code
    return {
        Path(name).name.partition("-")[0] + ref[ref.index(":") :]: name for name in files(directory) for ref in REFS
    }


def everything() -> tuple[object, list[str]]:
    return facts(), sorted(path.name for path in namespace.SHM.iterdir())


@every_kind
def test_occupied_key_or_name(saved: dict[str, str], ref: str) -> None:
    before = everything()
    result = here("restore", saved[ref])
    assert (1, before) == (result.code, everything())
    assert " exists\n  hint: --replace removes it" in result.err


@every_kind
def test_replacing_tells_what_went(saved: dict[str, str], ref: str) -> None:
    kind = ref.partition(":")[0]
    (before,) = Host().snapshot([kind]).objects[kind]
    result = here("restore", saved[ref], "--replace", "--json")
    gone, back = json.loads(result.out)["objects"]
    assert (0, "1 removed, 1 restored\n") == (result.code, result.err)
    assert ("removed", before.ref, "restored") == (gone["result"], gone["ref"], back["result"])
    (now,) = Host().snapshot([kind]).objects[kind]
    assert now.ref == back["ref"]


@every_kind
def test_damaged_file_replaces_nothing(saved: dict[str, str], ref: str) -> None:
    with open(saved[ref], "r+b") as file:
        file.seek(-40, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    before = everything()
    result = here("restore", saved[ref], "--replace")
    assert (1, before) == (result.code, everything())
    assert "altered: " in result.err


@pytest.mark.parametrize("ref", ["shm:0x7", "sem:0x7", "pshm:/x", "psem:/x", "pmsg:/x"])
def test_what_is_in_use_is_not_replaced_and_neither_is_the_rest(saved: dict[str, str], ref: str) -> None:
    identifier = {item.kind: item for items in Host().snapshot().objects.values() for item in items}
    users = {
        "shm": lambda: actors.attached(identifier["shm"].id),  # type: ignore[union-attr]
        "sem": lambda: actors.waiting(identifier["sem"].id),  # type: ignore[union-attr]
        "pshm": lambda: actors.mapped(namespace.SHM / "x"),
        "psem": lambda: actors.opened(namespace.SHM / "sem.x"),
        "pmsg": lambda: actors.mq_opened("/x"),
    }
    before = everything()
    with users[ref.partition(":")[0]]():
        result = here("restore", *(saved[other] for other in REFS), "--replace")
        assert 1 == result.code
        assert f"nothing restored: cannot replace {ref.partition(':')[0]}:" in result.err
        assert "in-use: " in result.err
    assert before == everything()


@pytest.mark.parametrize(
    ("ref", "limit", "value", "why", "setting"),
    [
        ("shm", "shmmax", "4999999", "shmmax is 4999999 bytes, 5000000 would be needed", "shmmax=5000000"),
        ("shm", "shmmni", "0", "shmmni is 0 segments, 1 would be needed", "shmmni=1"),
        ("sem", "sem", "999 32000 32 128", "semmsl is 999 semaphores, 1000 would be needed", "sem='1000 32000 32 128'"),
        ("sem", "sem", "2000 900 32 128", "semmns is 900 semaphores, 1000 would be needed", "sem='2000 1000 32 128'"),
        ("sem", "sem", "2000 32000 32 0", "semmni is 0 sets, 1 would be needed", "sem='2000 32000 32 1'"),
        ("msg", "msgmni", "0", "msgmni is 0 queues, 1 would be needed", "msgmni=1"),
        ("msg", "msgmax", "255", "msgmax is 255, a message has 256 bytes", "msgmax=256"),
    ],
)
def test_over_a_limit_which_and_what_to_set(  # noqa: PLR0913, PLR0917
    saved: dict[str, str], ref: str, limit: str, value: str, why: str, setting: str
) -> None:
    assert 0 == here("rm", *REFS, "--yes").code
    (KERNEL / limit).write_text(value)
    result = here("restore", saved[f"{ref}:0x7"])
    assert (1, f"ipcctl: nothing restored: {why}\n  hint: sysctl -w kernel.{setting}\n") == (result.code, result.err)
    (KERNEL / limit).write_text(setting.partition("=")[2].strip("'"))
    assert 0 == here("restore", saved[f"{ref}:0x7"]).code


def test_no_room_in_dev_shm(saved: dict[str, str]) -> None:
    namespace.mount("tmpfs", namespace.SHM, "tmpfs", 0, "size=4k,mode=1777")
    (namespace.SHM / "taken").write_bytes(b"x")
    result = here("restore", saved["pshm:/x"])
    assert 1 == result.code
    assert "/dev/shm has 0 bytes left, 4096 are needed" in result.err
    assert "hint: mount -o remount,size=8192 /dev/shm" in result.err
    assert [namespace.SHM / "taken"] == list(namespace.SHM.iterdir())
    namespace.umount(namespace.SHM)


@pytest.mark.parametrize("ref", ["pshm:/x", "psem:/x", "pmsg:/x"])
def test_another_user_cannot_give_it_its_owner_but_may_own_it(
    saved: dict[str, str], strangers: tuple[int, int], ref: str
) -> None:
    kind = ref.partition(":")[0]
    file = Path(saved[ref])
    content = file.read_bytes()

    def restore(*options: str) -> cli.Result:
        copy = Path(os.environ.get("TMPDIR", "/tmp")) / f"ipcctl-test-{os.getpid()}"
        copy.write_bytes(content)
        try:
            return cli.run("restore", str(copy), "--as-name", "/y", *options)
        finally:
            copy.unlink()

    result = actors.as_user(strangers[0], restore)
    assert 1 == result.code
    assert f"nothing restored: {kind}:/y belongs to uid 0, gid 0\n  hint: run as root, or own it yourself: --own" in (
        result.err
    )
    assert 0 == actors.as_user(strangers[0], lambda: restore("--own")).code
    assert [0, strangers[0]] == sorted(item.uid for item in Host().snapshot([kind]).objects[kind])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--as-name", "/y"], "a semaphore set has no name\n  hint: --as-key gives it another key"),
        (["--as-key", "0"], "bad key '0'"),
        (["--as-key", "0x100000000"], "bad key '0x100000000'"),
        (["--as-key", "x"], "bad key 'x'"),
    ],
)
def test_place_that_it_cannot_have(saved: dict[str, str], options: list[str], why: str) -> None:
    result = here("restore", saved["sem:0x7"], *options)
    assert (2, True) == (result.code, why in result.err), result.err


def test_two_files_of_one_object(saved: dict[str, str]) -> None:
    assert 0 == here("rm", "sem:0x7", "--yes").code
    result = here("restore", saved["sem:0x7"], saved["sem:0x7"])
    assert (1, True) == (result.code, "2 files hold sem:0x00000007" in result.err)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path, "no regular file"),
        (tmp_path / "pipe", "no regular file"),
        (tmp_path / "gone", "No such file or directory"),
    ):
        for command in ("restore", "archive"):
            result = here(command, str(path))
            said = f"ipcctl: {path}: {why}\n  hint: name files that ipcctl save wrote\n"
            assert (1, True) == (result.code, said in result.err), result.err


def test_what_cannot_be_read_is_not_saved_and_not_removed(strangers: tuple[int, int]) -> None:
    make_all()
    before = everything()
    change.set_file(os.open(namespace.SHM, os.O_PATH), "pshm", "/x", uid=strangers[0], mode=0)

    def attempts() -> list[cli.Result]:
        with tempfile.TemporaryDirectory() as directory:
            refs = [ref for ref in REFS if ref != "sem:0x7"]
            done = [cli.run("save", *refs, "-d", directory, "--drain"), cli.run("save", "pshm:/x", "-d", "/")]
            done.append(cli.run("rm", *refs, "--yes", "--save", directory, "--drain"))
            assert not os.listdir(directory)
            return done

    several, wrong_place, removal = actors.as_user(strangers[1], attempts)
    assert (1, 5) == (several.code, several.out.count("no right to read its content: its owner or root can"))
    assert (1, True) == (wrong_place.code, "/ takes no file: Permission denied" in wrong_place.out)
    assert (1, 5) == (removal.code, removal.out.count(" failed "))
    change.set_file(os.open(namespace.SHM, os.O_PATH), "pshm", "/x", uid=0, mode=0o644)
    assert before == everything()


def test_private_object_comes_back_without_a_key(tmp_path: Path) -> None:
    made = creation.create_semaphore_set(0, 3, 0o600)
    tmp_path.chmod(0o700)
    assert 0 == here("rm", f"sem:{made}", "--yes", "--save", str(tmp_path)).code
    result = here("restore", *files(tmp_path))
    assert 0 == result.code
    assert f"not as before: id (was {made}), times, process ids" in result.out
    assert [(0, 3)] == [(item.key, item.nsems) for item in Host().snapshot(["sem"]).objects["sem"]]  # type: ignore[union-attr]


@pytest.mark.parametrize("columns", [80, 200])
def test_names_of_files_are_not_broken_on_a_terminal(
    tmp_path: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_all()
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    shown = cli.run("save", *REFS[:5], "-d", ".", tty=True, columns=columns).out
    names = [path.name for path in tmp_path.iterdir()]
    shown_again = cli.run("archive", *names, tty=True, columns=columns).out
    for text in (shown, shown_again):
        assert [] == [name for name in names if name not in text], text
        assert columns >= max(map(len, ESCAPES.sub("", text).splitlines()))
