"""The portable credential: a result that its holder carries to somebody else, showing of it what they choose.

    homecheck-credential+sd-jwt   collector   an SD-JWT (RFC 9901); everybody who is shown it sees
                                              iss, iat, exp, vct, cnf (the holder's key), policy_digest, verdict
    hidden unless shown           name, program, policy, received_at, freshness, evidence, region, and every finding
    kb+jwt                        holder      for whom it was shown, signed when it was

The verdict is always visible: it is that of the worst of all findings, so nobody can look better by showing the good
ones (docs/decisions/0047). Decoys hide how many findings there are. Each issue has fresh salts, and nobody is told
where a credential is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecheck.appraisal import Finding, Verdict
from homecheck.errors import Refused
from homecheck.receipt import Freshness
from homecheck.result import LONGEST_NAME, Result, read_freshness, read_regions
from homecheck.sd_jwt import ALGORITHM, Binding, Random, SdJwt, hide, moment, unpack, verify_binding
from homecheck.signing import CREDENTIAL, KeyLookup, PublicKey, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VCT: Final = "homecheck-credential/1"  # the kind and version of the content
DETAILS: Final = ("name", "program", "policy", "received_at", "freshness", "evidence", "region")
DETAILS_ROOM: Final = 8  # one more than there are, so that the absence of a region shows nowhere
LEAST_ROOM: Final = 16  # digests of findings: the next power of two above their number, at least this
CLOCK_SLACK: Final = timedelta(minutes=5)  # by which two honest clocks may differ

Sign = Callable[[bytes, str], bytes]


@dataclass(frozen=True)
class Credential:
    """What a credential shows. What its holder keeps back is None, or missing among `findings`.

    `findings` stand by the name of their claim, which is their quantity. `hidden` is how many digests of findings stand
    for nothing that is shown: at most so many findings are kept back, for some are decoys. `withheld` names the details
    that are not shown (a region may not even be there).
    """

    issuer: str
    issued_at: datetime
    expires_at: datetime
    holder: PublicKey
    policy_digest: str
    verdict: Verdict
    findings: Mapping[str, Finding]
    hidden: int
    name: str | None = None
    program: str | None = None
    policy: str | None = None
    received_at: datetime | None = None
    freshness: Freshness | None = None
    evidence: str | None = None
    region: Mapping[str, str] | None = None

    @property
    def withheld(self) -> tuple[str, ...]:
        """The details that the holder keeps back."""
        return tuple(name for name in DETAILS if getattr(self, name) is None)

    @property
    def worst_shown(self) -> Verdict | None:
        """The worst of the findings that are shown; None when none is."""
        return max((finding.verdict for finding in self.findings.values()), default=None)


@dataclass(frozen=True)
class Presented:
    """A credential and what its holder has signed when showing it."""

    credential: Credential
    binding: Binding


def issue(result: Result, holder: PublicKey, now: datetime, sign: Sign, random: Random) -> bytes:
    """Return the credential that says `result` of whoever has the key `holder`."""
    details: dict[str, Any] = {
        "name": result.name,
        "program": result.program_title,
        "policy": f"{result.findings.policy_name} version {result.findings.policy_version}",
        "received_at": to_text(result.received_at),
        "freshness": result.freshness,
        "evidence": result.evidence,
        **({"region": dict(result.regions)} if result.regions else {}),
    }
    findings = _named(result.findings.findings)
    detail_digests, shown_details = hide(details, DETAILS_ROOM, random)
    finding_digests, shown_findings = hide(findings, room_for(len(findings)), random)
    payload = {
        "iss": result.issuer,
        "iat": int(now.timestamp()),
        "exp": int(result.expires_at.timestamp()),
        "vct": VCT,
        "cnf": {"jwk": holder.jwk()},
        "policy_digest": result.findings.policy_digest,
        "verdict": result.findings.verdict.word,
        "_sd_alg": ALGORITHM,
        "_sd": detail_digests,
        "findings": {"_sd": finding_digests},
    }
    return SdJwt(sign(serialize(payload), CREDENTIAL), (*shown_details, *shown_findings)).unbound()


def room_for(findings: int) -> int:
    """Return how many digests stand for so many findings: a power of two, so that its repeats tell nothing more."""
    room = LEAST_ROOM
    while room <= findings:
        room *= 2
    return room


def read(shown: SdJwt, keys: KeyLookup, now: datetime) -> Credential:
    """Return what the issuer says of it, verified under one of the issuer's `keys`, and still valid. Raises Refused."""
    # 1. The issuer's signature.
    payload = parse_object(verify(shown.jwt, CREDENTIAL, keys))
    # 2. The disclosures, in their places.
    unpacked = unpack(payload, shown.disclosures)
    # 3. What is always visible is read from what was signed, never from what a disclosure adds (RFC 9901 9.7).
    visible = Record({name: value for name, value in payload.items() if name not in ("_sd", "findings")}, "credential")
    details = Record({name: value for name, value in unpacked.items() if name not in payload}, "credential")
    digests = payload.get("findings")
    if not isinstance(digests, dict) or set(digests) != {"_sd"}:
        raise Refused("schema", "credential: findings: digests are expected, and nothing beside them")
    findings = Record(unpacked["findings"], "credential.findings")
    credential = _read(visible, details, findings, len(digests["_sd"]) - len(findings.names()))
    # 4. Its time.
    _check_time(credential, now)
    return credential


