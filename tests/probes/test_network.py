"""The probe against real responders: one whole run on loopback, known losses through a relay, and far ends that lie."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import call, find
from homecheck.instruments.network_run import IDLE_FLOW, NetworkRun, Plan, measure
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import LoadRule
from homecheck.keys import SoftwareKey
from homecheck.measurement import CheckSetup, Measurement, Observation, Probe
from homecheck.observation import SessionObservation
from homecheck.responder.app import Responder
from homecheck.signing import OBSERVATION, PublicKey, sign, verify
from probes.network import LOADED, VOICE, Network, call_of, still_rising
from tests.far_ends import InThread, UdpRelay, relayed_responder, responder_process, responder_thread

# Short loads at a rate that leaves the machine in peace.
QUICK = LoadRule(least_seconds=2.0, most_seconds=3.0, ceiling_mbit_s=60)
HALF = LoadRule(least_seconds=1.2, most_seconds=1.2, ceiling_mbit_s=20)
BLINK = LoadRule(least_seconds=0.3, most_seconds=0.3, ceiling_mbit_s=20)


def nothing(_flow: int, _sequence: int) -> bool:
    return False


def everything(_flow: int, _sequence: int) -> bool:
    return True


def run(probe: Network) -> tuple[dict[str, Measurement], list[str]]:
    measured: dict[str, Measurement] = {}
    envelopes = []
    for found in probe.run():
        if isinstance(found, Observation):
            envelopes.append(found.envelope)
        else:
            assert found.quantity.name not in measured
            measured[found.quantity.name] = found
    return measured, envelopes


def failure(probe: Network) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        list(probe.run())
    return raised.value


def number(measured: dict[str, Measurement], name: str) -> float:
    measurement = measured[f"network.{name}"]
    assert measurement.failure is None, measurement
    assert isinstance(measurement.value, float | int)
    return measurement.value


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Measurement], str, PublicKey]]:
    with responder_process(tmp_path_factory.mktemp("home")) as responder:
        jwk = json.loads(call(responder.far_end, "GET", "/.well-known/homecheck").body)["jwk"]
        setup = CheckSetup(responder_url=responder.url, responder_key=jwk, nonce="challenge")
        probe = replace(Network.for_check(setup), voice_seconds=2.0, load=QUICK)
        measured, envelopes = run(probe)
        assert len(envelopes) == 1
        yield measured, envelopes[0], PublicKey.from_jwk(jwk)


def test_the_probe_keeps_the_contract() -> None:
    probe = Network.for_check(CheckSetup())
    assert isinstance(probe, Probe)
    assert probe.deadline_seconds > probe.voice_seconds + 2 * probe.load.most_seconds


def test_every_quantity_is_measured_once(whole_run: tuple[dict[str, Measurement], str, PublicKey]) -> None:
    measured, _, _ = whole_run
    assert set(measured) == {quantity.name for quantity in Network.quantities}
    assert [measurement.failure for measurement in measured.values()] == [None] * len(measured)


def test_throughput_is_held_at_the_ceiling_and_says_so(
    whole_run: tuple[dict[str, Measurement], str, PublicKey],
) -> None:
    measured, _, _ = whole_run
    for name in ("download", "upload"):
        assert number(measured, name) == pytest.approx(60, rel=0.05)
        details = measured[f"network.{name}"].details
        assert details["at_least"] is True
        assert details["ended"] == "ceiling"
        assert details["responder_mbit_s"] == pytest.approx(60, rel=0.05)


def test_a_call_over_loopback_is_perfect(whole_run: tuple[dict[str, Measurement], str, PublicKey]) -> None:
    measured, _, _ = whole_run
    assert measured["network.udp"].value is True
    assert number(measured, "loss") == number(measured, "loss_up") == number(measured, "loss_down") == 0
    assert number(measured, "loss_burst") == 1
    assert 0 < number(measured, "rtt") < 20
    # Half the round trip, 60 ms of buffer and 20 of packet: R of the golden values for 50 and 100 ms lies around it.
    assert 90.66 < number(measured, "r") < 91.76
    assert number(measured, "mos") == pytest.approx(4.3647, abs=0.005)
    assert measured["network.mos"].uncertainty is not None
    assert measured["network.mos"].uncertainty > 0.05  # 100 packets without loss prove little


def test_the_observation_is_signed_and_carries_the_challenge(
    whole_run: tuple[dict[str, Measurement], str, PublicKey],
) -> None:
    measured, envelope, key = whole_run
    seen = SessionObservation.from_bytes(verify(envelope.encode(), OBSERVATION, {key.kid: key}.get))
    assert seen.nonce == "challenge"
    assert seen.source == "127.0.0.1"
    assert seen.upload.rate_mbit_s == pytest.approx(number(measured, "upload"), abs=0.001)
    sent = measured["network.loss"].details["sent"]
    assert seen.udp[0].received == sent
    assert len(seen.udp) == 3


def test_losses_are_exact_in_each_direction() -> None:
    up, down = {5, 20, 21, 22, 40}, {8, 30, 31}
    relay = UdpRelay(
        lambda flow, sequence: flow == IDLE_FLOW and sequence in up,
        lambda flow, sequence: flow == IDLE_FLOW and sequence in down,
    )
    with relayed_responder(relay) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=1.5, load=BLINK))
    sent = measured["network.loss"].details["sent"]
    assert isinstance(sent, int)
    assert number(measured, "loss") == pytest.approx(100 * 8 / sent, abs=1e-3)
    assert number(measured, "loss_up") == pytest.approx(100 * 5 / sent, abs=1e-3)
    assert number(measured, "loss_down") == pytest.approx(100 * 3 / (sent - 5), abs=1e-3)
    assert measured["network.loss_up"].details["longest_gap_ms"] == 60
    assert measured["network.loss_up"].details["bursts"] == 3
    # Up has more loss: p = 3 / (sent - 5), q = 3 / 5.
    assert number(measured, "loss_burst") == pytest.approx(1 / (3 / (sent - 5) + 3 / 5), abs=1e-3)
    assert number(measured, "mos") < 4.2


def test_losses_at_the_very_end_of_a_run_are_not_forgotten() -> None:
    """Nothing after them could tell that they were sent: the sender's own count does."""
    relay = UdpRelay(lambda flow, sequence: flow == IDLE_FLOW and sequence >= 45, nothing)
    with relayed_responder(relay) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=1.2, load=BLINK))
    sent = measured["network.loss"].details["sent"]
    assert isinstance(sent, int)
    assert measured["network.loss_up"].details["lost"] == sent - 45
    assert number(measured, "loss_down") == 0


