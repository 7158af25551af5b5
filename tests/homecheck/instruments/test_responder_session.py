from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.responder_session import ResponderSession
from homecheck.keys import SoftwareKey
from homecheck.observation import MAX_NONCES, SessionObservation, nonce_of
from homecheck.responder.app import Responder, json_response
from homecheck.signing import EVIDENCE, OBSERVATION, sign, verify
from tests.far_ends import InThread, responder_thread

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def responder() -> Iterator[InThread]:
    with responder_thread() as running:
        yield running


@pytest.fixture(scope="module")
def session(responder: InThread) -> ResponderSession:
    return ResponderSession.open(responder.far_end, ("challenge",), responder.key.public.jwk())


def observation(session: ResponderSession) -> SessionObservation:
    return SessionObservation(session.id, "challenge", NOW, NOW, "127.0.0.1")


def test_a_session_ends_with_its_observation(responder: InThread) -> None:
    session = ResponderSession.open(responder.far_end, ("challenge",), responder.key.public.jwk())
    (envelope,), seen = session.finish()
    assert (seen.session, seen.nonce, seen.source) == (session.id, "challenge", "127.0.0.1")
    assert session.read(envelope.encode(), "challenge") == seen
    assert session.pinned


def test_each_challenge_gets_an_observation_of_its_own(responder: InThread) -> None:
    nonces = tuple(f"challenge of company {number}" for number in range(MAX_NONCES + 1))
    session = ResponderSession.open(responder.far_end, nonces, responder.key.public.jwk())
    envelopes, seen = session.finish()
    assert [nonce_of(envelope) for envelope in envelopes] == list(nonces[:MAX_NONCES])
    assert seen.nonce == nonces[0]


@pytest.mark.parametrize("says", ["something else to the second", "nothing to the second"])
def test_a_responder_that_tells_one_company_otherwise_than_another_is_not_believed(says: str) -> None:
    class TwoFaced(Responder):
        async def finish(self, request: web.Request) -> web.Response:
            answer = await super().finish(request)
            assert isinstance(answer.body, bytes)
            first, second = answer.body.split(b"\n")
            if says == "nothing to the second":
                return web.Response(body=first)
            seen = SessionObservation.from_bytes(verify(second, OBSERVATION, {key.public.kid: key.public}.get))
            return web.Response(body=first + b"\n" + sign(replace(seen, others=9).to_bytes(), OBSERVATION, key))

    with responder_thread(TwoFaced) as running:
        key = running.key
        session = ResponderSession.open(running.far_end, ("one", "two"), key.public.jwk())
        with pytest.raises(ProbeError) as refused:
            session.finish()
    assert (refused.value.code, refused.value.at_fault) == ("observation_refused", "server")


def test_without_a_pinned_key_the_responders_own_is_used_and_not_called_pinned(responder: InThread) -> None:
    session = ResponderSession.open(responder.far_end, (), None)
    assert session.key.kid == responder.key.public.kid
    assert not session.pinned


def test_what_this_session_did_not_see_is_refused(responder: InThread, session: ResponderSession) -> None:
    good = observation(session)
    assert session.read(sign(good.to_bytes(), OBSERVATION, responder.key), "challenge") == good
    for changed, reason in (
        (replace(good, session="another-one"), "another session"),
        (replace(good, nonce="of yesterday"), "nonce"),
        (replace(good, nonce=None), "nonce"),
    ):
        with pytest.raises(Refused) as refused:
            session.read(sign(changed.to_bytes(), OBSERVATION, responder.key), "challenge")
        assert reason in refused.value.message


def test_another_key_or_kind_of_document_is_refused(responder: InThread, session: ResponderSession) -> None:
    payload = observation(session).to_bytes()
    with pytest.raises(Refused) as refused:
        session.read(sign(payload, OBSERVATION, SoftwareKey.generate()), "challenge")
    assert refused.value.reason == "unknown-key"
    with pytest.raises(Refused) as refused:
        session.read(sign(payload, EVIDENCE, responder.key), "challenge")
    assert refused.value.reason == "typ"


class Odd(Responder):
    """A responder whose answers to a new session are wrong in one member."""

    change: dict[str, object] = {}  # noqa: RUF012 - set by the test before the first request

    async def open_session(self, request: web.Request) -> web.Response:
        reply = await super().open_session(request)
        assert isinstance(reply.body, bytes)
        return json_response({**json.loads(reply.body), **self.change}, status=201)


@pytest.mark.parametrize(
    "change",
    [
        {"token": "x\r\nHost: elsewhere"},
        {"session": "../../v1/sessions"},
        {"session": 7},
        {"udp": {}},
        {"udp": {"port": 0, "ssid": 4, "flows": 4, "key": "AAAA"}},
        {"udp": {"port": 9, "ssid": 4, "flows": 4, "key": "not base64url!"}},
        {"udp": {"port": 70_000, "ssid": 4, "flows": 4, "key": "AAAA"}},
        {"udp": {"port": 9, "ssid": 65_533, "flows": 4, "key": "AAAA"}},
        {"udp": {"port": 9, "ssid": 4, "flows": 1, "key": "AAAA"}},
    ],
    ids=["header in token", "path in session", "number", "no udp", "port 0", "key", "port", "ssid", "flows"],
)
def test_a_malformed_answer_is_our_servers_fault(change: dict[str, object]) -> None:
    Odd.change = change
    with responder_thread(Odd) as running, pytest.raises(ProbeError) as raised:
        ResponderSession.open(running.far_end, (), None)
    assert (raised.value.code, raised.value.at_fault) == ("responder_answer", "server")


class Collector(Responder):
    """Something else that answers at the same address."""

    async def well_known(self, _: web.Request) -> web.Response:
        return json_response({"role": "collector"})


def test_a_collector_is_no_responder() -> None:
    with responder_thread(Collector) as running, pytest.raises(ProbeError) as raised:
        ResponderSession.open(running.far_end, (), None)
    assert "no responder" in raised.value.message
