"""Each policy's share of one check: the key and number it is signed with, and the evidence, judged as a preview.

The command line and the guided page in the browser both go through here, so that one check is like the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from homecheck.agent import Collected, build_evidence
from homecheck.appraisal import AttestationResult, Verdict, appraise
from homecheck.callback import QUANTITY, is_confirmation
from homecheck.config import Home
from homecheck.corroboration import Standing
from homecheck.device_list import merged
from homecheck.enrolment import Enrolment
from homecheck.evidence import Declaration, Evidence
from homecheck.exchange import is_loopback
from homecheck.founded import founded, observed
from homecheck.key_stores import read_key
from homecheck.keys import open_key_file
from homecheck.measurement import CheckSetup, Person, Target
from homecheck.observation import nonce_of
from homecheck.policy import Policy
from homecheck.signing import EVIDENCE, Signer, digest, key_set, sign
from homecheck.spool import next_seq
from homecheck.upload import Delivery
from homecheck.whereabouts import QUANTITY as REGION

THROUGHPUT: Final = ("network.download", "network.upload")
ENOUGH_TIMES: Final = 4.0  # the highest limit, so that a good day today and a bad one next week can be told apart
LEAST_ENOUGH_MBIT_S: Final = 100.0


@dataclass(frozen=True)
class Share:
    """What is ready for one policy before anything is measured: the key, its next number, and for whom."""

    policy: Policy
    signer: Signer
    seq: int
    enrolment: Enrolment | None = None
    nonce: str | None = None

    @property
    def asks_for_call(self) -> bool:
        """Tell whether its collector can be asked for a call-back: by its policy, and with the person's agreement."""
        if self.enrolment is None or self.nonce is None:
            return False
        return QUANTITY in self.policy.quantities() & self.enrolment.agreed


@dataclass(frozen=True)
class Judged:
    """One collector's share of the check: the evidence, its signed bytes, the preview, and what became of it.

    `measured` holds everything that was measured, for the person alone; `evidence` what this collector asks for.
    """

    measured: Evidence
    evidence: Evidence
    envelope: bytes
    policy: Policy
    result: AttestationResult
    enrolment: Enrolment | None = None
    delivery: Delivery | None = None

    @property
    def verdict(self) -> Verdict:
        """The collector's verdict where there is one, else the preview's."""
        return self.final.verdict

    @property
    def final(self) -> AttestationResult:
        """The collector's judgement where there is one, else the preview."""
        return self.delivery.result.result if self.delivery and self.delivery.result else self.result

    @property
    def is_received(self) -> bool:
        """Tell whether the collector has judged it itself."""
        return self.delivery is not None and self.delivery.result is not None


def program_share(enrolment: Enrolment, home: Home) -> Share:
    """Return what this program's evidence will be signed with; its number is stored before anything is measured."""
    signer = read_key(home.keys / f"{enrolment.kid}.jwk")
    return Share(enrolment.policy, signer, next_seq(home, enrolment.kid), enrolment)


def private_share(policy: Policy, home: Home) -> Share:
    """Return the share of a check that is for nobody but the person."""
    signer = open_key_file(home.keys / "device.jwk")
    return Share(policy, signer, next_seq(home, signer.public.kid))


def setup_for(
    home: Home,
    enrolments: Sequence[Enrolment],
    policies: Sequence[Policy],
    nonces: Mapping[str, str],
    person: Person | None,
) -> CheckSetup:
    """Return what the probes are told of the programs and the person; nobody's options are in it yet.

    `nonces` are the collectors' challenges by program. Those of programs with another responder are left out, for whom
    the word of this one counts for nothing.
    """
    far_end = next((found for found in enrolments if found.responder_url), None)
    beside = [found for found in enrolments if far_end and found.responder_url == far_end.responder_url]
    megabytes = [policy.most_megabytes for policy in policies if policy.most_megabytes is not None]
    return CheckSetup(
        person=person,
        responder_url=far_end.responder_url if far_end else None,
        collector_url=enrolments[0].collector if enrolments else None,
        responder_key=far_end.responder_key if far_end else None,
        nonces=tuple(nonces[found.program] for found in beside if found.program in nonces),
        state=home.root,
        targets=targets_of(enrolments, policies),
        local_targets=bool(enrolments) and all(is_loopback(found.collector) for found in enrolments),
        regions=regions_of(policies),
        enough_mbit_s=enough_of(policies),
        devices=merged(policy.devices for policy in policies),
        most_bytes=min(megabytes) * 1_000_000 if megabytes else None,
    )


