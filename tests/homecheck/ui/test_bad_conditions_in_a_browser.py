"""The whole guide in a real browser and in Swedish, in a bad home: a narrow line, a noisy room, a headset pulled out.

The home is one of network namespaces (`tests/routed_home.py`): the guide, the browser, the collector and everything
that probes start live at its computer, the measuring server lives behind the provider's narrow line.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homecheck import remedy
from homecheck.cli.local_servers import LocalServers
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.instruments.tcp_load import LoadRule
from homecheck.locale import translator
from homecheck.measurement import CheckSetup, Probe
from homecheck.signing import decode_base64url
from probes.headset import READ_ALOUD
from probes.network import Network
from tests.accessibility import complaints
from tests.far_ends import responder_process, write_certificate
from tests.guide import BEEPS, Guided, guided, quick
from tests.guide_browser import DESK, agree, focused_on, measured, picture, visiting
from tests.homecheck.instruments.audio.analysis.sounds import pink
from tests.needs import need_program
from tests.ports import free_port
from tests.routed_home import PROVIDER, ROUTER, SERVER, routed_home
from tests.soundcard import SoundCard

# One long way, whose sound and calls take their time: four times as long on a machine with twenty others at work.
pytestmark = [pytest.mark.browser, pytest.mark.audio, pytest.mark.namespaces, pytest.mark.timeout(600)]

RATE = 48_000
NARROW_MBIT_S = 3.0
MENDED_MBIT_S = 30.0  # not without a limit: a busy computer could not fill it
HEADSET = "Plantronics Blackwire 3225 Series"
POLICY = """
name = "strict"
version = "1"
title = "Kundtjänst"

[[requirement]]
quantity = "host.memory"
at_least = 0.5

[[requirement]]
quantity = "network.download"
at_least = 8
reason = "Calls, screen sharing and updates share the line."

[[requirement]]
quantity = "headset.transport"
one_of = ["wired"]

[[requirement]]
quantity = "headset.speech_level"
at_least = -35

[[requirement]]
quantity = "room.noise"
at_most = -70
reason = "Customers hear voices, barking and doors in the background before anything else."

[[declaration]]
id = "door"
question.en = "Does the room have a door that stays closed?"
question.sv = "Har rummet en dörr som hålls stängd?"
must_be = true
"""


def patient(setup: CheckSetup) -> list[Probe]:
    """Return quick probes whose loads last long enough for a slow line to reach its speed."""
    long_enough = LoadRule(2.5, 3.0, 4.0, most_bytes=20_000_000)
    return [replace(one, load=long_enough) if isinstance(one, Network) else one for one in quick(setup)]


@dataclass
class Watch:
    """Every packet that leaves the computer of the home: whom it goes to."""

    destinations: set[str] = field(default_factory=set)
    ended: bool = False

    def listen(self, tap: socket.socket) -> None:
        """Note destinations until it ends."""
        tap.settimeout(0.2)
        while not self.ended:
            try:
                frame, (_, _, kind, *_) = tap.recvfrom(65_536)
            except TimeoutError:
                continue
            (protocol,) = struct.unpack("!H", frame[12:14])
            if kind == socket.PACKET_OUTGOING and protocol == 0x0800:
                self.destinations.add(socket.inet_ntoa(frame[30:34]))
            elif kind == socket.PACKET_OUTGOING and protocol == 0x86DD:
                self.destinations.add(str(ipaddress.IPv6Address(frame[38:54])))

    def outside(self) -> set[str]:
        """Return the destinations but those by which the kernel finds its neighbours."""
        return {one for one in self.destinations if not one.startswith(("ff02:", "fe80:"))}


@contextmanager
def watched(device: str) -> Iterator[Watch]:
    watch = Watch()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:  # ETH_P_ALL: what leaves, too
        tap.bind((device, 0))
        thread = threading.Thread(target=watch.listen, args=(tap,))
        thread.start()
        try:
            yield watch
        finally:
            watch.ended = True
            thread.join()


@contextmanager
def company(folder: Path, responder: str) -> Iterator[str]:
    """Run a collector that sends people to this measuring server; yields an invitation's address."""
    servers = LocalServers(folder, name="Kundbolaget")
    folder.mkdir()
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    servers.url = f"http://127.0.0.1:{free_port()}"
    try:
        servers.collector("init", "--url", servers.url, "--name", servers.name)
        servers.collector("responder", "add", responder)
        servers.serve_collector()
        yield servers.invite("support", str(folder / "policy.toml"), "Åsa")
    finally:
        servers.stop()


