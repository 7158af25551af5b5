"""What the collector's pages and the candidate's guide look alike in: colours for light and dark, the icon."""

from __future__ import annotations

from importlib import resources
from typing import Final

SHARED: Final = "favicon.svg"


def static(package: str, name: str) -> bytes:
    """Return a static file of a package that has pages; its style sheet comes behind the shared one."""
    if name == SHARED:
        return _read(__name__, name)
    own = _read(package, f"static/{name}")
    return _read(__name__, "look.css") + own if name.endswith(".css") else own


def _read(package: str, path: str) -> bytes:
    return resources.files(package).joinpath(*path.split("/")).read_bytes()
