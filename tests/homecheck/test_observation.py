from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from homecheck.errors import Refused
from homecheck.observation import Flow, Region, SessionObservation, Transfer
from homecheck.signing import Verified
from tests.strangers import strange, thoroughly

WHOLE: dict[str, Any] = {
    "v": 1,
    "session": "abcdefghij",
    "nonce": None,
    "started_at": "2026-11-23T20:33:00.123Z",
    "finished_at": "2026-11-23T20:33:40.000Z",
    "source": "203.0.113.7",
    "region": {"country": "US", "subdivision": "TX"},
    "certificate": "sha256:" + "0f" * 32,
    "others": 3,
    "overflowed": 0,
    "download": {"bytes": 30, "streams": 4, "bin_ms": 50, "bins": [10, 20], "rate_mbit_s": 20.5,
                 "uncertainty_mbit_s": 0.1, "steady": True, "rtt_ms": 12.5, "smoothed_rtt_ms": 14.0,
                 "retransmitted": 0.01, "round_trips_us": [0, 20500]},
    "upload": {"bytes": 0, "streams": 0, "bin_ms": 50, "bins": [], "rate_mbit_s": None,
               "uncertainty_mbit_s": None, "steady": False, "rtt_ms": None, "smoothed_rtt_ms": None,
               "retransmitted": None, "round_trips_us": []},
    "udp": [{"flow": 0, "received": 3, "lost": 6, "highest": 8, "reflected": 3, "duplicates": 1, "reordered": 0,
             "map": "oIA"}],
}  # fmt: skip


def read(document: dict[str, Any]) -> SessionObservation:
    return SessionObservation.from_bytes(Verified(json.dumps(document).encode()))


def test_an_observation_is_read_as_it_was_written() -> None:
    observation = read(WHOLE)
    assert observation.download == Transfer(30, 4, (10, 20), 50, 20.5, 0.1, True, 12.5, 14.0, 0.01, (0, 20500))
    assert observation.region == Region("US", "TX")
    assert observation.started_at == datetime(2026, 11, 23, 20, 33, 0, 123_000, tzinfo=UTC)
    assert json.loads(observation.to_bytes()) == WHOLE


def test_the_map_tells_packet_by_packet_what_arrived() -> None:
    # oIA is 0xA0 0x80: packets 0, 2 and 8.
    (flow,) = read(WHOLE).udp
    assert (flow.highest, flow.lost) == (8, 6)
    assert flow.arrived(10) == [True, False, True, False, False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("packed", "highest", "lost"),
    [(b"", -1, 0), (b"\x80", 0, 0), (b"\x01", 7, 7), (b"\xff\xff", 15, 0), (b"\x00\x40", 9, 9)],
)
def test_the_highest_packet_and_the_gaps_before_it_follow_from_the_map(packed: bytes, highest: int, lost: int) -> None:
    flow = Flow(0, sum(map(int.bit_count, packed)), map=packed)
    assert (flow.highest, flow.lost) == (highest, lost)


def test_what_the_responder_does_not_know_is_null() -> None:
    observation = read({**WHOLE, "region": None, "certificate": None})
    assert (observation.region, observation.certificate) == (None, None)
    assert read({**WHOLE, "region": {"country": None, "subdivision": None}}).region == Region()


@pytest.mark.parametrize(
    ("region", "text"), [(Region("US", "TX"), "US-TX"), (Region("SE"), "SE"), (Region(), "")], ids=str
)
def test_a_region_is_written_as_iso_3166_2(region: Region, text: str) -> None:
    assert str(region) == text


def test_a_map_of_packets_that_nobody_sent_is_refused() -> None:
    with pytest.raises(Refused, match="nobody sent"):
        Flow(0, 3, map=b"\xa0\x80").arrived(8)


@pytest.mark.parametrize(
    ("path", "value", "culprit"),
    [
        (("v",), 2, "v is not 1"),
        (("nonce",), 7, "nonce"),
        (("started_at",), "yesterday", "started_at"),
        (("extra",), 1, "unknown key"),
        (("download", "bytes"), -1, "bytes"),
        (("download", "bins"), [1, -2], "whole numbers"),
        (("download", "bins"), [1, True], "whole numbers"),
        (("download", "bins"), [1] * 1201, "at most 1200"),
        (("download", "round_trips_us"), [1.5], "whole numbers"),
        (("download", "round_trips_us"), [1] * 1201, "at most 1200"),
        (("download", "rate_mbit_s"), "fast", "rate_mbit_s"),
        (("download", "steady"), 1, "steady"),
        (("udp", 0, "received"), 4, "does not hold 4"),
        (("udp", 0, "lost"), 5, "do not follow from the map"),
        (("udp", 0, "highest"), 9, "do not follow from the map"),
        (("udp", 0, "extra"), 9, "unknown key"),
        (("download", "smoothed_rtt_ms"), "slow", "smoothed_rtt_ms"),
        (("region",), "US-TX", "an object is expected"),
        (("region", "country"), "USA", "3 characters"),
        (("region", "city"), "Austin", "unknown key"),
        (("certificate",), "0f" * 32, "no digest"),
        (("others",), -1, "others"),
        (("overflowed",), None, "overflowed"),
        (("udp", 0, "map"), "oIAA", "map"),
        (("udp", 0, "map"), "oI=", "base64url"),
        (("udp", 0, "map"), "f" * 4001, "4001 characters"),
    ],
)
def test_a_malformed_observation_is_refused(path: tuple[str | int, ...], value: object, culprit: str) -> None:
    document = json.loads(json.dumps(WHOLE))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Refused) as refused:
        read(document)
    assert culprit in refused.value.message


@thoroughly
@given(strange(read(WHOLE).to_bytes(), json.dumps({**WHOLE, "region": None, "udp": []}).encode()))
def test_any_payload_is_an_observation_that_is_written_as_it_was_read_or_refused(payload: bytes) -> None:
    with suppress(Refused):
        observation = SessionObservation.from_bytes(Verified(payload))
        assert SessionObservation.from_bytes(Verified(observation.to_bytes())) == observation
