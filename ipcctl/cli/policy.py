"""``ipcctl policy check``: what a policy file means, in words."""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import Annotated

import typer

from ipcctl.cli.notes import folded
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.cli.output import note, note_gaps, write
from ipcctl.errors import PolicyError
from ipcctl.kernel.host import Host
from ipcctl.kernel.trust import open_trusted
from ipcctl.parse.policy_file import parse_policy
from ipcctl.policy.protections import Known
from ipcctl.policy.rules import Prepared, prepare, shadowed

app = new_command()

DEFAULT_POLICY = "/etc/ipcctl/policy.toml"

_EXAMPLES = """\b
Examples:
  ipcctl policy check /etc/ipcctl/policy.toml
  ipcctl policy check FILE --json | jq '.rules[] | {rule, would_remove}'
"""


@app.callback()
def policy() -> None:
    """Look into a policy of ipcctl clean."""


@app.command(epilog=_EXAMPLES, short_help="explain each rule, and say what it would take now")
@with_options(host=open_host)
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The policy file.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
    host: Host,
) -> int:
    """Explain each rule in a sentence, say how many present objects it takes, warn of rules that never act."""
    from ipcctl.act.judge import Judge
    from ipcctl.act.powers import lacking
    from ipcctl.policy.cleaning import over_the_limits, plan_cleaning
    from ipcctl.render.policy import check_document, explanation, warnings

    prepared, now = load_policy(file, host), time.time()
    snapshot = host.snapshot(prepared.kinds, queue_limits=False)
    with Judge(host, prepared.kinds) as judge:
        plan = plan_cleaning(prepared, snapshot.objects, judge.verdict_on, host.accounts.users, now)
        gaps = (*lacking(), *snapshot.gaps, *judge.gaps)
    excess = over_the_limits(plan, prepared.policy)
    found = [
        *warnings(prepared, shadowed(prepared.rules)),
        *([f"as things are {excess}: it would stop"] * bool(excess)),
    ]
    if json:
        write(check_document(prepared, plan, found, gaps))
    else:
        write(folded(line, sys.stdout) for line in explanation(prepared, plan))
        for warning in found:
            note(f"ipcctl: warning: {warning}")
    note_gaps(gaps)
    return int(snapshot.broken)


def load_policy(path: str, host: Host) -> Prepared:
    """The policy in the file *path*, its accounts looked up. Raises PolicyError, Refused where others can write it."""
    raw = _read(path)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: no TOML: byte {raw[error.start]:#04x} is not UTF-8") from None
    accounts = host.accounts
    return prepare(parse_policy(text, path), Known(accounts.uid, accounts.gid, accounts.users))


def _read(path: str) -> bytes:
    hint = "--policy names one; ipcctl-policy(5) describes it"
    try:
        with open(open_trusted(path, "policy file", os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
    except OSError as error:
        raise PolicyError(f"cannot read the policy {path}: {error.strerror}", hint=hint) from error
    raise PolicyError(f"cannot read the policy {path}: it is no regular file", hint=hint)
