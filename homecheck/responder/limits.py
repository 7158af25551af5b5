"""What one session may cost the responder."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """Caps per session, except where the name says otherwise. An agent reads them from the well-known document."""

    sessions: int = 200  # at the same time, from everywhere
    sessions_per_source: int = 16  # at the same time, from one address
    session_seconds: float = 240.0  # from opening to the end, whatever happens
    idle_seconds: float = 30.0  # without a stream or a packet
    streams: int = 16  # at the same time
    stream_seconds: float = 20.0
    bytes: int = 4_000_000_000  # each way
    packets: int = 16_000  # of one UDP flow
    flows: int = 4  # of UDP
    head_seconds: float = 10.0  # that a connection may take until its request is complete

    def to_json(self) -> dict[str, float]:
        """Return the limits by name."""
        return asdict(self)