@pytest.mark.parametrize(
    ("relay", "stopped"),
    [(UdpRelay(everything, nothing), "on the way there"), (UdpRelay(nothing, everything), "on the way back")],
    ids=["up", "down"],
)
def test_blocked_udp_is_a_value_and_the_voice_path_fails_with_its_cause(relay: UdpRelay, stopped: str) -> None:
    with relayed_responder(relay) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=5.0, load=HALF))
    assert measured["network.udp"].value is False
    assert measured["network.udp"].details["stopped"] == stopped
    assert number(measured, "download") > 1
    for quantity in (*VOICE, *LOADED):
        failed = measured[quantity.name].failure
        assert failed is not None
        assert (failed.code, failed.at_fault) == ("udp_blocked", "home_link")


def test_a_closed_udp_port_is_our_servers_fault() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with responder_thread(announced_udp_port=port) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=0.5, load=BLINK))
    for name in ("network.udp", "network.rtt", "network.mos"):
        failed = measured[name].failure
        assert failed is not None
        assert (failed.code, failed.at_fault) == ("udp_refused", "server")


def test_without_a_responder_the_setting_is_at_fault() -> None:
    error = failure(Network.for_check(CheckSetup()))
    assert (error.code, error.at_fault) == ("no_responder", "agent")


def test_a_method_that_is_not_there_is_refused_instead_of_replaced() -> None:
    error = failure(Network.for_check(CheckSetup(responder_url="http://127.0.0.1:9", method="ndt7")))
    assert (error.code, error.at_fault) == ("no_such_method", "agent")


