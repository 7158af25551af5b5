"""Writes the pages that can be produced: quantities and command line help. A test compares them.

.venv/bin/python tools/docs.py [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from homecheck.cli import homecheck
from homecheck.measurement import CheckSetup
from homecheck.report.words import label
from probes import PROBES

DOCS = Path(__file__).parents[1] / "docs"


def quantities_page() -> str:
    """Return docs/quantities.md: every probe and quantity."""
    lines = ["# Quantities", "", "Produced from the probes by `tools/docs.py`; do not edit.", ""]
    for probe_class in PROBES:
        probe = probe_class.for_check(CheckSetup())
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


PAGES = {"quantities.md": quantities_page, "command-line.md": command_line_page}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
        print(folder / name, file=sys.stderr)
