"""How well the values of one evidence are founded: what somebody else than the agent has seen and signed."""

from __future__ import annotations

from collections.abc import Iterable

from homecheck.callback import QUANTITY, confirmed, is_confirmation
from homecheck.corroboration import Standing, compared
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.observation import SessionObservation
from homecheck.signing import OBSERVATION, KeyLookup, verify
from homecheck.whereabouts import located


def founded(evidence: Evidence, collector: KeyLookup, seen: Iterable[SessionObservation]) -> dict[str, Standing]:
    """Return the standing of every quantity that is not plainly self-reported.

    `collector` are the collector's keys; `seen` is what its responders observed and `observed` returns. A call-back is
    server-observed when its value is the one that the collector has confirmed for this very check.
    """
    sessions = tuple(seen)
    standings = compared(evidence.measurements(), sessions) if sessions else {}
    standings |= located(evidence.by_quantity, sessions)
    if not evidence.observations:
        return standings
    said = confirmed(evidence.observations, evidence.nonce, evidence.device.kid, collector)
    found = evidence.by_quantity.get(QUANTITY)
    if said is not None and found is not None and found.value is (said == "yes"):
        standings[QUANTITY] = Standing("server-observed")
    return standings


def observed(evidence: Evidence, responders: KeyLookup) -> tuple[SessionObservation, ...]:
    """Return what responders observed of this very check; what bears another signature or challenge is left out."""
    texts = (text for text in evidence.observations if not is_confirmation(text))
    return tuple(one for text in texts if (one := _of_this_check(text, evidence, responders)) is not None)


def _of_this_check(text: str, evidence: Evidence, responders: KeyLookup) -> SessionObservation | None:
    try:
        found = SessionObservation.from_bytes(verify(text.encode("utf-8"), OBSERVATION, responders))
    except Refused:
        return None
    # Else two Nones would be equal, and any session's observation would do for any evidence made offline.
    return found if found.nonce is not None and found.nonce == evidence.nonce else None
