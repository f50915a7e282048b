"""``python -m ipcctl`` and the console script."""

import sys

from ipcctl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