def browser_at(home: str, chromium: Any, folder: Path) -> Any:
    """Start a browser that lives at the computer of the home, by the same Playwright."""
    program = folder / "chromium"
    real = need_program("chromium", package="chromium")
    program.write_text(f'#!/bin/sh\nexec ip netns exec {home}_client {real} "$@"\n')
    program.chmod(0o755)
    return chromium.browser_type.launch(
        executable_path=str(program),
        # No names, so that every question for one is ours.
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ],
    )


def answer_headset(page: Any, card: SoundCard, speech: Any) -> None:
    """Go through what the headset asks: be silent, read aloud, count beeps, listen to tones."""
    say = translator("sv")
    page.wait_for_selector('[data-prompt="1"]')
    page.keyboard.press("Enter")
    page.wait_for_function("text => document.querySelector('#panel').innerText.includes(text)", arg=say.say(READ_ALOUD))
    with card.playing_into("wired", speech, RATE):
        page.wait_for_function("() => document.querySelector('#level').value > 40")  # it is heard
        focused_on(page, 2)
    page.keyboard.press("Enter")
    focused_on(page, 3)
    page.keyboard.type(str(BEEPS))
    page.keyboard.press("Enter")
    for number in (4, 5):
        focused_on(page, number)
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-running=no] main a.button")


def lose_the_headset(page: Any, card: SoundCard) -> str:
    """Pull the headset out while it records, and return what the page then says."""
    page.click("[formaction='/measure/headset']")
    page.wait_for_selector('[data-prompt="1"]')
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#level').value > 0")
    card.unplug("wired")
    page.wait_for_selector("body[data-running=no] main table")
    return str(page.inner_text("main"))


def level_shown(page: Any, step: str = "", guide: Guided | None = None) -> str:
    """Return the line with the level of the voice on this page, or on that of a step."""
    if guide is not None:
        page.goto(f"{guide.url}/step/{step}")
    (line,) = [line for line in page.inner_text("main").splitlines() if line.startswith("Talnivå\t")]
    assert "dBFS" in line
    return str(line)


