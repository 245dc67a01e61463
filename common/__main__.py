"""``python -m common``: the command of common/cli.py, without an installation."""

import sys

from common.cli import main

if __name__ == "__main__":
    sys.exit(main())
