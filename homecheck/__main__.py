"""`python -m homecheck` and the console script: the door to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    from homecheck.cli import run  # here, so that a spawned child process of this module does not load click

    sys.exit(run())


if __name__ == "__main__":
    main()
