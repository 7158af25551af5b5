"""A run of the network measurements: what is begun at the far end is ended there, also when it is broken off."""

from __future__ import annotations

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.network_run import Plan, measure
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import LoadRule
from tests.far_ends import responder_thread


def test_a_measurement_that_is_broken_off_ends_its_session_at_the_responder() -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with responder_thread() as responder:
        session = ResponderSession.open(responder.far_end, "challenge", responder.key.public.jwk())
        with pytest.raises(KeyboardInterrupt):
            measure(session, Plan(1.0, LoadRule(), sleep=interrupted))
        with pytest.raises(ProbeError):  # it is over: there is nothing left to finish
            session.finish()
