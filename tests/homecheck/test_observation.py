from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from homecheck.errors import Refused
from homecheck.observation import Flow, SessionObservation, Transfer
from homecheck.signing import Verified

WHOLE: dict[str, Any] = {
    "v": 1,
    "session": "abcdefghij",
    "nonce": None,
    "started_at": "2026-11-23T20:33:00.123Z",
    "finished_at": "2026-11-23T20:33:40.000Z",
    "source": "203.0.113.7",
    "download": {"bytes": 30, "streams": 4, "bin_ms": 50, "bins": [10, 20], "rate_mbit_s": 20.5,
                 "uncertainty_mbit_s": 0.1, "steady": True, "rtt_ms": 12.5, "retransmitted": 0.01},
    "upload": {"bytes": 0, "streams": 0, "bin_ms": 50, "bins": [], "rate_mbit_s": None,
               "uncertainty_mbit_s": None, "steady": False, "rtt_ms": None, "retransmitted": None},
    "udp": [{"flow": 0, "received": 3, "reflected": 3, "duplicates": 1, "reordered": 0, "map": "oIA"}],
}  # fmt: skip


def read(document: dict[str, Any]) -> SessionObservation:
    return SessionObservation.from_bytes(Verified(json.dumps(document).encode()))


def test_an_observation_is_read_as_it_was_written() -> None:
    observation = read(WHOLE)
    assert observation.download == Transfer(30, 4, (10, 20), 50, 20.5, 0.1, True, 12.5, 0.01)
    assert observation.started_at == datetime(2026, 11, 23, 20, 33, 0, 123_000, tzinfo=UTC)
    assert json.loads(observation.to_bytes()) == WHOLE


def test_the_map_tells_packet_by_packet_what_arrived() -> None:
    # oIA is 0xA0 0x80: packets 0, 2 and 8.
    (flow,) = read(WHOLE).udp
    assert flow.arrived(10) == [True, False, True, False, False, False, False, False, True, False]


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
        (("download", "rate_mbit_s"), "fast", "rate_mbit_s"),
        (("download", "steady"), 1, "steady"),
        (("udp", 0, "received"), 4, "does not hold 4"),
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