def agreed_of(enrolment: Enrolment) -> frozenset[str]:
    """Return the quantities that go to a program: those that it asks for, and that the person agreed to.

    A target that has moved is another one: what was measured for somebody else's of that name is not for this program.
    """
    moved = {target.quantity for target in enrolment.policy.tried() if target.address not in enrolment.agreed}
    return enrolment.policy.quantities() & enrolment.agreed - moved


def targets_of(enrolments: Sequence[Enrolment], policies: Sequence[Policy]) -> tuple[Target, ...]:
    """Return the targets to connect to, each once: those that are asked for, by programs with the person's agreement.

    In a private check the person named the policy; in any other it is the programs' policies that count.
    """
    if not enrolments:
        return tuple(dict.fromkeys(target for policy in policies for target in policy.tried()))
    agreed = (
        target
        for found in enrolments
        for target in found.policy.tried()
        if {target.quantity, target.address} <= found.agreed
    )
    return tuple(dict.fromkeys(agreed))


def enough_of(policies: Sequence[Policy]) -> float | None:
    """Return the throughput in Mbit/s that decides every limit with room to spare; None where none is so simple."""
    asked = [one.limits for policy in policies for one in policy.requirements if one.quantity in THROUGHPUT]
    lower = [limit for limits in asked for limit in (limits.at_least, limits.warn_below) if limit is not None]
    if not lower or any(
        limits.at_most is not None or limits.warn_above is not None or limits.names() for limits in asked
    ):
        return None
    return max(LEAST_ENOUGH_MBIT_S, ENOUGH_TIMES * max(lower))


def regions_of(policies: Sequence[Policy]) -> tuple[str, ...] | None:
    """Return the regions that the policies speak of; None where none asks for the region."""
    asked = [one.limits for policy in policies for one in policy.requirements if one.quantity == REGION]
    listed = (value for limits in asked for value in (*limits.one_of, *limits.none_of, *limits.warn_on, limits.equals))
    return tuple(str(value) for value in listed if value is not None) if asked else None


def observed_for(share: Share, collected: Collected, *, called: bool) -> Collected:
    """Return what was collected with the other sides' statements of this share: others answer another challenge."""

    def is_its_own(text: str) -> bool:
        return called if is_confirmation(text) else nonce_of(text) == share.nonce

    return replace(collected, observations=tuple(filter(is_its_own, collected.observations)))


def judge(share: Share, collected: Collected, answers: tuple[Declaration, ...]) -> Judged:
    """Return one share signed and judged; a program's holds the quantities that its policy names alone."""
    enrolment = share.enrolment
    evidence = build_evidence(
        collected,
        share.signer,
        seq=share.seq,
        aud=enrolment.collector if enrolment else None,
        sub=enrolment.subject if enrolment else None,
        nonce=share.nonce,
        declarations=answers,
    )
    asked = evidence.only(agreed_of(enrolment)) if enrolment else evidence
    envelope = sign(asked.to_bytes(), EVIDENCE, share.signer)
    preview = appraise(asked, share.policy, digest(envelope), _standings(asked, enrolment))
    return Judged(evidence, asked, envelope, share.policy, preview, enrolment)


def _standings(asked: Evidence, enrolment: Enrolment | None) -> dict[str, Standing]:
    """Return how well the values are founded, as the collector will see it."""
    if enrolment is None:
        return {}
    responders = key_set({"keys": [enrolment.responder_key]}) if enrolment.responder_key else {}
    return founded(asked, enrolment.keys.get, observed(asked, responders.get))
