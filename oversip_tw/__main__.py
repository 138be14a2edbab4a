"""``python -m oversip_tw``: the same as the console script ``oversip``."""

import sys

from oversip_tw.cli import main

if __name__ == "__main__":
    sys.exit(main())