def test_a_candidate_in_a_bad_home_is_led_in_swedish_to_what_to_change_and_passes_when_it_is_changed(
    chromium: Any, sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real probes, a real collector and responder; the person reads when asked to and counts the beeps."""
    say = translator("sv")
    certificate, key = write_certificate(tmp_path / "tls", SERVER)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    sound_card.couple("wired", -20)
    t = np.arange(2 * RATE)
    speech = np.where(t < RATE, 0.05 * np.sin(2 * np.pi * 440 * t / RATE), 0)
    with ExitStack() as stack:
        # 1. The home, with a line that is too narrow, and a room that is too loud.
        line = stack.enter_context(routed_home())
        line.let_routers_answer_always()
        line.narrow("line", rate_mbit_s=NARROW_MBIT_S, queue_ms=150)
        responder = stack.enter_context(responder_process(tmp_path / "far", *tls, prefix=line.at("server")))
        browser = browser_at(line.name, chromium, tmp_path)
        stack.callback(browser.close)
        stack.enter_context(line.entered("client"))
        address = stack.enter_context(company(tmp_path / "company", responder.url))
        home, http = Home.at(tmp_path / "home"), new_session()
        redeem(read_invitation(address, http), home, http, utc_now())
        noise = ExitStack()
        stack.enter_context(noise)
        noise.enter_context(sound_card.playing_into("wired", pink(RATE, 2, -60), RATE))
        guide = stack.enter_context(guided(home, patient))
        watch = stack.enter_context(watched("home0"))
        visit = stack.enter_context(visiting(browser))
        # 2. Who asks, and what was agreed to: until then nothing leaves the computer.
        page = visit(guide, locale="sv-SE", viewport=DESK)
        assert page.get_attribute("html", "lang") == "sv"
        assert "Kundbolaget" in page.inner_text("main")
        assert watch.outside() == set()
        agree(page)
        # 3. Every part once. The headset falls out the first time.
        measured(page, "computer")
        page.click("main a.button")
        page.click("main form[action='/measure/connection'] button")
        page.wait_for_selector("#graph polyline.idle")  # the live graph, while it is measured
        picture(page, "sv-connection-live")
        page.wait_for_selector("body[data-running=no] main a.button")
        picture(page, "sv-connection-done")
        page.click("main a.button")
        page.check(f"input[value='{HEADSET}']")
        lost = lose_the_headset(page, sound_card)
        picture(page, "sv-headset-lost")
        assert complaints(page) == []
        assert "dBFS" not in lost, "no level of a headset that is gone"
        assert "kopplades ur medan den användes; ljudsystemet flyttade inspelningen till en annan enhet" in lost
        assert "Sätt i den ordentligt, rör inte sladden" in lost
        assert f"{HEADSET} (inte inkopplat just nu)" in lost
        sound_card.plug("wired")
        sound_card.couple("wired", -20)
        page.click("[formaction='/measure/headset']")  # it is chosen still
        answer_headset(page, sound_card, speech)
        level = level_shown(page)
        # Pulled out once more: nothing is measured in its place, and what was measured stays.
        sound_card.unplug("wired")
        page.click("[formaction='/measure/headset']")
        page.wait_for_selector("body[data-running=no] main table")
        again = page.inner_text("main")
        picture(page, "sv-headset-missed")
        assert "Uppmätt 3 gånger" in again
        assert "Senaste gången kunde något inte mätas, så det som uppmättes tidigare gäller" in again
        assert f"Hur headsetet är anslutet, Talnivå: inte uppmätt: det finns ingen mikrofon '{HEADSET}'" in again
        assert level_shown(page) == level
        assert "med sladd" in page.inner_text("main")
        sound_card.plug("wired")
        sound_card.couple("wired", -20)
        page.click("main a.button")
        measured(page, "room")
        page.click("main a.button")
        assert "Har rummet en dörr som hålls stängd?" in page.inner_text("main")
        page.check("input[value=yes]")
        page.click("main form button")
        # 4. What would make them pass, and whose doing it is.
        result = page.inner_text("main")
        picture(page, "sv-result-bad")
        assert complaints(page) == []
        if "Nedladdningshastighet: kunde inte kontrolleras" in result:
            # In one of eight runs on a busy machine, and not understood: whatever it is, the page calls it ours, and
            # who does what it says, once, comes through. The cause is in what pytest captured.
            print([one.failure for judged in guide.served.sitting.judged() for one in judged.evidence.measurements()])
            assert "felet låg hos oss, och det räknas inte mot dig. Mät igen" in result
            page.click("form[action='/measure/connection'] button")
            page.wait_for_selector("body[data-running=no] main a.button")
            page.goto(f"{guide.url}/step/result")
            result = page.inner_text("main")
        assert "Nedladdningshastighet: inte godkänt" in result, result
        assert say(remedy.PROVIDER) in result
        assert "minst 8 Mbit/s krävs" in result
        assert "Var det ligger: internetlinjen: vägen till din egen router" in result
        assert "Buller i rummet: inte godkänt" in result
        assert "Gå till ett tystare rum" in result or "Stäng dörrar" in result
        assert "högst -70 dBFS(A) krävs" in result
        assert "Kunderna hör röster, skall och dörrar" in result
        assert "Talnivå: inte godkänt" not in result
        # 5. The line is mended, and the room is quiet: each part is done again, alone, by its own button.
        line.widen("line")
        line.narrow("line", MENDED_MBIT_S, queue_ms=50)
        page.click("form[action='/measure/connection'] button")
        page.wait_for_selector("body[data-running=no] main a.button")
        noise.close()
        stack.enter_context(sound_card.playing_into("wired", pink(RATE, 2, -90), RATE))
        page.goto(f"{guide.url}/step/result")
        page.click("form[action='/measure/room'] button")
        page.wait_for_selector("body[data-running=no] main a.button")
        page.goto(f"{guide.url}/step/result")
        result = page.inner_text("main")
        picture(page, "sv-result-good")
        assert page.locator(".changes").count() == 0, result
        assert level_shown(page, "headset", guide) == level, "the parts that were good were left alone"
        # 6. What is shown is sent, byte for byte.
        page.goto(f"{guide.url}/step/preview")
        page.click("summary:text('Byte för byte')")
        shown = page.inner_text("pre.envelope")
        page.click("button.large")
        page.wait_for_selector(".note.good")
        done = page.inner_text("main")
        assert "Kundbolaget: Mottaget" in done
        assert "Det här är företagets egen bedömning." in done
        (receipt,) = [path for path in home.receipts.glob("*.jws") if not path.name.endswith(".receipt.jws")]
        assert receipt.read_text() == shown
        assert json.loads(decode_base64url(shown.split(".")[1], "schema"))["sub"]
        # 7. All that ever left the computer went to the measuring server, or asked the routers on the way to it.
        assert SERVER in watch.outside()
        assert watch.outside() <= {SERVER, ROUTER, PROVIDER}
