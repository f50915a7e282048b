"""Where each file of an installed package goes: one table for the .deb, the .rpm and the tests.

Needs nothing but Python's standard library, because it also runs where a distribution builds its packages.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Rule(NamedTuple):
    """Files that match *pattern* go to *target*, in which {name}, {stem} and {suffix} stand for parts of the name."""

    pattern: str
    target: str
    mode: int = 0o644


RULES = (
    Rule("packaging/make/ipcctl", "usr/bin/ipcctl", 0o755),
    Rule("man/*.[1-9]", "usr/share/man/man{suffix}/{name}"),
    Rule("packaging/completions/ipcctl.bash", "usr/share/bash-completion/completions/ipcctl"),
    Rule("packaging/completions/_ipcctl", "usr/share/zsh/{zsh}/_ipcctl"),
    Rule("packaging/completions/ipcctl.fish", "usr/share/fish/vendor_completions.d/ipcctl.fish"),
    Rule("packaging/systemd/*.service", "usr/lib/systemd/system/{name}"),
    Rule("packaging/systemd/*.socket", "usr/lib/systemd/system/{name}"),
    Rule("packaging/systemd/*.timer", "usr/lib/systemd/system/{name}"),
    Rule("packaging/tmpfiles.d/*.conf", "usr/lib/tmpfiles.d/{name}"),
    Rule("packaging/sysusers.d/*.conf", "usr/lib/sysusers.d/{name}"),
    Rule("packaging/cron.d/*", "etc/cron.d/{stem}"),  # cron skips names with a dot
    Rule("packaging/logrotate.d/*", "etc/logrotate.d/{stem}"),
    Rule("packaging/**/policy.toml", "etc/ipcctl/policy.toml"),
    Rule("packaging/prometheus/*", "usr/share/ipcctl/prometheus/{name}"),
    Rule("packaging/grafana/*", "usr/share/ipcctl/grafana/{name}"),
)

NOT_INSTALLED = ("debian", "demo", "dev", "make", "rpm")
"""Directories of packaging/ that serve who builds. What no rule knows in the others is an example for users."""

ZSH = {"debian": "vendor-completions", "rpm": "site-functions"}
"""Where zsh looks, by family of distributions."""


class Placed(NamedTuple):
    """A file of the checkout and where it goes, relative to the root of the system."""

    source: Path
    target: str
    mode: int


def placed(family: str, root: Path = ROOT) -> Iterator[Placed]:
    """Every file outside the bundle."""
    known = set()
    for rule in RULES:
        for source in sorted(root.glob(rule.pattern)):
            known.add(source)
            parts = {"name": source.name, "stem": source.stem, "suffix": source.suffix[1:], "zsh": ZSH[family]}
            yield Placed(source, rule.target.format(**parts), rule.mode)
    for directory in sorted((root / "packaging").iterdir()):
        if directory.is_dir() and directory.name not in NOT_INSTALLED:
            for source in sorted(directory.rglob("*")):
                if source.is_file() and source not in known and "__pycache__" not in source.parts:
                    below = source.relative_to(root / "packaging")
                    yield Placed(source, f"usr/share/doc/ipcctl/examples/{below}", 0o644)


def install(family: str, bundle: Path, destination: Path) -> list[str]:
    """Copy everything below *destination*; return what was made, relative to it, without the bundle's files."""
    targets = []
    for source, target, mode in placed(family):
        _copy(source, destination / target, mode)
        targets.append(target)
    for source in sorted(bundle.rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            _copy(source, destination / "usr/lib/ipcctl" / source.relative_to(bundle), 0o644)
    return targets


def _copy(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(mode)


def rpm_files(targets: list[str]) -> str:
    """What a spec's %files reads: files of /etc are the administrator's, manual pages get compressed."""
    lines = ["%dir /usr/lib/ipcctl", "/usr/lib/ipcctl/*"]
    for target in sorted(targets):
        if target.startswith("etc/"):
            lines.append(f"%config(noreplace) /{target}")
        elif target.startswith("usr/share/man/"):
            lines.append(f"/{target}*")
        else:
            lines.append(f"/{target}")
    parents = {str(parent) for target in targets for parent in Path(target).parents}
    lines += [f"%dir /{parent}" for parent in sorted(parents) if parent.startswith(("usr/share/ipcctl", "etc/ipcctl"))]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Install below the directory that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("family", choices=ZSH)
    parser.add_argument("bundle", type=Path, help="what bundle.py made")
    parser.add_argument("destination", type=Path)
    parser.add_argument("--rpm-files", type=Path, help="write the list for %%files there")
    arguments = parser.parse_args()
    targets = install(arguments.family, arguments.bundle, arguments.destination)
    if arguments.rpm_files:
        arguments.rpm_files.write_text(rpm_files(targets), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
