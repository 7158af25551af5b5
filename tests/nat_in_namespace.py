"""Run the NAT probe against the address given, in whatever namespace this process lives, and print JSON.

With the word `softphone` behind the address, somebody else has the port of SIP.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.measurement import CheckSetup
from probes.nat import Nat

softphone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if "softphone" in sys.argv:
    softphone.bind(("0.0.0.0", 5060))

json.dump(
    {
        one.quantity.name: {
            "value": one.value,
            "code": one.failure and one.failure.code,
            "at_fault": one.failure and one.failure.at_fault,
            "details": one.details,
        }
        for one in Nat.for_check(CheckSetup(responder_url=sys.argv[1])).run()
    },
    sys.stdout,
)
softphone.close()
