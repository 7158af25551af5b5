"""Pages that are produced are the ones that are checked in."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need_program

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def produced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, str(ROOT / "tools" / "docs.py"), str(folder)], check=True, cwd=ROOT, timeout=60)
    return folder


@pytest.mark.parametrize("page", ["quantities.md", "command-line.md", "troubleshooting.md"])
def test_a_produced_page_is_up_to_date(produced: Path, page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == (produced / page).read_text(encoding="utf-8"), "run: .venv/bin/python tools/docs.py"


def test_the_manual_pages_are_up_to_date_and_there_is_none_of_a_command_that_is_gone(produced: Path) -> None:
    written, made = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.1")}
        for folder in (ROOT / "packaging" / "man", produced / "man")
    )
    assert sorted(written) == sorted(made)
    assert [name for name in written if written[name] != made[name]] == [], "run: .venv/bin/python tools/docs.py"


def test_the_manual_pages_have_no_mistake_that_mandoc_knows() -> None:
    need_program("mandoc", package="mandoc")
    pages = sorted(map(str, (ROOT / "packaging" / "man").glob("*.1")))
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *pages],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_the_architecture_page_shows_the_layers_that_are_checked() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    checked = settings["importlinter:contract:layers"]["layers"].replace("homecheck.", "").strip().splitlines()
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Imports point down")[2]
    shown = re.findall(r"^    (\S.*)$", page, re.MULTILINE)
    assert [line.partition("(")[0].strip() for line in shown] == checked


PAGES = sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "docs" / "probes").glob("*.md"))


def test_every_module_that_the_documentation_names_is_there() -> None:
    """A newcomer who is sent to a file that has moved loses an hour."""
    folders = ("homecheck", "probes", "tests", "tools", "bench")
    modules = [f"/{path.relative_to(ROOT).as_posix()}" for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = {
        (page.relative_to(ROOT).as_posix(), module)
        for page in (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md")
        for module in re.findall(r"`([a-z0-9_/]+\.py)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    gone = [(page, name) for page, name in named if not any(module.endswith(f"/{name}") for module in modules)]
    assert sorted(gone) == []


def test_every_page_is_found_from_the_first_one() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)", index))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES} - {"index.md"}
    assert sorted(pages - linked) == []
