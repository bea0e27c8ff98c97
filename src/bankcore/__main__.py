"""``python -m bankcore``: the same as the command ``bankcore``."""

import sys

from bankcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
