"""A zipapp made by shiv, which unpacks itself before it runs: into ~/.shiv, or wherever SHIV_ROOT says.

The folder is named by the zipapp's file and a digest of what is in it (shiv 1.0.8, `bootstrap.cache_path`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGES: Final = "site-packages"


def unpacked(module: Path, started: str) -> Path | None:
    """Return the folder into which the zipapp that was started as `started` has unpacked the package's `module`.

    None when the module comes from anywhere else. `module` is the package's own ``__init__``, whole.
    """
    packages = module.parents[1]
    archive, _, digest = packages.parent.name.rpartition("_")
    is_its_own = archive == Path(started).resolve().name and bool(digest)
    return packages.parent if packages.name == PACKAGES and is_its_own else None


def lock_beside(folder: Path) -> Path:
    """Return the file that shiv locks while it unpacks into `folder`, and leaves there."""
    return folder.with_name(f".{folder.name}_lock")
