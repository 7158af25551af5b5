"""The probe against real responders: one whole run on loopback, known losses through a relay, and far ends that lie."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homecheck.corroboration import compared
from homecheck.errors import ProbeError
from homecheck.founded import observed
from homecheck.instruments import proven
from homecheck.instruments.far_end import call, find
from homecheck.instruments.network_run import IDLE_FLOW, LoadedCall, NetworkRun, Plan, measure, still_rising
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import Ended, Load, LoadRule
from homecheck.instruments.voice_path import Log, Packet
from homecheck.keys import SoftwareKey
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Observation, Probe
from homecheck.observation import SessionObservation
from homecheck.responder.app import Responder
from homecheck.responder.limits import Limits
from homecheck.signing import OBSERVATION, PublicKey, sign, verify
from homecheck.standards import goodput
from probes.network import DOWNLOAD, LOADED, VOICE, Network, call_of, download, not_full, rpm, throughput, udp, upload
from tests.again import Repeatable, again
from tests.far_ends import InThread, UdpRelay, relayed_responder, responder_process, responder_thread
from tests.forgeries import GENUINE

# Short loads at a rate that leaves the machine in peace.
QUICK = LoadRule(least_seconds=2.0, most_seconds=3.0, ceiling_mbit_s=60)
HALF = LoadRule(least_seconds=1.5, most_seconds=1.5, ceiling_mbit_s=20)
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


def inner(details: Details, *names: str) -> dict[str, Any]:
    """Return the object that lies so deep in the details."""
    found: Any = details
    for name in names:
        found = found[name]
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True)
class WholeRun:
    """All that the probe measured, the responder's observation, and its key."""

    measured: dict[str, Measurement]
    envelope: str
    key: PublicKey


def measure_all(home: Path) -> WholeRun:
    with responder_process(home) as responder:
        jwk = json.loads(call(responder.far_end, "GET", "/.well-known/homecheck").body)["jwk"]
        setup = CheckSetup(responder_url=responder.url, responder_key=jwk, nonces=("challenge",))
        probe = replace(Network.for_check(setup), voice_seconds=2.0, load=QUICK)
        measured, envelopes = run(probe)
    assert len(envelopes) == 1
    return WholeRun(measured, envelopes[0], PublicKey.from_jwk(jwk))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Repeatable[WholeRun]:
    return Repeatable(lambda: measure_all(tmp_path_factory.mktemp("home")))


def test_the_probe_keeps_the_contract() -> None:
    probe = Network.for_check(CheckSetup())
    assert isinstance(probe, Probe)
    assert probe.deadline_seconds > probe.voice_seconds + 2 * probe.load.most_seconds


@again
def test_every_quantity_is_measured_once(whole_run: Repeatable[WholeRun]) -> None:
    measured = whole_run.found().measured
    assert set(measured) == {quantity.name for quantity in Network.quantities}
    failed = {name: one.failure.code for name, one in measured.items() if one.failure is not None}
    # Without a file of regions and without TLS there is nothing to compare: tests/probes/test_network_identity.py
    assert failed == {"network.region": "not_offered", "network.tls_intercepted": "not_offered"}


@again
def test_an_honest_run_agrees_with_what_the_responder_signed(
    whole_run: Repeatable[WholeRun],
) -> None:
    found = whole_run.found()
    measured, envelope, key = found.measured, found.envelope, found.key
    evidence = replace(GENUINE, nonce="challenge", runs=(), observations=(envelope,))
    seen = observed(evidence, {key.kid: key}.get)
    standings = compared(measured.values(), seen)
    assert {name: standing.trust for name, standing in standings.items()} == {
        "network.download": "corroborated",
        "network.upload": "server-observed",
        "network.udp": "corroborated",
        "network.rtt": "corroborated",
        "network.rtt_p95": "corroborated",
        "network.loss_up": "server-observed",
    }
    # Another challenge or another key: it may be of any check, and of anybody.
    assert not observed(replace(evidence, nonce="another"), {key.kid: key}.get)
    assert not observed(replace(evidence, nonce=None), {key.kid: key}.get)
    assert not observed(evidence, lambda _kid: None)


