"""Run a short call, with or without an upload, in whatever namespace this process lives; print where things arise.

Arguments: the responder's address, and "idle" or "upload".
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.errors import ProbeError
from homecheck.instruments import tcp_load
from homecheck.instruments.far_end import find
from homecheck.instruments.hop_watch import find_posts, watching
from homecheck.instruments.network_causes import causes_of
from homecheck.instruments.network_run import (
    UPLOAD_FLOW,
    Beside,
    LoadedCall,
    NetworkRun,
    Plan,
    idle_call,
    round_trips,
)
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.responsiveness import ProbeLog
from homecheck.instruments.tcp_load import LoadRule

far_end = find(sys.argv[1])
posts = find_posts(far_end)
session = ResponderSession.open(far_end, (), None)
loads = sys.argv[2] == "upload"
rule = LoadRule(least_seconds=3.0, most_seconds=3.0)
upload: LoadedCall | ProbeError = ProbeError("skipped", "")
with watching(posts) as watch:
    plan = Plan(2.0 if loads else 8.0, rule)  # few answers of a router make its variation uncertain
    idle = idle_call(session, plan)
    if loads:
        beside = Beside(session, plan, round_trips(idle.packets), udp=True)
        upload = beside.load(UPLOAD_FLOW, partial(tcp_load.upload, far_end, session.token, rule))
envelope, seen = session.finish()
run = NetworkRun(session, idle, ProbeLog(), ProbeError("skipped", ""), upload, envelope, seen)
found = causes_of(run, watch.log)
json.dump({name: cause and vars(cause) for name, cause in vars(found).items()}, sys.stdout)
