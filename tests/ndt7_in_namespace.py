"""One end of an ndt7 test, in whatever namespace this runs: ``serve HOST CERT KEY SECONDS`` or ``measure URL``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments.second_opinion import Reading, SecondOpinion
from homecheck.keys import SoftwareKey
from homecheck.responder.limits import Limits
from homecheck.responder.serve import ServeSettings, serve


def far_end(host: str, certificate: str, key: str, seconds: str) -> None:
    tls = Path(certificate), Path(key)
    limits = Limits(ndt7_seconds=float(seconds))
    settings = ServeSettings(host, 0, None, tls, SoftwareKey.generate(), limits, ndt7=True)
    asyncio.run(serve(settings, lambda listening: print(listening.url, flush=True)))


def near_end(url: str) -> None:
    opinion = SecondOpinion("ndt7", url).measure()
    found = {}
    for name, one in (("download", opinion.download), ("upload", opinion.upload)):
        assert isinstance(one, Reading), one
        found[name] = {"value": one.mbit_s, "uncertainty": one.uncertainty, "details": one.details}
    json.dump(found, sys.stdout)


if sys.argv[1] == "serve":
    far_end(*sys.argv[2:])
else:
    near_end(sys.argv[2])
