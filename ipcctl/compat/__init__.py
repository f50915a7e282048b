"""Drop-in personalities of util-linux commands, one file each. Loads nothing: they are chosen before anything else.

Each has ``run(arguments, out, err)``: text to the streams given, the exit status back. A UsageError ends the call with
a pointer to ``--help``, any other IpcctlError with its message alone, both with status 1 like the originals.
"""

from __future__ import annotations

PERSONALITIES = {
    "ipcs": "list System V objects, byte for byte as util-linux does",
    "ipcrm": "remove objects, as util-linux does, without its traps",
    "ipcmk": "create objects, as util-linux does, never taking one over",
}
VERSION = "util-linux 2.38.1"  # whose behaviour is reproduced; scripts read it from --version
