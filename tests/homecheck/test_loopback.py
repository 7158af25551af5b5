"""Where a server may do without TLS: on this computer alone."""

from __future__ import annotations

import pytest

from homecheck.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("example.com", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_only_loopback_is_this_computer_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
