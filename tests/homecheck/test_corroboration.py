"""What an agent says, held against what the server saw; the server's side is written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.corroboration import COMPARISONS, compared
from homecheck.measurement import Bound, Kind, Measurement, Quantity, Value
from homecheck.observation import Flow, Region, SessionObservation, Transfer
from homecheck.policy import TRUST

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
# 1000 packets were sent; number 9 and numbers 20 to 28 never came: 990 of them, 1 % lost.
MAP = bytearray(b"\xff" * 125)
MAP[1] &= 0xBF  # bit 9: the second of the second byte
MAP[2] &= 0xF0  # bits 20 to 23
MAP[3] &= 0x07  # bits 24 to 28
SEEN = SessionObservation(
    "session",
    "challenge",
    MOMENT,
    MOMENT,
    "192.0.2.7",
    download=Transfer(bytes=30_000_000, streams=4, rate_mbit_s=50.0, uncertainty_mbit_s=0.2, rtt_ms=40.0),
    upload=Transfer(bytes=6_000_000, streams=4, rate_mbit_s=10.0, uncertainty_mbit_s=0.1),
    udp=(Flow(0, received=990, reflected=990, map=bytes(MAP)),),
    region=Region("US", "TX"),
)


def standing(name: str, value: Value, *seen: SessionObservation, bound: Bound | None = None, **details: int) -> str:
    """Return the trust of one value, known to 0.1, against `seen`, or against SEEN."""
    number = isinstance(value, float | int) and not isinstance(value, bool)
    kind = Kind.NUMBER if number else Kind.YES_NO if isinstance(value, bool) else Kind.TEXT
    quantity = Quantity(f"network.{name}", "%" if number else "", "by hand", kind)
    found = Measurement(quantity, value, 0.1 if number else None, details=dict(details), bound=bound)
    standings = compared([found], seen or (SEEN,))
    return standings[quantity.name].trust if standings else "self-reported"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # 50 Mbit/s were counted, and 0.5 + 0.1 + 0.2 Mbit/s are left to doubt: 1.2 x 50 + 0.8 is the most.
        ("download", 51.3, "corroborated"),
        ("download", 60.7, "corroborated"),
        ("download", 60.9, "contradicted"),
        ("download", 500.0, "contradicted"),
        ("download", 41.0, "corroborated"),
        ("download", 40.7, "contradicted"),
        # 10 Mbit/s were counted: within 5 % and 0.5 Mbit/s it is the server's own number.
        ("upload", 10.0, "server-observed"),
        ("upload", 11.0, "server-observed"),
        ("upload", 11.1, "corroborated"),
        ("upload", 12.8, "contradicted"),
        ("upload", 95.0, "contradicted"),
        # 40 ms were TCP's shortest: 27 ms are 0.8 of that less 5 ms, 65 ms 1.5 of that and 5 ms more.
        ("rtt", 41.0, "corroborated"),
        ("rtt", 65.0, "corroborated"),
        ("rtt", 66.0, "self-reported"),
        ("rtt", 900.0, "self-reported"),
        ("rtt", 27.0, "corroborated"),
        ("rtt", 26.8, "contradicted"),
        ("rtt_p95", 12.0, "contradicted"),
        ("rtt_p95", 80.0, "self-reported"),
        # 10 of 1000 packets never came.
        ("loss", 1.5, "self-reported"),
        ("loss", 1.0, "self-reported"),
        ("loss", 0.9, "self-reported"),
        ("loss", 0.8, "contradicted"),
        ("loss", 0.0, "contradicted"),
        ("udp", True, "corroborated"),
        ("udp", False, "self-reported"),
        ("region", "US-TX", "server-observed"),
        ("region", "US-CA", "contradicted"),
        # Jitter is the agent's own.
        ("jitter", 0.0, "self-reported"),
    ],
)
def test_a_value_is_held_against_what_the_server_saw(name: str, value: Value, expected: str) -> None:
    assert standing(name, value) == expected


@pytest.mark.parametrize(
    ("value", "packets", "expected"),
    [
        (1.0, 1000, "server-observed"),
        (1.1, 1000, "server-observed"),  # one packet more or less
        (1.2, 1000, "contradicted"),
        (0.0, 1000, "contradicted"),
        # 1100 sent: the last 100 never came either, 110 of 1100.
        (10.0, 1100, "server-observed"),
        (1.0, 1100, "contradicted"),
        # Fewer than the highest that came: no count of packets sent; more than was missed may have been lost.
        (1.0, 500, "self-reported"),
        (0.0, 500, "contradicted"),
    ],
)
def test_the_loss_on_the_way_up_is_the_servers_own_count(value: float, packets: int, expected: str) -> None:
    assert standing("loss_up", value, packets=packets) == expected


def test_a_better_score_than_delay_and_loss_allow_is_contradicted() -> None:
    # G.107 with 1 % of random loss (G.711 with PLC: Ie,eff = 95 x 1 / (1 + 25.1) = 3.64) and no less than
    # 13.5 + 60 + 20 ms of delay: R is 93.2 - 3.6 - about 2.3 at most.
    assert standing("r", 86.0) == "self-reported"
    assert standing("r", 93.0) == "contradicted"
    assert standing("mos", 4.2) == "self-reported"
    assert standing("mos", 4.45) == "contradicted"


def test_a_lower_bound_is_contradicted_from_above_alone() -> None:
    assert standing("download", 30.0, bound="at_least") == "corroborated"
    assert standing("download", 70.0, bound="at_least") == "contradicted"


def test_what_the_server_could_not_see_contradicts_nothing() -> None:
    blind = replace(SEEN, download=Transfer(), upload=Transfer(), udp=(), region=None)
    for name, value in (("download", 900.0), ("upload", 900.0), ("rtt", 0.1), ("loss", 0.0), ("loss_up", 0.0)):
        assert standing(name, value, blind) == "self-reported"
    assert standing("mos", 4.4, blind) == "self-reported"
    assert standing("region", "US-TX", blind) == "self-reported"
    assert standing("region", "US-TX", replace(SEEN, region=Region())) == "self-reported"


def test_a_call_of_which_no_packet_came_did_not_work() -> None:
    assert standing("udp", True, replace(SEEN, udp=())) == "contradicted"
    assert standing("udp", True, replace(SEEN, udp=(Flow(0),))) == "contradicted"
    assert standing("udp", True, replace(SEEN, udp=(Flow(1, 1, 1, map=b"\x80"),))) == "contradicted"
    assert standing("udp", True, replace(SEEN, udp=(Flow(0, 1, 0, map=b"\x80"),))) == "contradicted"


def test_packets_that_found_no_room_at_the_server_are_not_held_against_the_agent() -> None:
    crowded = replace(SEEN, overflowed=10)
    assert standing("loss", 0.0, crowded) == standing("loss_up", 0.0, crowded, packets=1000) == "self-reported"
    assert standing("mos", 4.35, crowded) == "self-reported"


def test_a_second_attempt_that_agrees_counts() -> None:
    broken = replace(SEEN, download=replace(SEEN.download, rate_mbit_s=3.0))
    assert standing("download", 51.0, broken) == "contradicted"
    assert standing("download", 51.0, broken, SEEN) == standing("download", 51.0, SEEN, broken) == "corroborated"


def test_a_session_that_saw_nothing_of_it_does_not_hide_a_contradiction() -> None:
    blind = replace(SEEN, download=Transfer())
    assert standing("download", 500.0, SEEN, blind) == standing("download", 500.0, blind, SEEN) == "contradicted"


def test_the_words_name_what_was_seen() -> None:
    quantity = Quantity("network.download", "Mbit/s", "by hand", Kind.NUMBER)
    found = compared([Measurement(quantity, 500.0, 1.0)], [SEEN])
    assert found["network.download"].saw == "the measuring server counted 50 Mbit/s"


def test_a_failed_measurement_and_one_of_another_kind_have_no_standing() -> None:
    assert compared([], [SEEN]) == {}
    quantity = Quantity("headset.snr", "dB", "by hand", Kind.NUMBER)
    assert compared([Measurement(quantity, 20.0, 1.0)], [SEEN]) == {}


def transfers() -> st.SearchStrategy[Transfer]:
    rates = st.none() | st.floats(0, 1e5)
    return st.builds(Transfer, rate_mbit_s=rates, uncertainty_mbit_s=rates, rtt_ms=rates)


def flows() -> st.SearchStrategy[tuple[Flow, ...]]:
    maps = st.binary(max_size=20).map(lambda packed: packed.rstrip(b"\0"))
    return maps.map(lambda packed: (Flow(0, sum(map(int.bit_count, packed)), 1, map=packed),))


@given(
    st.sampled_from(sorted(COMPARISONS)),
    st.floats(0, 1e6) | st.booleans() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    st.builds(
        lambda down, up, udp: replace(SEEN, download=down, upload=up, udp=udp), transfers(), transfers(), flows()
    ),
)
def test_whatever_both_sides_say_there_is_one_of_four_answers(
    name: str, value: Value, seen: SessionObservation
) -> None:
    assert standing(name.removeprefix("network."), value, seen) in TRUST


def values(name: str) -> Iterator[float]:
    yield from (step / 4 for step in range(400)) if name in ("download", "upload") else ()


@pytest.mark.parametrize("name", ["download", "upload"])
def test_beyond_a_number_that_is_too_good_every_better_one_is_too(name: str) -> None:
    too_good = [standing(name, value) == "contradicted" for value in values(name) if value > 12]
    assert too_good[-1]
    first = too_good.index(True) if name == "upload" else len(too_good) - too_good[::-1].index(False)
    assert all(too_good[first:])
