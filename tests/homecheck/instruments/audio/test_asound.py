"""A /proc/asound folder as the kernel lays it out, made by hand."""

from __future__ import annotations

from pathlib import Path

from homecheck.instruments.audio import asound
from homecheck.instruments.audio.alsa_jacks import Jacks
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.usb_terminals import UsbDescription

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


# The cards of a Dell Vostro 5490 (yktoo/indicator-sound-switcher, issue 107).
LAPTOP = """\
 0 [C925e          ]: USB-Audio - Logitech Webcam C925e
                      Logitech Webcam C925e at usb-0000:00:14.0-2.4, high speed
 1 [Headset        ]: USB-Audio - Logitech USB Headset
                      Logitech Logitech USB Headset at usb-0000:00:14.0-2.1, full speed
 2 [sofhdadsp      ]: sof-hda-dsp - sof-hda-dsp
                      DellInc.-Vostro5490--0M9F58
"""
CODEC = "Codec: Realtek ALC3204\nAddress: 0\nFunction Id: 0x1\n"


def no_jacks(card: int) -> Jacks:
    return Jacks()


def no_usb(card: str) -> UsbDescription | None:
    return None


def laptop(folder: Path, jacks: Jacks | None = None) -> tuple[Facts, ...]:
    """A laptop with a webcam, a headset of no list, and a headset in its jack."""
    (folder / "cards").write_text(LAPTOP)
    for pcm in (
        "card0/pcm0c",
        "card1/pcm0c",
        "card1/pcm0p",
        "card2/pcm0c",
        "card2/pcm0p",
        "card2/pcm3p",
        "card2/pcm6c",
    ):
        (folder / pcm).mkdir(parents=True)
    (folder / "card0/usbid").write_text("046d:085b\n")
    (folder / "card1/usbid").write_text("dead:beef\n")
    (folder / "card2/codec#0").write_text(CODEC)
    (folder / "card2/pcm3p/info").write_text("card: 2\ndevice: 3\nid: HDMI1 (*)\n")
    usb = {
        "0": UsbDescription("046d", "085b", (0x0201,), camera=True),
        "1": UsbDescription("dead", "beef", (0x0402,), camera=False),
    }
    plugged = jacks or Jacks({"Headphone": True, "Mic": True})
    return asound.read(folder, lambda card: plugged if card == 2 else Jacks(), usb.get)


def test_jacks_descriptors_and_codecs_tell_what_the_kernels_list_does_not(tmp_path: Path) -> None:
    found = {(facts.id, facts.is_input): classify(facts) for facts in laptop(tmp_path)}
    assert {key: (e.transport, e.headset) for key, e in found.items()} == {
        ("hw:0,0", True): ("unverified", False),
        ("hw:1,0", True): ("unverified", True),
        ("hw:1,0", False): ("unverified", True),
        ("hw:2,0", True): ("wired", True),
        ("hw:2,0", False): ("wired", True),
        ("hw:2,3", False): ("unverified", False),
        ("hw:2,6", True): ("builtin", False),  # the digital microphones
    }
    assert found["hw:2,0", True].model == "Realtek ALC3204"
    assert found["hw:1,0", True].headset_reason == "its USB descriptors call it headset"


def test_an_empty_jack_is_no_headset(tmp_path: Path) -> None:
    found = {facts.id: classify(facts) for facts in laptop(tmp_path, Jacks({"Headphone": False, "Mic": False}))}
    assert (found["hw:2,0"].transport, found["hw:2,0"].headset) == ("builtin", False)


STATUS = "state: RUNNING\nowner_pid   : 4711\ntrigger_time: 12.5\ntstamp      : 0.0\n"


def test_the_kernel_tells_which_card_a_process_records_from(tmp_path: Path) -> None:
    for card, status in (("card1/pcm0c", STATUS), ("card2/pcm0c", "closed\n"), ("card2/pcm0p", STATUS)):
        (tmp_path / card / "sub0").mkdir(parents=True)
        (tmp_path / card / "sub0/status").write_text(status)
    assert asound.recorded_by(frozenset({1, 4711}), tmp_path) == ("hw:1,0",)
    assert asound.recorded_by(frozenset({4712}), tmp_path) == ()
    assert asound.played_by(frozenset({1, 4711}), tmp_path) == ("hw:2,0",)
    assert asound.played_by(frozenset({4712}), tmp_path) == ()
    (tmp_path / "card1/pcm0c/sub0/status").write_text(STATUS.replace("RUNNING", "SETUP"))
    assert asound.recorded_by(frozenset({4711}), tmp_path) == ()


def test_cards_of_the_kernel_are_listed_with_their_usb_ids(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(CARDS)
    for folder in ("card0/pcm0c", "card0/pcm3p", "card1/pcm0c", "card1/pcm0p", "card2/pcm0c"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "card0/pcm3p/info").write_text("card: 0\ndevice: 3\nname: HDMI 0\n")
    (tmp_path / "card1/usbid").write_text("047f:c058\n")
    (tmp_path / "card1/stream0").write_text(STREAM)
    found = {(facts.id, facts.is_input): classify(facts) for facts in asound.read(tmp_path, no_jacks, no_usb)}
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
