"""Look for far ends from whatever namespace this process lives in; print what came of each as JSON.

Arguments: their addresses.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.errors import ProbeError
from homecheck.instruments import far_end
from homecheck.instruments.lost_way import explained
from probes.path import addresses_of, traced_family


def outcome(url: str) -> dict[str, str]:
    traced = far_end.FAMILIES[traced_family(addresses_of(url))]
    try:
        with explained(url):
            return {"found": far_end.find(url).address, "traced": traced}
    except ProbeError as error:
        return {"code": error.code, "at_fault": error.at_fault, "message": error.message, "traced": traced}


json.dump([outcome(url) for url in sys.argv[1:]], sys.stdout)