@again
def test_throughput_is_held_at_the_ceiling_and_says_so(
    whole_run: Repeatable[WholeRun],
) -> None:
    measured = whole_run.found().measured
    for name in ("download", "upload"):
        assert number(measured, name) == pytest.approx(60, rel=0.05)
        details = measured[f"network.{name}"].details
        assert details["at_least"] is True
        assert details["ended"] == "ceiling"
        assert details["responder_mbit_s"] == pytest.approx(60, rel=0.05)


@again
def test_a_call_over_loopback_is_perfect(whole_run: Repeatable[WholeRun]) -> None:
    measured = whole_run.found().measured
    assert measured["network.udp"].value is True
    assert number(measured, "loss") == number(measured, "loss_up") == number(measured, "loss_down") == 0
    assert number(measured, "loss_burst") == 1
    assert 0 < number(measured, "rtt") < 20
    # Half the round trip, 60 ms of buffer and 20 of packet: R of the golden values for 50 and 100 ms lies around it.
    assert 90.66 < number(measured, "r") < 91.76
    assert number(measured, "mos") == pytest.approx(4.3647, abs=0.005)
    assert measured["network.mos"].uncertainty is not None
    assert measured["network.mos"].uncertainty > 0.05  # 100 packets without loss prove little


@again
def test_responsiveness_is_the_lower_of_both_directions_with_its_parts(
    whole_run: Repeatable[WholeRun],
) -> None:
    measured = whole_run.found().measured
    both = [inner(measured["network.rpm"].details, direction) for direction in ("download", "upload")]
    assert number(measured, "rpm") == pytest.approx(min(one["rpm"] for one in both), abs=1e-3)
    assert measured["network.rpm"].details["impossible_round_trips"] == 0
    for one in both:
        assert one["tls_ms"] is None
        assert one["confidence"] == "low"  # 2 to 3 s of load
        for part in ("tcp_ms", "http_ms", *(["own_ms"] if sys.platform == "linux" else [])):
            assert 0 < one[part] < 500


@again
def test_every_codec_and_every_cost_stands_beside_the_rating(
    whole_run: Repeatable[WholeRun],
) -> None:
    measured = whole_run.found().measured
    details, r = measured["network.r"].details, number(measured, "r")
    assert inner(details, "codecs", "G.711 with PLC")["r"] == pytest.approx(r, abs=1e-3)
    assert measured["network.mos"].details["codecs"] == details["codecs"]
    # 94.768822 and 1.413568 are golden values of G.107: Ro and Is at their defaults.
    costs = inner(details, "costs")
    assert costs["simultaneous_is"] == 1.414
    spent = sum(cost for name, cost in costs.items() if name != "late_of_ie_eff")
    assert 94.768822 - spent == pytest.approx(r, abs=0.005)
    delay = inner(details, "delay_ms")
    assert sum(delay.values()) == pytest.approx(details["one_way_delay_ms"], abs=0.01)
    assert (delay["jitter_buffer"], delay["packet"]) == (60, 20)


@again
def test_tcp_connections_under_load_stand_beside_the_packets(
    whole_run: Repeatable[WholeRun],
) -> None:
    measured = whole_run.found().measured
    for direction in ("download", "upload"):
        connects = inner(measured["network.loaded_rtt_increase"].details, direction)
        assert connects["tcp_connects"] >= 5
        assert 0 < connects["tcp_connect_p50_ms"] <= connects["tcp_connect_p95_ms"] < 500


