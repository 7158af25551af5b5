"""Message sizes by the appendix of the specification, and reports as its reference server sends them."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given

from homecheck.errors import Refused
from homecheck.standards.ndt7 import Report, next_size, read_report
from tests.strangers import strange, thoroughly

SPECIFICATION = {
    "AppInfo": {"ElapsedTime": 1234, "NumBytes": 1235},
    "ConnectionInfo": {"Client": "1.2.3.4:5678", "Server": "[::1]:2345", "UUID": "<platform-specific-string>"},
    "Origin": "server",
    "Test": "download",
    "TCPInfo": {"BytesAcked": 1, "BytesReceived": 1236, "ElapsedTime": 1237, "MinRTT": 1238, "RTT": 2, "BusyTime": 3},
}


def test_messages_double_when_they_are_a_sixteenth_of_what_was_sent() -> None:
    sizes, size, total = [], 1 << 13, 0
    for _ in range(60):
        sizes.append(size)
        total += size
        size = next_size(size, total)
    # By hand: the 17th message makes more than 16 times 8 KiB.
    assert sizes[:17] == [8192] * 17
    assert sizes[17] == 16384
    assert sizes == sorted(sizes)
    assert next_size(1 << 20, 10**12) == 1 << 20


def test_the_kernels_count_is_read_before_the_applications() -> None:
    assert read_report(json.dumps(SPECIFICATION).encode()) == Report(1237e-6, 1236, 1235, 1.238)


def test_the_applications_count_stands_in_where_the_kernel_tells_nothing() -> None:
    alone = {"AppInfo": SPECIFICATION["AppInfo"], "BBRInfo": {"MaxBandwidth": 7}, "TCPInfo": None}
    assert read_report(json.dumps(alone).encode()) == Report(1234e-6, counted=1235)


def test_a_round_trip_that_the_kernel_has_not_seen_is_none() -> None:
    report = read_report(b'{"TCPInfo": {"ElapsedTime": 1, "BytesReceived": 2, "MinRTT": 4294967295}}')
    assert report == Report(1e-6, 2)


def test_a_message_without_counters_says_nothing() -> None:
    assert read_report(b'{"ConnectionInfo": {"Client": "a"}, "TCPInfo": {"RTT": 3}}') is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"AppInfo": 3}',
        b'{"AppInfo": {"ElapsedTime": -1, "NumBytes": 2}}',
        b'{"AppInfo": {"ElapsedTime": "1", "NumBytes": 2}}',
        b'{"TCPInfo": {"ElapsedTime": 1e300, "BytesReceived": 2}}',
        b'{"TCPInfo": {"ElapsedTime": 9000000000000, "BytesReceived": 2}}',
        b'{"TCPInfo": {"ElapsedTime": 1, "BytesReceived": NaN}}',
    ],
)
def test_anything_else_is_no_measurement(text: bytes) -> None:
    with pytest.raises(Refused):
        read_report(text)


@thoroughly
@given(strange(json.dumps(SPECIFICATION).encode()))
def test_any_text_is_a_measurement_or_refused(text: bytes) -> None:
    with suppress(Refused):
        report = read_report(text)
        assert report is None or 0 <= report.seconds <= 3600
