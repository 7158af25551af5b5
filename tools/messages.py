"""Collect every message that a candidate reads, and bring the catalogues in homecheck/locale up to date with them.

    .venv/bin/python tools/messages.py            write homecheck/locale/<language>/LC_MESSAGES/homecheck.{po,mo}
    .venv/bin/python tools/messages.py --missing  print what has no translation yet, and how much that is

Babel (BSD-3-Clause) reads and writes the catalogues; homecheck itself needs only Python's gettext.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["HOMECHECK_LANG"] = "en"  # whatever language the translator reads: help is collected as it is written

from homecheck import (  # noqa: E402 - from this tree, whatever is installed
    appraisal,
    cli,
    drift,
    hindrance,
    remedy,
)
from homecheck.cli.help_texts import OPERATORS, help_texts  # noqa: E402
from homecheck.collector import letters  # noqa: E402
from homecheck.collector.problems import PROBLEMS, TO_THE_INVITED  # noqa: E402
from homecheck.collector.program_defaults import PURPOSE  # noqa: E402
from homecheck.locale import LANGUAGES, SOURCE, elsewhere  # noqa: E402
from homecheck.measurement import CheckSetup  # noqa: E402
from homecheck.policy import ABSENT, PRESETS, UNREADABLE, WHAT_TO_GIVE, load_policy  # noqa: E402
from homecheck.report import words  # noqa: E402
from homecheck.shift import DAYS  # noqa: E402
from homecheck.ui import spending  # noqa: E402
from probes import installed  # noqa: E402

LOCALE: Final = ROOT / "homecheck" / "locale"
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
KEYWORDS: Final = {"_": None, "N_": None, "say": None, "fill": None, "plural": (1, 2)}
# Modules beside probes and instruments whose errors and findings reach a candidate. What a signature is refused for,
# and what is wrong with a policy's file, is for auditors and IT, and stays English.
CANDIDATES: Final = (
    "doctor/*.py", "timers/*.py", "agent.py", "appraisal.py", "caller.py", "config.py", "durable.py", "durations.py",
    "enrolment.py",
    "exchange.py", "file_lock.py", "handover.py", "holder.py", "invitation.py", "key_change.py", "key_stores.py",
    "keyring_key.py", "keys.py", "listening.py", "removal.py", "schedule_settings.py", "shift.py", "spool.py",
    "spot.py", "stored.py", "tpm_key.py", "upload.py", "witness.py",
    *(f"cli/{name}.py" for name in (
        "alone", "answers", "check", "check_options", "chosen_programs", "credential", "demo", "local_servers",
        "method_notice", "rotate", "schedule", "schedule_run", "selection", "show", "spot", "stored", "ui", "upload",
    )),
)  # fmt: skip
MAKERS: Final = frozenset(
    {"_refused", "found", "ok", "Trouble", "Diagnosis", "Delivery", "_Stop", "_Wait", "Watch", "Ended"}
)
NAMED: Final = frozenset({"advice", "message", "text", "reason", "why", "count", "since", "others", "unanswered"})
# Constants with spaces that nobody reads: what is written into files or looked for in others' output.
UNSAID: Final = re.compile(
    r"^(# |Written by: |listening on $|crontab -l: |Tunnel connection failed|kill |make run |Mon-Sun )|^\s*\[shift\]|"
    r"demo --keep$|^(google|amazon|apple) |^no link layer$|^G\.711 with PLC$|^[\d.]+ GHz$|^\{v1\} is no verdict$|"
    r"^finding: |^(software update|macos installer|os x installer)$"
)
# What these modules call things besides their errors are names of interfaces and files, for whoever reads the evidence.
TECHNICAL: Final = re.compile(
    r"instruments/(audio/(asound|macos|pactl|windows|alsa_jacks|usb_|name_rules|analysis|recording|capture)|"
    r"security/(linux_agents|windows_script)|believe|blame|child|link_windows|proxies|resolvers|host/windows|mlab|nat|responder_session|responsiveness|route\b|"
    r"tcp_load|call|ndt7_client|presented|proven)"
)
Message = str | tuple[str, str]  # the second is for more than one
_FORMAT: Final = re.compile(
    r"\{(\w+)(?:![rsa])?(?::[^}]*)?\}"
)  # what is said already holds the value as it was formatted
ERRORS: Final = frozenset({"ProbeError", "server_error", "failed_script", "untold", "hidden"})


def messages() -> dict[Message, str]:
    """Return every message with where it comes from; one with a plural is a pair."""
    found: dict[Message, str] = {}
    for origin, text in _all():
        if "".join(text).strip():
            found.setdefault(text, origin)
    return found


def _all() -> Iterator[tuple[str, Message]]:
    for folder in ("ui", "cli", "report"):
        yield from _marked(folder)
    yield from _marked("collector/templates", [("**.html", "jinja2")])  # the page of an invitation
    yield from (("--help", text) for text in _help_texts())
    for name in ("LABELS", "MEANINGS", "CAUSE_ADVICE", "FAULT_WORDS", "HEADLINES", "VERDICT_WORDS"):
        yield from (("report/words.py", text) for text in getattr(words, name).values())
    yield from (
        ("report/words.py", text)
        for text in (words.TELEPHONE_LINE, words.REACHES, words.CONFIRMED_CALL, words.SEEN_BY_THE_FAR_END)
    )
    yield "report/words.py", words.WITH_EARLIER
    yield from (("policy.py", text) for text in (ABSENT, UNREADABLE, WHAT_TO_GIVE))  # a mistyped name
    yield from (("remedy.py", text) for text in remedy.SENTENCES)
    yield from (("hindrance.py", text) for text in hindrance.WORDS.values())
    yield from (("drift.py", text) for text in _differences())
    yield from (("shift.py", day) for day in DAYS)
    yield from (("ui/spending.py", text) for text in (spending.QUESTION, spending.LIMITED))
    for group in (
        elsewhere.FOUND,
        elsewhere.WORDS,
        elsewhere.REACHED,
        elsewhere.CAUSES,
        elsewhere.SAID,
        elsewhere.STORED,
        elsewhere.EVENTS,
        elsewhere.INVITED,
        elsewhere.CLICK,
    ):
        yield from (("locale/elsewhere.py", text) for text in group)
    yield from (("appraisal.py", text) for name, text in vars(appraisal).items() if name.endswith("_ADVICE"))
    yield from (("collector/letters.py", text) for text in (*letters.MESSAGES, PURPOSE))
    for reason in TO_THE_INVITED:
        yield from (("collector/problems.py", text) for text in (PROBLEMS[reason].title, PROBLEMS[reason].advice))
    yield from _of_the_presets()
    yield from _of_the_probes()
    yield from _of_the_program()


def _marked(name: str, methods: list[tuple[str, str]] = METHODS) -> Iterator[tuple[str, Message]]:
    """Yield what is marked in a folder of the package, by gettext's usual names."""
    for file, _, text, _, _ in extract_from_dir(ROOT / "homecheck" / name, methods, keywords=KEYWORDS):
        pair = isinstance(text, tuple) and len(text) == 2 and all(isinstance(one, str) for one in text)
        yield f"{name}/{file}", (text[0], text[1]) if pair else text if isinstance(text, str) else text[0]


