"""A bare machine is given every tool that a test would be skipped without."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.manual import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEED = ROOT / "packaging/dev/need"
EVERYWHERE = {"su"}
"""Debian's essential packages, without which there is no apt-get either."""


def listed() -> set[str]:
    (words,) = re.findall(r'^TESTS="([^"]+)"$', NEED.read_text(encoding="utf-8"), re.MULTILINE)
    return set(words.split())


def asked_for() -> Iterator[str]:
    """What stands in `shutil.which("...")` and `need("...")` of the tests."""
    for path in (ROOT / "tests").rglob("*.py"):
        if "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"need", "which", "shutil.which"}:
                yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def told(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """As a user who cannot install: apt-get is not found."""
    environment = {**os.environ, "PATH": str(path)}
    return subprocess.run(["/bin/sh", NEED, *words], env=environment, check=False, capture_output=True, text=True)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory with id and nothing else."""
    (tmp_path / "id").symlink_to("/usr/bin/id")
    return tmp_path


def test_every_tool_that_tests_ask_for_is_in_the_list() -> None:
    found = set(asked_for())
    assert len(found) > 10
    assert set() == found - EVERYWHERE - listed()


def test_ci_and_make_install_the_same() -> None:
    assert "need tests" in (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(NEED)", "need")
    assert re.search(r"dev/need .*\btests\b", (ROOT / ".ci/run").read_text(encoding="utf-8"))


def test_what_is_missing_is_named_with_its_packages(programs: Path) -> None:
    done = told("id", "rpmspec", "no-such-tool", path=programs)
    assert 1 == done.returncode
    message = "skipped, not installed: rpmspec no-such-tool (on Debian and Ubuntu: apt-get install rpm no-such-tool)\n"
    assert message == done.stderr


def test_the_word_tests_stands_for_the_whole_list(programs: Path) -> None:
    for name in listed() - {"postgres", "wrk"}:
        (programs / name).write_text("")
        (programs / name).chmod(0o755)
    message = told("tests", path=programs).stderr
    assert "skipped, not installed: wrk" == message.partition(" (")[0].replace(" postgres", "")  # that is off PATH


def test_one_package_that_does_not_exist_keeps_no_other_away(programs: Path) -> None:
    """apt-get refuses all of them together then."""
    apt = programs / "apt-get"
    apt.write_text(
        "#!/bin/sh\nfor word; do package=$word; case $word in no-such*) exit 100 ;; esac; done\n"
        f'case " $* " in *" install "*) echo >{programs}/"$package"; /bin/chmod 755 {programs}/"$package" ;; esac\n'
    )
    apt.chmod(0o755)
    (programs / "id").unlink()
    (programs / "id").write_text("#!/bin/sh\necho 0\n")
    (programs / "id").chmod(0o755)
    done = told("no-such-tool", "wrk", path=programs)
    assert (1, True) == (done.returncode, (programs / "wrk").exists())
    assert "not installed: no-such-tool (" in done.stderr
