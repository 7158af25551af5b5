"""The examples of docs/admin.md are run, as they stand there, against a real collector."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.collector.store.sqlite import SqliteDatabase
from tests.desk import Desk, desk_at
from tests.needs import need_program
from tests.people import POLICY_TEXT

PAGE = (Path(__file__).parents[4] / "docs" / "admin.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## The administration API\n")[2].partition("\n## ")[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A collector of its own: the examples end with somebody erased."""
    with desk_at(tmp_path, SqliteDatabase(tmp_path / "collector.db")) as found:
        yield found


def test_every_example_does_what_it_says(desk: Desk, tmp_path: Path) -> None:
    need_program("jq", package="jq")
    need_program("curl", package="curl")
    lines = [line[4:] for line in SECTION.splitlines() if line.startswith("    ")]
    assert lines[0].startswith("export COLLECTOR=")
    assert len(lines) > 15
    folder = tmp_path / "work"
    folder.mkdir()
    harder = POLICY_TEXT.replace("at_least = 10", "at_least = 20").replace('version = "3"', 'version = "4"')
    (folder / "policy.toml").write_text(harder)
    (folder / "people.csv").write_text("name\nGrace Hopper\n")
    check = desk.get("/v1/admin/evidence", person=str(desk.worker.subject)).json()["evidence"][0]
    known = {
        "COLLECTOR": desk.site.url, "TOKEN": desk.token, "PERSON": str(desk.worker.subject), "DIGEST": check["digest"],
    }  # fmt: skip
    script = "\n".join(["set -eu -o pipefail", *(f"{line}; echo" for line in lines[1:])])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, **known}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.failing.character.name in done.stdout
    assert '"pass"' in done.stdout
    assert "0 of 2 would fail" in done.stdout or "1 of 2 would fail" in done.stdout
    assert done.stdout.count("/invite/") == 2
    assert "\n2\n" in done.stdout  # the number of the policy that was published
    assert "whsec_" in done.stdout
    assert "/sign-in/" in done.stdout
    assert (folder / "check.jws").read_bytes().count(b".") == 2
    assert (folder / "erased.jws").read_bytes().count(b".") == 2
    assert desk.get(f"/v1/admin/people/{desk.worker.subject}").status_code == 404
    assert desk.get("/v1/admin/programs/support/policy").json()["version"] == "4"