@again
def test_the_observation_is_signed_and_carries_the_challenge(
    whole_run: Repeatable[WholeRun],
) -> None:
    found = whole_run.found()
    measured, envelope, key = found.measured, found.envelope, found.key
    seen = SessionObservation.from_bytes(verify(envelope.encode(), OBSERVATION, {key.kid: key}.get))
    assert seen.nonce == "challenge"
    assert seen.source == "127.0.0.1"
    payload, voice = measured["network.upload"].details["payload_mbit_s"], 50 * (172 + 28) * 8e-6 * 1448 / 1500
    assert isinstance(payload, float)
    assert seen.upload.rate_mbit_s == pytest.approx(payload, abs=0.001)
    # No TLS here, so no framing; ten probes a second of 200 to 1000 bytes each way.
    assert payload + voice + 0.005 < number(measured, "upload") < payload + voice + 0.08
    sent = measured["network.loss"].details["sent"]
    assert seen.udp[0].received == sent
    assert len(seen.udp) == 3


@again
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


@again
def test_packets_that_overtake_or_come_twice_are_counted_in_their_direction_and_are_no_loss() -> None:
    relay = UdpRelay(
        nothing,
        nothing,
        hold_up=lambda flow, sequence: flow == IDLE_FLOW and sequence in (7, 21, 33),
        hold_down=lambda flow, sequence: flow == IDLE_FLOW and sequence in (12, 40),
        twice_up=lambda flow, sequence: flow == IDLE_FLOW and sequence in (3, 15, 27, 35),
    )
    with relayed_responder(relay) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=1.5, load=BLINK))
    details = measured["network.rtt"].details
    assert number(measured, "loss") == number(measured, "loss_up") == number(measured, "loss_down") == 0
    assert details["duplicates_up"] == 4
    assert details["duplicates_down"] == 0  # the responder answers once
    assert details["reordered_up"] == 3
    assert details["reordered_down"] == 2  # by the order in which the responder answered


@again
def test_losses_at_the_very_end_of_a_run_are_not_forgotten() -> None:
    """Nothing after them could tell that they were sent: the sender's own count does."""
    relay = UdpRelay(lambda flow, sequence: flow == IDLE_FLOW and sequence >= 45, nothing)
    with relayed_responder(relay) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=1.2, load=BLINK))
    sent = measured["network.loss"].details["sent"]
    assert isinstance(sent, int)
    assert measured["network.loss_up"].details["lost"] == sent - 45
    assert number(measured, "loss_down") == 0


@again
def test_blocked_udp_is_a_value_and_the_voice_path_fails_with_its_cause() -> None:
    with relayed_responder(UdpRelay(nothing, everything)) as running:
        running.responder.sessions.proofs.note(["udp"])  # others had answers
        measured, _ = run(Network(url=running.url, voice_seconds=2.2, load=BLINK))
    assert measured["network.udp"].value is False
    assert measured["network.udp"].details["stopped"] == "on the way back"
    for quantity in (*VOICE, *LOADED):
        failed = measured[quantity.name].failure
        assert failed is not None
        assert (failed.code, failed.at_fault) == ("udp_blocked", "home_link")


def test_udp_that_nobody_is_known_to_get_answers_from_may_be_our_own_firewall() -> None:
    with relayed_responder(UdpRelay(everything, nothing)) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=0.5, load=BLINK))
    for name in ("network.udp", "network.rtt", "network.mos"):
        failed = measured[name].failure
        assert failed is not None
        assert (failed.code, failed.at_fault) == ("port_unproven", "server")


def test_a_run_whose_packets_come_back_proves_it_for_those_who_come_later() -> None:
    with responder_thread() as running:
        run(Network(url=running.url, voice_seconds=0.3, load=BLINK))
        assert proven.services(running.far_end) == {"udp"}


def test_who_was_sent_no_answers_proves_nothing() -> None:
    with responder_thread() as running:
        ResponderSession.open(running.far_end, (), None).finish(["udp", "sip", "plain", "ipv6"])
        assert proven.services(running.far_end) == frozenset()


