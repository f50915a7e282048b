"""Write the completion scripts of bash, zsh and fish; with --check, say which of the files are not current."""

import sys
from pathlib import Path

from typer._completion_shared import get_completion_script

DIRECTORY = Path(__file__).parents[1] / "completions"
FILES = {"bash": "ipcctl.bash", "zsh": "_ipcctl", "fish": "ipcctl.fish"}

# A function that zsh loads by name has to do the first completion itself, besides defining how later ones go.
_TAILS = {"zsh": '\n_ipcctl_completion "$@"'}


def script(shell: str) -> str:
    """The text of a file: what typer prints for --show-completion, and what loading by name takes."""
    made = get_completion_script(prog_name="ipcctl", complete_var="_IPCCTL_COMPLETE", shell=shell)
    return made.strip("\n") + _TAILS.get(shell, "") + "\n"


def main() -> int:
    """Write or check; 1 where --check finds a file that is not current."""
    stale = []
    for shell, name in FILES.items():
        path = DIRECTORY / name
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != script(shell):
                stale.append(path.name)
        else:
            path.write_text(script(shell), encoding="utf-8")
    if stale:
        print(f"not current: {', '.join(stale)}; run `make completions`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