def test_an_absent_responder_is_our_servers_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(Network(url=f"http://127.0.0.1:{port}"))
    assert (error.code, error.at_fault) == ("responder_refused", "server")


class Lying(Responder):
    """A responder that signs something else than it saw."""

    def lie(self, seen: SessionObservation) -> SessionObservation:
        raise NotImplementedError

    async def finish(self, request: web.Request) -> web.Response:
        session = self._session(request)
        self.sessions.close(session)
        payload = self.lie(session.observe(self.now())).to_bytes()
        return web.Response(body=sign(payload, OBSERVATION, self.signer))


class FasterUpload(Lying):
    def lie(self, seen: SessionObservation) -> SessionObservation:
        return replace(seen, upload=replace(seen.upload, rate_mbit_s=5000.0, uncertainty_mbit_s=0.0))


def test_a_responder_that_lies_is_not_believed_in_anything() -> None:
    with responder_thread(FasterUpload) as running:
        error = failure(Network(url=running.url, nonce="challenge", voice_seconds=0.5, load=BLINK))
    assert (error.code, error.at_fault) == ("observation_refused", "server")


def test_an_observation_by_another_key_is_not_believed() -> None:
    with responder_thread() as running:
        pinned = SoftwareKey.generate().public.jwk()
        error = failure(Network(url=running.url, key=pinned, voice_seconds=0.5, load=BLINK))
    assert (error.code, error.at_fault) == ("observation_refused", "server")
    assert "key" in error.message


class Replaying(Responder):
    """A responder that hands out the observation of its first session again and again."""

    kept: list[bytes] = []  # noqa: RUF012 - shared on purpose: one test, one responder

    async def finish(self, request: web.Request) -> web.Response:
        fresh = await super().finish(request)
        assert isinstance(fresh.body, bytes)
        self.kept.append(fresh.body)
        return web.Response(body=self.kept[0])


def test_a_replayed_observation_is_not_believed() -> None:
    with responder_thread(Replaying) as running:
        run(Network(url=running.url, nonce="first", voice_seconds=0.5, load=BLINK))
        error = failure(Network(url=running.url, nonce="second", voice_seconds=0.5, load=BLINK))
    assert (error.code, error.at_fault) == ("observation_refused", "server")
    assert "another session" in error.message


class Collapsing(Responder):
    """A responder whose downloads are an error."""

    async def download(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable


def test_one_direction_that_fails_leaves_the_other() -> None:
    with responder_thread(Collapsing) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=1.0, load=HALF))
    failed = measured["network.download"].failure
    assert failed is not None
    assert (failed.code, failed.at_fault) == ("responder_answer", "server")
    assert number(measured, "upload") > 1
    assert number(measured, "loss") == 0
    assert measured["network.loaded_mos"].failure == failed


def one_run(running: InThread) -> NetworkRun:
    session = ResponderSession.open(find(running.url), None, None)
    return measure(session, Plan(0.6, BLINK))


def test_a_clock_that_was_changed_during_the_run_voids_it() -> None:
    with responder_thread() as running:
        done = one_run(running)
    call_of(done, IDLE_FLOW, done.idle)
    with pytest.raises(ProbeError) as raised:
        call_of(done, IDLE_FLOW, replace(done.idle, clock_stepped=True))
    assert (raised.value.code, raised.value.at_fault) == ("clock_stepped", "device")


def test_too_few_packets_say_so() -> None:
    with responder_thread() as running:
        done = one_run(running)
    with pytest.raises(ProbeError) as raised:
        call_of(done, IDLE_FLOW, done.idle, window=(0.0, 1.0))
    assert raised.value.code == "too_few_packets"


@pytest.mark.parametrize(
    ("delays", "rising"),
    [
        ([20.0] * 90, False),
        ([20.0 + index for index in range(90)], True),
        ([20.0 + index / 100 for index in range(90)], False),
    ],
)
def test_a_queue_that_still_grows_is_noticed(delays: list[float], rising: bool) -> None:
    assert still_rising(delays, 20.0) is rising
