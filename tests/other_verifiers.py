"""Other people's SD-JWT and JWS programs under Node, which know nothing of ours."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.needs import missing, need_program

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("@sd-jwt/core@0.19.0", "@sd-jwt/crypto-nodejs@0.15.0", "jose@6.2.18")


def in_node(task: str, **what: Any) -> dict[str, Any]:
    """Return what became of one task: its ``outcome``, or why it was ``refused``."""
    done = subprocess.run(
        [need_program("node", package="nodejs"), str(ROOT / "tests" / "sd_jwt_js" / "run.mjs"), str(_packages())],
        input=json.dumps({"task": task, **what}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@cache
def _packages() -> Path:
    """Return the folder with the packages, which `tools/setup test` has filled, or which is filled now."""
    folder = ROOT / ".venv" / "sd-jwt-js"
    if not all((folder / "node_modules" / package.rpartition("@")[0]).is_dir() for package in PACKAGES):
        command = [
            need_program("npm", package="npm"),
            "install",
            "--silent",
            "--no-save",
            "--prefix",
            str(folder),
            *PACKAGES,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            missing(f"npm cannot install {' '.join(PACKAGES)}: {done.stderr.strip()[:200]}", "sh tools/setup test")
    return folder