def _help_texts() -> Iterator[str]:
    yield from help_texts(cli.homecheck)
    context = click.Context(cli.homecheck)
    for name in cli.COMMANDS:
        command = cli.homecheck.get_command(context, name)
        if command is not None and name not in OPERATORS:
            yield from help_texts(command)


def _differences() -> Iterator[str]:
    for kind, names in drift.KINDS.items():
        for name in names:
            what = f"{drift.WORDS[name]} " if name in drift.WORDS else ""
            yield f"other {kind}: {what}{{before}} → {{after}}"


def _of_the_program() -> Iterator[tuple[str, str]]:
    """Yield what errors, findings of the doctor and deliveries say, as it stands in the source."""
    for pattern in CANDIDATES:
        for file in sorted((ROOT / "homecheck").glob(pattern)):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            yield from ((str(file.relative_to(ROOT / "homecheck")), text) for text in _told(tree))


def _told(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        spoken: list[ast.expr] = []
        if isinstance(node, ast.Call) and _tells(node.func):
            spoken = [*node.args, *(keyword.value for keyword in node.keywords)]
            if isinstance(node.func, ast.Name) and node.func.id == "Trouble":
                spoken = spoken[3:]  # what is wrong in general stands in the documents alone
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and (target.id in NAMED or target.id.strip("_").isupper()):
                spoken = [node.value]
        elif isinstance(node, ast.Dict):
            spoken = node.values
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr | ast.IfExp | ast.Constant):
            spoken = [node.value]
        texts = (_FORMAT.sub(r"{\1}", text) for text in map(_text, _branches(spoken)) if "{}" not in text)
        yield from (text for text in texts if " " in text.strip() and not UNSAID.search(text))


