"""One call on the idle line, in whatever namespace this process lives: ``URL SECONDS``; prints both ends' counts."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments import far_end
from homecheck.instruments.call import Call
from homecheck.instruments.network_run import IDLE_FLOW, round_trips
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.voice_path import VoiceFlow
from homecheck.standards.order_statistics import quantile

session = ResponderSession.open(far_end.find(sys.argv[1]), (), None)
flow = VoiceFlow(session.far_end, session.udp, IDLE_FLOW)
flow.start()
time.sleep(float(sys.argv[2]))
log = flow.stop()
_, observation = session.finish()
seen = observation.udp[0]
call = Call.of(log.packets, seen.arrived(len(log.packets)))
json.dump(
    {
        "sent": len(log.packets),
        "rtt_ms": quantile(round_trips(log.packets), 0.5).value,
        "lost_up": call.up.losses.lost,
        "lost_down": call.down.losses.lost,
        "bursts_down": call.down.losses.bursts,
        "jitter_up_ms": call.up.jitter,
        "jitter_down_ms": call.down.jitter,
        "copies_up": seen.duplicates,
        "copies_down": log.duplicates,
        "overtaken_up": seen.reordered,
        "overtaken_down": log.reordered,
    },
    sys.stdout,
)
