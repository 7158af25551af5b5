"""Writes the pages that can be produced: quantities, command line help, troubleshooting, manual pages.

Tests compare them.

.venv/bin/python tools/docs.py [FOLDER]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))  # what is of this tree, whatever is installed

import man  # beside this file

from homecheck.cli import homecheck
from homecheck.doctor.troubles import AREAS
from homecheck.measurement import FOR_LISTS
from homecheck.report.words import label
from probes import PROBES

os.environ["HOMECHECK_LANG"] = "en"  # whatever language the writer reads
DOCS = Path(__file__).parents[1] / "docs"
MANUAL = DOCS.parent / "packaging" / "man"


def quantities_page() -> str:
    """Return docs/quantities.md: every probe and quantity."""
    lines = ["# Quantities", "", "Produced from the probes by `tools/docs.py`; do not edit.", ""]
    for probe_class in PROBES:
        probe = probe_class.for_check(FOR_LISTS)
        needs = ", ".join(sorted(need.value for need in probe.needs)) or "nothing scarce"
        lines += [f"## {probe.name} (version {probe.version})", "", f"Reveals: {probe.reveals} Needs: {needs}.", ""]
        lines += ["| quantity | for people | unit | method |", "|---|---|---|---|"]
        for found in probe.quantities:
            unit = found.unit if found.unit not in ("", "1") else found.kind.value
            lines.append(f"| `{found.name}` | {label(found.name)} | {unit} | {found.method} |")
        lines.append("")
    return "\n".join(lines)


def command_line_page() -> str:
    """Return docs/command-line.md: the help of every command."""
    lines = ["# Command line", "", "Produced from the commands by `tools/docs.py`; do not edit.", ""]
    for name, command in commands("homecheck", homecheck):
        context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
        lines += [f"## {name}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from commands(f"{name} {below}", found)


def troubleshooting_page() -> str:
    """Return docs/troubleshooting.md: everything that the doctor can find wrong."""
    lines = [
        "# Troubleshooting",
        "",
        "Produced from `homecheck/doctor/troubles.py` by `tools/docs.py`; do not edit.",
        "",
    ]
    lines += [
        "`homecheck doctor` looks at everything that a check needs, and prints for each thing that is not in order",
        "what was found, what mends it, and the name under which it stands here. Nothing is changed or measured.",
        "",
        "WRONG: a check cannot be made or sent as it is; the exit status is then 1. LOOK: a part of it, or some day.",
        "",
    ]
    for area, troubles in AREAS.items():
        lines += [f"## {area}", ""]
        for one in troubles:
            mark = "WRONG" if one.state == "fail" else "LOOK"
            lines += [f"### {one.name}", "", f"{mark}. {one.meaning}", "", f"**What to do.** {one.fix}", ""]
    return "\n".join(lines)


PAGES = {
    "quantities.md": quantities_page,
    "command-line.md": command_line_page,
    "troubleshooting.md": troubleshooting_page,
}


def write(folder: Path, name: str, text: str) -> None:
    """Write one page, and say so."""
    (folder / name).write_text(text, encoding="utf-8")
    print(folder / name, file=sys.stderr)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    for name, page in PAGES.items():
        write(folder, name, page())
    manual = folder / "man" if len(sys.argv) > 1 else MANUAL
    manual.mkdir(exist_ok=True)
    for name, text in man.pages(homecheck).items():
        write(manual, name, text)
