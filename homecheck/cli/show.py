"""`homecheck show`: evidence or a receipt as its reader sees it, with no network. Only what verifies is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from homecheck.appraisal import AttestationResult, appraise
from homecheck.cli.exit_status import REFUSED
from homecheck.cli.verify import (
    NO_ENVELOPE,
    NO_ENVELOPE_ADVICE,
    KnownKeys,
    lookup,
    pinned_keys,
    read_envelope,
    read_jwks,
)
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.errors import Refused, SetupError
from homecheck.evidence import Evidence
from homecheck.founded import founded, observed
from homecheck.locale.here import _, here, said
from homecheck.policy import DEFAULT_POLICY, Policy, load_policy
from homecheck.printable import printable
from homecheck.receipt import Receipt, verify_receipt
from homecheck.signing import CALLBACK, EVIDENCE, OBSERVATION, RECEIPT, digest, unverified_header, verify


@click.command(short_help="Show signed evidence or a receipt as its reader sees it.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--policy", metavar="NAME|FILE", help="Judge it by these limits (default: the receipt's, the program's).")
@click.option("--jwks", metavar="FILE|URL", help="The keys to check with (default: those pinned on this computer).")
@click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="Form of the page.")
def show(file: Path, policy: str | None, jwks: str | None, output: str) -> int:
    """Show the evidence or the receipt in FILE as its reader sees it.

    Exit status: 0 shown · 3 refused, with the reason · 2 wrong usage · 1 something else is missing.
    """
    home = Home.default()
    known = read_jwks(jwks) if jwks else pinned_keys(home)
    limits = load_policy(policy) if policy else None
    try:
        found = _read(read_envelope(file), home, known, limits)
    except Refused as refused:
        named = {"file": file, "reason": refused.reason, "why": said(printable(refused.message))}
        click.echo(_("{file}: refused ({reason}): {why}", **named), err=True)
        if refused.reason == NO_ENVELOPE:
            click.echo(_(NO_ENVELOPE_ADVICE), err=True)
        return REFUSED
    _print(found, output)
    return 0


@dataclass(frozen=True)
class Shown:
    """Evidence, what is known of its judgement, by what it was judged, and whether that is this computer's preview."""

    evidence: Evidence
    result: AttestationResult
    title: str
    preview: bool
    policy: Policy | None = None


def _read(envelope: bytes, home: Home, known: KnownKeys, policy: Policy | None) -> Shown:
    """Return what a file holds, judged by the collector's receipt where there is one. Raises Refused."""
    typ = unverified_header(envelope)["typ"]
    if typ == RECEIPT:
        receipt = Receipt.from_bytes(verify(envelope, RECEIPT, lookup(known, RECEIPT)))
        evidence = _stored_evidence(home, receipt, known)
        return _judged_there(home, evidence, receipt)
    evidence = Evidence.from_bytes(verify(envelope, EVIDENCE, lookup(known, EVIDENCE)))
    name = digest(envelope)
    if policy is None:
        if (received := _stored_receipt(home, name, known)) is not None:
            return _judged_there(home, evidence, received)
        policy = _policy_of(home, evidence)
    standings = founded(evidence, lookup(known, CALLBACK), observed(evidence, lookup(known, OBSERVATION)))
    return Shown(evidence, appraise(evidence, policy, name, standings), policy.title, preview=True, policy=policy)


def _judged_there(home: Home, evidence: Evidence, receipt: Receipt) -> Shown:
    """Return the collector's judgement, with the policy that it names where this computer has it."""
    result = receipt.result
    policies = {one.policy.digest: one for one in load_enrolments(home) if one.collector == receipt.issuer}
    found = policies.get(result.policy_digest)
    if found is None:
        return Shown(evidence, result, f"{receipt.issuer}, {result.policy_name}", preview=False)
    title = f"{found.collector_name}, {here().say(found.policy.title or result.policy_name)}"
    return Shown(evidence, result, title, preview=False, policy=found.policy)


def _stored_receipt(home: Home, name: str, known: KnownKeys) -> Receipt | None:
    path = home.receipts / f"{name.removeprefix('sha256:')}.receipt.jws"
    return verify_receipt(read_envelope(path), name, lookup(known, RECEIPT)) if path.exists() else None


def _stored_evidence(home: Home, receipt: Receipt, known: KnownKeys) -> Evidence:
    path = home.receipts / f"{receipt.envelope.removeprefix('sha256:')}.jws"
    if not path.exists():
        raise SetupError(f"the evidence {receipt.envelope} is not here", "Show the evidence file, or: homecheck verify")
    envelope = read_envelope(path)
    if digest(envelope) != receipt.envelope:
        raise Refused("other-envelope", f"{path}: these are no longer the bytes that the receipt is for")
    return Evidence.from_bytes(verify(envelope, EVIDENCE, lookup(known, EVIDENCE)))


def _policy_of(home: Home, evidence: Evidence) -> Policy:
    """Return the policy of the program that the evidence is for, else the standard one."""
    for enrolment in load_enrolments(home):
        if enrolment.kid == evidence.device.kid:
            return enrolment.policy
    return load_policy(DEFAULT_POLICY)


def _print(found: Shown, output: str) -> None:
    evidence, result, title = found.evidence, found.result, found.title
    if output == "json":
        from homecheck.report.json import result_members

        click.echo(json.dumps(result_members(evidence, result, []), ensure_ascii=False, indent=2))
    elif output == "html":
        from homecheck.report.html import PagePart, results_page

        part = PagePart(evidence, result, title, preview=found.preview, policy=found.policy)
        click.echo(results_page([part], here()))
    else:
        from rich.console import Group

        from homecheck.cli.console import SafeConsole
        from homecheck.report.text import measurements_text, result_text

        judged = result_text(result, title, evidence, here(), found.policy)
        SafeConsole(highlight=False).print(Group(judged, "", measurements_text(evidence, here())))
        click.echo("\n" + _("Evidence") + f" {result.evidence}")