@again
def test_where_udp_is_blocked_tcp_is_measured_and_told() -> None:
    with relayed_responder(UdpRelay(everything, nothing)) as running:
        running.responder.sessions.proofs.note(["udp"])
        measured, _ = run(
            Network(
                url=running.url,
                voice_seconds=2.2,
                load=LoadRule(least_seconds=2.0, most_seconds=2.0, ceiling_mbit_s=20),
            )
        )
    details = measured["network.udp"].details
    assert details["stopped"] == "on the way there"
    assert "calls over UDP will not work from this network, while TCP does" in str(details["statement"])
    for phase, least in (("idle", 15), ("during_download", 5), ("during_upload", 5)):
        connects = inner(details, "tcp", phase)
        assert connects["tcp_connects"] >= least
        assert 0 < connects["tcp_connect_p50_ms"] <= connects["tcp_connect_p95_ms"] < 500
    assert number(measured, "download") > 1
    assert measured["network.download"].bound == "at_least"  # held at its ceiling
    assert number(measured, "rpm") > 200
    failed = measured["network.mos"].failure
    assert failed is not None
    assert "TCP round trip idle" in failed.message


def test_udp_that_a_firewall_refuses_in_our_place_is_not_our_servers_fault() -> None:
    with responder_thread() as running:
        done = one_run(running)
    silent = tuple(replace(one, received_ns=None, returned_ns=None, arrived_ns=None) for one in done.idle.packets)
    refused = replace(done, idle=replace(done.idle, packets=silent, refused=9))
    assert refused_udp(replace(refused, udp_proven=True)) == ("udp_refused", "server")
    by_strangers = replace(refused, udp_refused_by_strangers=True)
    assert refused_udp(replace(by_strangers, udp_proven=True)) is False
    assert refused_udp(replace(by_strangers, udp_proven=False)) == ("port_unproven", "server")


def refused_udp(run: NetworkRun) -> tuple[str, str] | object:
    found = udp(run)
    return (found.failure.code, found.failure.at_fault) if found.failure else found.value


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
    error = failure(Network.for_check(CheckSetup(responder_url="http://127.0.0.1:9", method="iperf")))
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
        error = failure(Network(url=running.url, nonces=("challenge",), voice_seconds=0.5, load=BLINK))
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
        run(Network(url=running.url, nonces=("first",), voice_seconds=0.5, load=BLINK))
        error = failure(Network(url=running.url, nonces=("second",), voice_seconds=0.5, load=BLINK))
    assert (error.code, error.at_fault) == ("observation_refused", "server")
    assert "another session" in error.message


def test_a_session_that_expires_under_way_is_our_servers_fault() -> None:
    with responder_thread(limits=Limits(session_seconds=0.2)) as running:
        error = failure(Network(url=running.url, voice_seconds=2.5, load=BLINK))
    assert (error.code, error.at_fault) == ("session_ended", "server")
    assert "/v1/sessions" not in error.message  # nobody wants to read that


