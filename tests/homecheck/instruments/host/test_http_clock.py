"""The clock against a server's Date: true within the stated half width, over a real connection too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import Reply
from homecheck.instruments.host.http_clock import asking, clock_offset

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@given(
    wrong=st.floats(-86_400, 86_400),
    there=st.floats(0, 2),
    back=st.floats(0, 2),
    fraction=st.floats(0, 0.999),
    stale=st.sampled_from([0, 1]),
)
def test_the_true_offset_lies_within_the_half_width(
    wrong: float, there: float, back: float, fraction: float, stale: int
) -> None:
    """A server at `NOON + fraction` writes whole seconds, at most one second old; paths need not be equal."""
    answered = NOON + timedelta(seconds=fraction)
    own = iter((answered + timedelta(seconds=wrong - there), answered + timedelta(seconds=wrong + back)))
    date = (answered - timedelta(seconds=stale)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    offset, half_width, round_trip = clock_offset(lambda: Reply(200, {"date": date}, b""), lambda: next(own))
    assert abs(offset - wrong) <= half_width + 1e-5
    assert round_trip == pytest.approx(there + back, abs=1e-5)


YEAR_OF_20_DIGITS = f"Mon, 23 Nov {10**19} 12:00:00 GMT"
ZONE_OF_20_DIGITS = f"Mon, 23 Nov 2026 12:00:00 +{10**19}"


@pytest.mark.parametrize(
    "headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": YEAR_OF_20_DIGITS}, {"date": ZONE_OF_20_DIGITS}]
)
def test_an_answer_without_a_date_is_the_servers_fault(headers: dict[str, str]) -> None:
    with pytest.raises(ProbeError) as failed:
        clock_offset(lambda: Reply(200, headers, b""), lambda: NOON)
    assert (failed.value.code, failed.value.at_fault) == ("no_date", "server")


def test_this_machine_agrees_with_a_server_on_itself() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)  # with the Date of this machine
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        ask = asking(f"http://127.0.0.1:{server.server_port}")
        offset, half_width, _ = clock_offset(ask, lambda: datetime.now(UTC))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert abs(offset) <= half_width
