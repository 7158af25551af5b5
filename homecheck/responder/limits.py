"""What one session may cost the responder."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """Caps per session, except where the name says otherwise. An agent reads them from the well-known document."""

    sessions: int = 200  # at the same time, from everywhere
    sessions_per_source: int = 32  # at the same time, from one address: an office behind one router
    session_seconds: float = 240.0  # from opening to the end, whatever happens
    idle_seconds: float = 30.0  # without a stream or a packet
    streams: int = 16  # at the same time
    stream_seconds: float = 20.0
    bytes: int = 4_000_000_000  # each way
    packets: int = 16_000  # of one UDP flow
    flows: int = 4  # of UDP
    answers: int = 200  # of the STUN server and the SIP mirror together
    ndt7_tests: int = 4  # of ndt7 at the same time, from everywhere: they need no token
    ndt7_tests_per_source: int = 2  # at the same time, from one address
    ndt7_seconds: float = 10.0  # of one such test; 3 s later its connection is cut off
    ndt7_bytes: int = 2_000_000_000  # of one such test
    head_seconds: float = 10.0  # that a connection may take until its request is complete

    def to_json(self) -> dict[str, float]:
        """Return the limits by name."""
        return asdict(self)