class Collapsing(Responder):
    """A responder whose downloads are an error."""

    async def download(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable


@again
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
    session = ResponderSession.open(find(running.url), (), None)
    return measure(session, Plan(0.6, BLINK))


@again
def test_a_clock_that_was_changed_during_the_run_voids_it() -> None:
    with responder_thread() as running:
        done = one_run(running)
    call_of(done, IDLE_FLOW, done.idle)
    with pytest.raises(ProbeError) as raised:
        call_of(done, IDLE_FLOW, replace(done.idle, clock_stepped=True))
    assert (raised.value.code, raised.value.at_fault) == ("clock_stepped", "device")


@again
def test_a_responder_whose_clock_was_changed_during_the_run_is_at_fault() -> None:
    with responder_thread() as running:
        done = one_run(running)
    half = len(done.idle.packets) // 2
    later = tuple(
        replace(packet, received_ns=packet.received_ns + 10**9, returned_ns=packet.returned_ns + 10**9)
        if packet.received_ns is not None and packet.returned_ns is not None
        else packet
        for packet in done.idle.packets[half:]
    )
    with pytest.raises(ProbeError) as raised:
        call_of(done, IDLE_FLOW, replace(done.idle, packets=done.idle.packets[:half] + later))
    assert (raised.value.code, raised.value.at_fault) == ("responder_clock_stepped", "server")


@again
def test_a_computer_that_stood_still_during_the_run_voids_it() -> None:
    with responder_thread() as running:
        done = one_run(running)
    with pytest.raises(ProbeError) as raised:
        call_of(done, IDLE_FLOW, replace(done.idle, held_up_seconds=61.0))
    assert (raised.value.code, raised.value.at_fault) == ("interrupted", "device")


@again
def test_a_computer_that_stood_still_during_a_load_says_nothing_about_that_direction_of_the_line() -> None:
    with responder_thread() as running:
        done = one_run(running)
    assert isinstance(done.download, LoadedCall)
    began = done.download.load.began
    stopped = replace(done, stops=((began + 0.1, began + 3.1),))
    for found in (download(stopped), rpm(stopped)):
        assert found.failure is not None
        assert (found.failure.code, found.failure.at_fault) == ("interrupted", "device")
        assert "stood still for 3.0 s" in found.failure.message
    other = upload(replace(done, stops=((began - 9.0, began),)))  # it stood still before, and not in the upload
    assert other.failure is None or other.failure.code != "interrupted"


class WithoutSmall(Responder):
    """A responder from before there was an object of one byte."""

    async def small(self, request: web.Request) -> web.Response:
        raise web.HTTPNotFound


@again
def test_a_responder_without_the_small_object_is_no_fault_of_the_line() -> None:
    with responder_thread(WithoutSmall) as running:
        measured, _ = run(Network(url=running.url, voice_seconds=0.6, load=HALF))
    failed = measured["network.rpm"].failure
    assert failed is not None
    assert (failed.code, failed.at_fault) == ("not_offered", "server")
    assert number(measured, "download") > 1


@again
@pytest.mark.parametrize(("growth", "bound"), [(0.05, None), (0.15, "at_least"), (-0.15, None)])
def test_a_load_that_was_still_getting_faster_is_a_lower_bound(growth: float, bound: str | None) -> None:
    with responder_thread() as running:
        done = one_run(running)
    assert isinstance(done.download, LoadedCall)
    call = replace(done.download, load=replace(done.download.load, ended="time", cpu_share=0.1))
    rate = goodput.Rate(20.0, 1.0, steady=False, growth=growth)
    assert throughput(DOWNLOAD, done, call, done.seen.download, rate).bound == bound


@again
def test_too_short_a_load_tells_nothing_about_responsiveness() -> None:
    with responder_thread() as running:
        failed = rpm(one_run(running)).failure
    assert failed is not None
    assert (failed.code, failed.at_fault) == ("too_few_probes", "line")


@again
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


def loaded_for(seconds: float, ended: Ended, settling_ms: float) -> LoadedCall:
    """A load with a voice flow whose packets took so long while it settled."""
    load = Load("download", (), 0, 0, seconds, 4, 0.1, ended, began=0.0)
    took = round(settling_ms * 1e6)
    packets = tuple(Packet(number, number / 50, 0, 0, 0, took) for number in range(round(seconds * 50)))
    return LoadedCall(load, Log(0, packets, 0, 0, 0, 0, clock_stepped=False, kernel_stamps=True))


@pytest.mark.parametrize(("ended", "deeper"), [("time", True), ("steady", False)])
def test_a_queue_that_grew_slowly_to_the_end_of_the_time_is_deeper_than_was_seen(ended: Ended, *, deeper: bool) -> None:
    slowly = [500.0 + 0.36 * index for index in range(400)]  # 18 ms a second: less than a tenth from third to third
    assert not still_rising(slowly, 20.0)
    assert not_full(loaded_for(8.0, ended, 20.0), slowly, 20.0) is deeper


def test_a_queue_that_overflowed_before_is_no_deeper_than_was_seen_although_it_grows_again() -> None:
    growing = [100.0 + index for index in range(100)]
    assert not_full(loaded_for(5.0, "time", settling_ms=120.0), growing, 20.0)
    assert not not_full(loaded_for(5.0, "time", settling_ms=320.0), growing, 20.0)


# --- Data that costs money --------------------------------------------------------------------------------------------


@again
def test_where_data_costs_money_the_voice_path_is_measured_and_the_line_is_not_filled() -> None:
    with responder_thread() as responder:
        setup = CheckSetup(responder_url=responder.url, may_load=False)
        probe = replace(Network.for_check(setup), voice_seconds=2.0, load=QUICK)
        measured, envelopes = run(probe)
    assert len(envelopes) == 1
    for name in ("network.download", "network.upload", *(quantity.name for quantity in LOADED)):
        failure = measured[name].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("metered", "person")
        assert "homecheck check --metered" in failure.advice
    assert all(measured[quantity.name].failure is None for quantity in VOICE)
    spent = measured["network.download"].details["spent_bytes"]
    assert isinstance(spent, int)
    assert 100 * 2 * 172 * 0.8 < spent < 100 * 2 * 172 * 1.2  # 2 s of 50 packets of 172 bytes, and back


@again
def test_a_line_is_not_filled_where_nobody_asks_what_it_carries() -> None:
    asked = frozenset({"network.rtt", "network.mos"})
    with responder_thread() as responder:
        setup = CheckSetup(responder_url=responder.url, asked=asked)
        probe = replace(Network.for_check(setup), voice_seconds=1.0, load=QUICK)
        measured, _ = run(probe)
    assert probe.needs == {Need.NETWORK_QUIET}
    failure = measured["network.download"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("not_asked", "agent")
    assert all(measured[name].failure is None for name in asked)


def test_a_line_is_filled_as_far_as_the_limits_need_unless_it_is_to_be_full() -> None:
    def ceiling(*asked: str, enough: float | None = 100.0) -> float:
        setup = CheckSetup(asked=frozenset(asked) if asked else None, enough_mbit_s=enough)
        return Network.for_check(setup).load.ceiling_mbit_s

    usual = LoadRule().ceiling_mbit_s
    assert ceiling("network.download", "network.rtt") == 100.0
    assert ceiling("network.download", "network.loaded_mos") == usual
    assert ceiling("network.upload", "network.rpm") == usual
    assert ceiling("network.download", enough=None) == usual
    assert ceiling() == usual  # --all


@again
def test_a_check_spends_no_more_than_its_policy_allows_in_both_directions_together() -> None:
    load = LoadRule(least_seconds=9, most_seconds=9, ceiling_mbit_s=200)
    with responder_thread() as responder:
        setup = CheckSetup(responder_url=responder.url, most_bytes=100_000_000)
        measured, _ = run(replace(Network.for_check(setup), voice_seconds=1.0, load=load))
    spent = measured["network.download"].details["spent_bytes"]
    assert isinstance(spent, int)
    assert spent == measured["network.upload"].details["spent_bytes"]
    # Held at a ceiling far below what loopback carries, the receive buffers of all streams fill, with 1 to 2 MB each:
    # they count. What the responder had handed over and nobody fetched counts too. Without a limit: 450 MB.
    assert 75_000_000 < spent < 100_000_000 + 12_000_000
    for name in ("download", "upload"):
        assert measured[f"network.{name}"].failure is None
        details = measured[f"network.{name}"].details
        assert details["ended"] in ("bytes", "ceiling")
        assert details["at_least"] is True


@again
def test_a_limit_for_data_that_ends_a_load_too_early_is_not_the_lines_fault() -> None:
    with responder_thread() as responder:
        setup = CheckSetup(responder_url=responder.url, most_bytes=2_000_000)
        load = LoadRule(least_seconds=9, most_seconds=9, ceiling_mbit_s=200)
        measured, _ = run(replace(Network.for_check(setup), voice_seconds=1.0, load=load))
    failure = measured["network.download"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("bytes_spent", "agent")
    assert "most_megabytes" in failure.advice
    for name in ("network.loaded_mos", "network.rpm"):  # too little came of it, and that is not the line's doing
        failed = measured[name].failure
        assert failed is not None
        assert failed.at_fault == "agent"
