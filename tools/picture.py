"""Makes docs/images/result.svg: a real check of this machine, with a virtual sound card, as the terminal shows it.

DISPLAY=:99 .venv/bin/python tools/picture.py        needs PulseAudio; a screen (Xvfb will do) to measure one
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from homecheck.appraisal import appraise
from homecheck.cli.local_servers import LocalServers
from homecheck.evidence import Evidence
from homecheck.keys import read_key_file
from homecheck.policy import load_policy
from homecheck.report.text import result_text
from homecheck.signing import EVIDENCE, digest, verify
from tests.soundcard import SoundCard

IMAGE = Path(__file__).parents[1] / "docs" / "images" / "result.svg"
POLICY = "voice-standard"


def room(rate: int) -> NDArray[np.float32]:
    """Return a second of a quiet room's steady noise, about -62 dBFS."""
    noise: NDArray[np.float32] = np.random.default_rng(1).normal(0, 0.0008, rate).astype(np.float32)
    return noise


def checked(folder: Path) -> Path:
    """Make a check of this machine and return the saved evidence."""
    saved, answers = folder / "evidence.jws", folder / "answers.json"
    questions = load_policy(POLICY).declarations
    answers.write_text(json.dumps({question.id: True for question in questions}), encoding="utf-8")
    servers = LocalServers(folder)
    try:
        servers.start()
        command = [sys.executable, "-m", "homecheck", "check", "--unattended", "--policy", POLICY, "--answers"]
        command += [str(answers), "--responder", servers.responder_url, "--save", str(saved)]
        with SoundCard.plugged_in() as card, card.playing_into("wired", room(48000), 48000):
            environment = {**os.environ, **card.environment, "HOMECHECK_HOME": str(folder / "home")}
            subprocess.run(command, env=environment, check=False, timeout=120)
    finally:
        servers.stop()
    return saved


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        envelope = checked(Path(name)).read_bytes()
        key = read_key_file(Path(name) / "home" / "keys" / "device.jwk").public
    evidence = Evidence.from_bytes(verify(envelope, EVIDENCE, {key.kid: key}.get))
    policy = load_policy(POLICY)
    console = Console(record=True, width=96, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    console.print("$ homecheck check", style="bold")
    console.print(result_text(appraise(evidence, policy, digest(envelope)), policy.title))
    IMAGE.parent.mkdir(exist_ok=True)
    # Without the fonts that rich would fetch from elsewhere: the reader's own monospace does.
    image = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="homecheck"), flags=re.DOTALL)
    IMAGE.write_text(image, encoding="utf-8")
