"""`python -m homecheck` and the console script: the door to the command line."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    from homecheck.cli import run  # here, so that a spawned child process of this module does not load click

    for stream in (sys.stdout, sys.stderr):
        # JSON and HTML are UTF-8 by their standards, and Windows or an old locale would not even write a tick.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    sys.exit(run())


if __name__ == "__main__":
    main()
