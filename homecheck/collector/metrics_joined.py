"""Where several workers keep their numbers, so that whichever of them is asked tells the sum of all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported: before workers start


@contextmanager
def joined_numbers() -> Iterator[None]:
    """Give the workers that are started inside a folder of their own; numbers begin at zero with each start."""
    with tempfile.TemporaryDirectory(prefix="homecheck-metrics-") as folder:
        before = os.environ.get(FOLDER)
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
            if before is not None:
                os.environ[FOLDER] = before
