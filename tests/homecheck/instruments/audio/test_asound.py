"""A /proc/asound folder as the kernel lays it out, made by hand."""

from __future__ import annotations

from pathlib import Path

from homecheck.instruments.audio import asound
from homecheck.instruments.audio.transport import classify

CARDS = """\
 0 [PCH            ]: HDA-Intel - HDA Intel PCH
                      HDA Intel PCH at 0xa2420000 irq 142
 1 [S3225          ]: USB-Audio - Plantronics Blackwire 3225 Seri
                      Plantronics Plantronics Blackwire 3225 Seri at usb-0000:00:14.0-2, full speed
 2 [Loopback       ]: Loopback - Loopback
                      Loopback 1
"""
STREAM = """\
Plantronics Plantronics Blackwire 3225 Seri at usb-0000:00:14.0-2, full speed : USB Audio

Playback:
  Status: Stop
  Interface 1
    Altset 1
    Format: S16_LE
    Channels: 2
    Rates: 44100, 48000

Capture:
  Status: Stop
  Interface 2
    Altset 1
    Format: S16_LE
    Channels: 1
    Rates: 16000, 32000
"""


def test_cards_of_the_kernel_are_listed_with_their_usb_ids(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(CARDS)
    for folder in ("card0/pcm0c", "card0/pcm3p", "card1/pcm0c", "card1/pcm0p", "card2/pcm0c"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "card0/pcm3p/info").write_text("card: 0\ndevice: 3\nname: HDMI 0\n")
    (tmp_path / "card1/usbid").write_text("047f:c058\n")
    (tmp_path / "card1/stream0").write_text(STREAM)
    found = {(facts.id, facts.is_input): classify(facts) for facts in asound.read(tmp_path)}
    assert {key: endpoint.transport for key, endpoint in found.items()} == {
        ("hw:0,0", True): "builtin",
        ("hw:0,3", False): "unverified",
        ("hw:1,0", True): "wired",
        ("hw:1,0", False): "wired",
        ("hw:2,0", True): "virtual",
    }
    microphone, earpiece = found["hw:1,0", True], found["hw:1,0", False]
    assert (microphone.native_rate, microphone.input_channels) == (32000, 1)
    assert (earpiece.native_rate, earpiece.output_channels) == (48000, 2)
    assert not microphone.default_input


def test_without_the_folder_there_is_nothing(tmp_path: Path) -> None:
    assert asound.read(tmp_path / "missing") == ()
