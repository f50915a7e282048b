"""The util-linux that is installed, beside which the drop-in commands are tested."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipcctl.compat import VERSION

if TYPE_CHECKING:
    from tests.live import cli

BESIDE = pytest.mark.skipif(not shutil.which("ipcs"), reason="util-linux (ipcs, ipcrm, ipcmk) is not installed")
OF_2_41 = ("posix-", "name")
"""Long options that came with 2.41."""
BAD_USAGE = re.compile(r"ipcrm: bad usage\n")
"""What it says since 2.41 of a call that asks for nothing, and did not before."""


def _installed() -> str:
    done = subprocess.run(["ipcs", "-V"], capture_output=True, text=True, check=True) if shutil.which("ipcs") else None
    return re.findall(r"util-linux ([\d.]+)", done.stdout)[0] if done else "0"


INSTALLED = _installed()
IS_2_41 = tuple(map(int, INSTALLED.split("."))) >= (2, 41)


def of_our_version(result: cli.Result) -> cli.Result:
    """What the installed one answered, as if it were of the version that ipcctl tells."""
    return result._replace(out=result.out.replace(f"util-linux {INSTALLED}", VERSION))
