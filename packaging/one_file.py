"""Where homecheck as one file begins: the command line, or the child in which sound drivers run."""

from __future__ import annotations

import os
import sys

from homecheck.instruments import child


def restore_library_path() -> None:
    """Give programs of the system (pactl, nmcli) their own libraries back: PyInstaller's start-up names its own."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = before


if __name__ == "__main__":
    restore_library_path()
    if sys.argv[1:] == [child.CHILD]:
        child.run_in_one_file()
    else:
        from homecheck.__main__ import main  # here, so that a child does not load the command line

        main()
