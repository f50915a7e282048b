"""Cleaning by a policy."""

from __future__ import annotations

import os
import tempfile

from tests.bench.bench import Bench, Outcome, at_most, row
from tests.bench.measure import ipcctl
from tests.bench.population import make

# Ten rules of every sort. They take nothing of P, so what is timed is the looking: rules 8 and 9 ask for a verdict on
# every segment and every queue, 36,000 of them; the others describe no object.
POLICY = """
[defaults]
min_idle = 0
protect = ["postgresql", "oracle", "sap"]

[[protect]]
name = "licence-server"
keys = ["0x4c49*"]

[[rule]]
name = "dead-training-runs"
kinds = ["pshm", "psem"]
producer = ["pytorch", "nccl", "python"]
orphaned = true
action = "remove"

[[rule]]
name = "of-the-scanner"
keys = ["0x5353*", "0xdeadbeef"]
orphaned = true
action = "remove"

[[rule]]
name = "of-students"
users = [70001, 70002, 70003]
orphaned = true
older_than = "1h"
action = "remove"

[[rule]]
name = "of-a-lab"
groups = [70001]
older_than = "30d"
action = "report"

[[rule]]
name = "apache"
kinds = "sem"
producer = "apache"
orphaned = true
action = "remove"

[[rule]]
name = "large-segments"
kinds = "shm"
larger_than = "1G"
older_than = "7d"
action = "report"

[[rule]]
name = "open-to-everybody"
world_writable = true
action = "report"

[[rule]]
name = "forgotten-segments"
kinds = "shm"
unattached = true
orphaned = true
action = "remove"

[[rule]]
name = "forgotten-queues"
kinds = "msg"
empty = true
orphaned = true
action = "remove"

[[rule]]
name = "forgotten"
orphaned = true
older_than = "7d"
action = "remove"
"""


@row("clean", "`ipcctl clean --dry-run` by ten rules on P, against `ipcctl ls`", at_most(1.5, "x"))
def clean(bench: Bench) -> Outcome:
    make(bench.p)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as policy:
        policy.write(POLICY)
        policy.flush()
        os.chmod(policy.name, 0o600)
        return bench.against(ipcctl("clean", "--policy", policy.name, "--dry-run"), ipcctl("ls"))
