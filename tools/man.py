"""Manual pages from the commands: one for `homecheck`, and one for each command with all that is below it.

Called by tools/docs.py. In man(7) as groff and mandoc both read it; tests/test_docs.py has mandoc look for mistakes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

import click

from homecheck import __version__

DATE: Final = "2026-11-26"  # of this version; changed with it
WIDTH: Final = 72  # of lines in the source, which people read as well
ENVIRONMENT: Final = (
    ("HOMECHECK_HOME", "The folder of keys, results and receipts."),
    ("HOMECHECK_LANG", "The language to speak: en, sv or es, instead of the system's."),
    ("HTTPS_PROXY", "The proxy through which the collector is reached."),
    ("SSL_CERT_FILE", "Authorities to be trusted instead of the public ones."),
    ("NO_COLOR", "Print without colours."),
)
ROOT_EXIT: Final = "0 done · 1 stopped, or something is wrong · 2 wrong usage; others are named by the command."


def pages(root: click.Group) -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    context = click.Context(root, info_name="homecheck", **root.context_settings)
    found = {"homecheck.1": _root_page(root, context)}
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        found[f"homecheck-{name}.1"] = _page(command, click.Context(command, info_name=name, parent=context))
    return found


def _root_page(root: click.Group, context: click.Context) -> str:
    lines = [
        *_head("homecheck", root.get_short_help_str(1000)),
        ".SH SYNOPSIS",
        ".B homecheck",
        "COMMAND [OPTIONS] [ARGS]",
    ]
    lines += [".SH DESCRIPTION", *_text(root.help or ""), ".SH COMMANDS"]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        lines += [".TP", rf".BR homecheck\-{_escaped(name)} (1)", *_text(command.get_short_help_str(1000))]
    lines += [".SH ENVIRONMENT"]
    for variable, meaning in ENVIRONMENT:
        lines += [".TP", f".B {variable}", *_text(meaning)]
    return "\n".join([*lines, ".SH EXIT STATUS", *_text(ROOT_EXIT), ""])


def _page(command: click.Command, context: click.Context) -> str:
    name = context.command_path.replace(" ", "-")
    lines = [*_head(name, command.get_short_help_str(1000)), ".SH SYNOPSIS", *_synopsis(context)]
    lines += [".SH DESCRIPTION", *_text(command.help or ""), *_options(command, context, ".SH OPTIONS")]
    below = list(_below(command, context))
    if below:
        lines.append(".SH COMMANDS")
    for one, its_context in below:
        lines += [f".SS {_escaped(its_context.command_path)}", *_synopsis(its_context), ".PP", *_text(one.help or "")]
        lines += _options(one, its_context, "")
    return "\n".join([*lines, ".SH SEE ALSO", ".BR homecheck (1)", ""])


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        below = click.Context(found, info_name=name, parent=context)
        yield found, below
        yield from _below(found, below)


def _head(name: str, summary: str) -> list[str]:
    title = name.upper()
    return [
        f'.TH {_escaped(title)} 1 {DATE} "homecheck {__version__}" "homecheck"',
        ".SH NAME",
        rf"{_escaped(name)} \- {_escaped(summary.rstrip('.'))}",
    ]


def _synopsis(context: click.Context) -> list[str]:
    return [f".B {_escaped(context.command_path)}", *_wrapped(" ".join(context.command.collect_usage_pieces(context)))]


def _options(command: click.Command, context: click.Context, heading: str) -> list[str]:
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context)) and record[1]]
    lines = [heading] if heading and records else []
    for names, meaning in records:
        lines += [".TP", f".B {_escaped(names)}", *_text(meaning)]
    return lines


def _text(text: str) -> list[str]:
    r"""Return paragraphs of help; those that click is told not to wrap (by \b) stay as they are."""
    lines: list[str] = []
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        lines += [".PP"] if lines else []
        if paragraph.lstrip().startswith("\b"):
            kept = paragraph.lstrip().removeprefix("\b").strip("\n").splitlines()
            lines += [".nf", *(_escaped(line) for line in kept), ".fi"]
        else:
            lines += _wrapped(" ".join(paragraph.split()))
    return lines


def _wrapped(text: str) -> list[str]:
    """Return lines of the source, in words and without a sentence that ends within a line's escapes."""
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [_escaped(line) for line in lines]


def _escaped(text: str) -> str:
    r"""Return text as man(7) prints it: no letter steers, and a hyphen can be copied as the minus that it is."""
    safe = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{safe}" if safe.startswith((".", r"\(aq")) else safe