def _tells(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return name in MAKERS or (name.endswith("Error") and name != "UsageError") or name == "Refused"


def _branches(expressions: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for one in expressions:
        if isinstance(one, ast.IfExp):
            yield from _branches((one.body, one.orelse))
        elif isinstance(one, ast.Tuple):
            yield from _branches(one.elts)
        else:
            yield one


def _of_the_presets() -> Iterator[tuple[str, str]]:
    for name in PRESETS:
        policy = load_policy(name)
        yield from ((f"policies/{name}.toml", text) for text in (policy.title, policy.description))
        for requirement in policy.requirements:
            yield from ((f"policies/{name}.toml", text) for text in (requirement.reason, requirement.advice))
        yield from ((f"policies/{name}.toml", question.reason) for question in policy.declarations)


def _of_the_probes() -> Iterator[tuple[str, str]]:
    """Yield what probes say to the person, and what their errors say, as it stands in the source."""
    files = [*sorted((ROOT / "probes").glob("*.py")), *sorted((ROOT / "homecheck" / "instruments").rglob("*.py"))]
    for file in files:
        where = str(file.relative_to(ROOT))
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if file.parent.name == "probes":
            yield from ((where, text) for text in _dialogue(tree))
        yield from ((where, text) for text in _errors(tree))
        if not TECHNICAL.search(where):
            yield from ((where, text) for text in _told(tree))
    for probe in installed():
        built = probe.for_check(CheckSetup())
        yield f"probes, {built.name}", built.reveals
        yield from ((f"probes, {built.name}", quantity.method) for quantity in built.quantities)


def _dialogue(tree: ast.Module) -> Iterator[str]:
    """Yield the sentences among a probe's constants."""
    for node in tree.body:
        value = node.value if isinstance(node, ast.AnnAssign | ast.Assign) else None
        if (
            isinstance(value, ast.Constant)
            and isinstance(value.value, str)
            and value.value.count(" ") > 1
            and "{}" not in value.value
        ):
            yield _FORMAT.sub(r"{\1}", value.value)


def _errors(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            spoken = [keyword.value for keyword in node.keywords if keyword.arg in ("message", "advice")]
            yield from filter(None, map(_text, (*node.args[1:], *spoken)))


def _text(node: ast.expr) -> str:
    """Return a literal, or a literal with values as a pattern; empty for anything that is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts, count = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            count += 1
            parts.append(f"{{v{count}}}")
    text = "".join(parts)
    return text if re.search("[a-z]{3}", re.sub(r"\{v\d\}", "", text)) else ""


def read(language: str) -> Catalog:
    """Return the catalogue of a language as it is stored."""
    path = LOCALE / language / "LC_MESSAGES" / "homecheck.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """Return the catalogue of a language with every message that there is now, and no other."""
    old = read(language)
    new = Catalog(locale=language, project="homecheck", version="", charset="utf-8", fuzzy=False)
    for text, origin in messages().items():
        known = old.get(text[0] if isinstance(text, tuple) else text)
        none = ("",) * new.num_plurals if isinstance(text, tuple) else ""
        kept = known is not None and not known.fuzzy and known.id == text
        new.add(text, known.string if known is not None and kept else none, auto_comments=[origin])
    return new


def compiled(catalogue: Catalog) -> bytes:
    """Return the catalogue as gettext reads it, the same bytes whenever it is made."""
    catalogue.creation_date = catalogue.revision_date = EPOCH
    out = BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def written(catalogue: Catalog) -> bytes:
    """Return the catalogue as translators read it."""
    out = BytesIO()
    write_po(out, catalogue, width=120, omit_header=True, sort_output=False)
    return out.getvalue()


def _forms(string: str | Sequence[str] | None) -> tuple[str, ...]:
    return (string or "",) if isinstance(string, str | None) else tuple(string)


def main() -> None:
    """Write the catalogues, or print what is missing in them."""
    for language in (name for name in LANGUAGES if name != SOURCE):
        catalogue = updated(language)
        missing = [message.id for message in catalogue if message.id and not all(_forms(message.string))]
        if "--missing" in sys.argv:
            print(f"{language}: {len(missing)} of {len(catalogue)}")
            print("\n".join(f"    {message!r}" for message in missing))
            continue
        folder = LOCALE / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "homecheck.po").write_bytes(written(catalogue))
        (folder / "homecheck.mo").write_bytes(compiled(catalogue))


if __name__ == "__main__":
    main()
