"""Run the network probe against the address given, in whatever namespace this process lives, and print JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.measurement import CheckSetup, Measurement
from probes.network import Network

probe = replace(Network.for_check(CheckSetup(responder_url=sys.argv[1])), voice_seconds=2.0)
found = [measurement for measurement in probe.run() if isinstance(measurement, Measurement)]
json.dump(
    {
        one.quantity.name: {
            "value": one.value,
            "uncertainty": one.uncertainty,
            "failure": one.failure and one.failure.message,
            "details": one.details,
        }
        for one in found
    },
    sys.stdout,
)