def read_presented(shown: SdJwt, keys: KeyLookup, now: datetime) -> Presented:
    """Return a credential and its holder's signature on what is shown; Refused without one."""
    credential = read(shown, keys, now)
    binding = verify_binding(shown, credential.holder)
    if binding.made_at > now + CLOCK_SLACK:
        raise Refused("not-yet-valid", f"its holder signed it at {to_text(binding.made_at)}, later than the clock here")
    if not credential.issued_at - CLOCK_SLACK <= binding.made_at < credential.expires_at:
        raise Refused("binding-time", "its holder signed it at a time at which the credential was not valid")
    return Presented(credential, binding)


def _named(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings by quantity; a policy may judge one quantity twice, and a claim needs a name of its own."""
    named: dict[str, Any] = {}
    for finding in findings:
        name, number = finding.quantity, 2
        while name in named:
            name, number = f"{finding.quantity}#{number}", number + 1
        # Advice and reason are the old employer's words to the candidate: they say nothing about the home.
        left_out = ("quantity", "advice", "reason")
        named[name] = {key: value for key, value in finding.members().items() if key not in left_out}
    return named


def _read(visible: Record, details: Record, findings: Record, hidden: int) -> Credential:
    if visible.text("vct") != VCT:
        raise Refused("schema", "credential: this version of the format is not known here; update homecheck")
    confirmation = visible.record("cnf")
    try:
        credential = Credential(
            issuer=visible.text("iss"),
            issued_at=moment(visible, "iat"),
            expires_at=moment(visible, "exp"),
            holder=PublicKey.from_jwk(confirmation.members("jwk")),
            policy_digest=visible.text("policy_digest"),
            verdict=Verdict.of(visible.text("verdict")),
            findings={name: _finding(findings, name) for name in findings.names()},
            hidden=hidden,
            name=_text(details, "name", LONGEST_NAME),
            program=_text(details, "program", LONGEST_NAME),
            policy=_text(details, "policy", LONGEST_NAME),
            received_at=from_text(details.text("received_at")) if details.has("received_at") else None,
            freshness=read_freshness(details) if details.has("freshness") else None,
            evidence=_text(details, "evidence", 100),
            region=read_regions(details.record("region")) if details.has("region") else None,
        )
    except ValueError as error:
        raise Refused("schema", f"credential: {error}") from None
    if visible.has("_sd_alg"):
        visible.text("_sd_alg")  # judged by `unpack`
    for part in (visible, confirmation, details):
        part.done()
    if (worst := credential.worst_shown) is not None and worst > credential.verdict:
        raise Refused("schema", "credential: a finding is worse than the verdict, which is that of the worst one")
    return credential


def _finding(findings: Record, name: str) -> Finding:
    members = findings.members(name)
    return Finding.read(
        Record({**members, "quantity": name.partition("#")[0], "advice": "", "reason": ""}, f"credential.{name:.80}")
    )


def _text(record: Record, name: str, longest: int) -> str | None:
    return record.text(name, max_length=longest) if record.has(name) else None


def _check_time(credential: Credential, now: datetime) -> None:
    if credential.issued_at > now + CLOCK_SLACK:
        message = f"it was issued at {to_text(credential.issued_at)}, which is later than the clock here"
        raise Refused("not-yet-valid", message, "Check that date and time of this computer are right.")
    if now >= credential.expires_at:
        message = f"it expired at {to_text(credential.expires_at)}: the policy wants a new check by then"
        raise Refused("expired", message, "Ask for a new one: its holder repeats the check and fetches it.")
