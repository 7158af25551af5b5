"""Find and watch the routers towards the address given, in whatever namespace this process lives; print them as JSON.

Arguments: address, seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.hop_watch import family_of, find_posts, watching

address = sys.argv[1]
began = time.monotonic()
posts = find_posts(FarEnd("http", address, 9, "", family_of(address), address))
found_seconds = time.monotonic() - began
cpu = time.process_time()
with watching(posts) as watch:
    time.sleep(float(sys.argv[2]))
json.dump(
    {
        "find_seconds": found_seconds,
        "cpu_share": (time.process_time() - cpu) / float(sys.argv[2]),
        "routers": [(hop.distance, hop.address) for hop in posts.path.routers],
        "far_end": posts.path.far_end and posts.path.far_end.distance,
        "ends_at_ours": posts.ends_at_ours,
        "posts": {place: (post.address, post.told_by) for place, post in posts.by_place.items()},
        "rtts_ms": {place: [one.rtt_ms for one in samples] for place, samples in watch.log.samples.items()},
    },
    sys.stdout,
)
