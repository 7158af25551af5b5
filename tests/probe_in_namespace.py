"""Run a probe in whatever namespace this process lives, and print what it measured as JSON.

Arguments: network or path, and a JSON object of CheckSetup's members.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.errors import ProbeError
from homecheck.evidence import measurement_members
from homecheck.instruments.tcp_load import LoadRule
from homecheck.measurement import CheckSetup, Measurement, Probe
from probes.network import Network
from probes.path import Path as PathProbe


def probe_of(name: str, setup: CheckSetup) -> Probe:
    if name == "path":
        return PathProbe.for_check(setup)
    load = LoadRule(least_seconds=3.0, most_seconds=3.0)
    return replace(Network.for_check(setup), voice_seconds=3.0, load=load)


began = time.monotonic()
probe = probe_of(sys.argv[1], CheckSetup(**json.loads(sys.argv[2])))
measured: list[Measurement] = []
try:
    measured.extend(one for one in probe.run() if isinstance(one, Measurement))
except ProbeError as error:  # of all that is still owed, as the agent does it
    known = {one.quantity for one in measured}
    measured += [Measurement.failed(quantity, error) for quantity in probe.quantities if quantity not in known]
found = {one.quantity.name: measurement_members(one) for one in measured}
json.dump({"seconds": time.monotonic() - began, "measurements": found}, sys.stdout)
