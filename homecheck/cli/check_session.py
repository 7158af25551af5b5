"""What the steps of one check share: the session, each policy's share of it, and what was judged."""

from __future__ import annotations

from dataclasses import dataclass, field

import requests

from homecheck.appraisal import AttestationResult, Verdict
from homecheck.cli.check_options import CheckOptions
from homecheck.cli.terminal import TerminalPerson, can_move, console, is_watched, moving_bars
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.evidence import Evidence
from homecheck.policy import Policy
from homecheck.signing import Signer
from homecheck.upload import Delivery, new_session


@dataclass
class Session:
    """The things that the steps of one check share."""

    options: CheckOptions
    home: Home
    http: requests.Session = field(default_factory=new_session)

    def __post_init__(self) -> None:
        self.out = console()
        self.bars = moving_bars(self.out) if can_move(self.out) else None
        watched = not self.options.unattended and is_watched()
        self.person = TerminalPerson(self.bars) if watched else None


@dataclass(frozen=True)
class Share:
    """What is ready for one policy before anything is measured: the key, its next number, and for whom."""

    policy: Policy
    signer: Signer
    seq: int
    enrolment: Enrolment | None = None
    nonce: str | None = None


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
