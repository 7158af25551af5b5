"""Run the network probe in whatever namespace this process lives, and print JSON: ``URL [SECONDS of idle call]``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.corroboration import compared
from homecheck.measurement import CheckSetup, Measurement, Observation
from homecheck.observation import SessionObservation
from homecheck.signing import Verified, decode_base64url
from probes.network import Network

probe = replace(
    Network.for_check(CheckSetup(responder_url=sys.argv[1])), voice_seconds=float(sys.argv[2]) if sys.argv[2:] else 2.0
)
found: list[Measurement] = []
seen: list[SessionObservation] = []
for one in probe.run():
    if isinstance(one, Observation):
        payload = decode_base64url(one.envelope.split(".")[1])
        seen.append(SessionObservation.from_bytes(Verified(payload)))  # its signature is the probe's business
    else:
        found.append(one)
standings = compared(found, seen)
json.dump(
    {
        one.quantity.name: {
            "value": one.value,
            "uncertainty": one.uncertainty,
            "failure": one.failure and one.failure.message,
            "details": one.details,
            "trust": standings[one.quantity.name].trust if one.quantity.name in standings else "self-reported",
        }
        for one in found
    },
    sys.stdout,
)
