"""What people are told where nothing can be measured against: by each probe that needs a responder."""

from __future__ import annotations

import pytest

from homecheck.agent import run_probe
from homecheck.measurement import CheckSetup
from probes.nat import Nat
from probes.network import Network
from probes.path import Path

ALONE = CheckSetup()
ENROLLED = CheckSetup(collector_url="http://127.0.0.1:9")  # where nobody listens


@pytest.mark.parametrize(
    ("setup", "advice"),
    [
        (ALONE, "Enrol with a company's invitation first: this is measured against its server."),
        (ENROLLED, "Nothing is wrong on your side. Tell the company that it names no measuring server."),
    ],
)
@pytest.mark.parametrize(
    ("probe", "name"), [(Path, "network.gateway_rtt"), (Nat, "network.nat"), (Network, "network.udp")]
)
def test_who_is_enrolled_already_is_not_told_to_enrol(
    setup: CheckSetup, advice: str, probe: type[Path | Nat | Network], name: str
) -> None:
    run, _ = run_probe(probe.for_check(setup))
    failure = next(found.failure for found in run.measurements if found.quantity.name == name)
    assert failure is not None
    assert (failure.code, failure.advice) == ("no_responder", advice)
