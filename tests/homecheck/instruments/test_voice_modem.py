"""The dialogue with a voice modem: a simulated one sits at the other end of a pseudo-terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.voice_modem import DLE, ETX, Heard, Modem, Patience, coding_methods, listen, open_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")

TONE = np.round(120 * np.sin(2 * np.pi * 425 * np.arange(16_000) / 8000)).astype(np.int64)
USR = '128,"8-BIT LINEAR",(7200,8000,11025)\r\n131,"8-BIT ULAW",(8000)\r\n'
CONEXANT = '1,"UNSIGNED PCM",8,0,(7200,8000,11025),(0),(0)\r\n129,"IMA ADPCM",4,0,8000,(0),(0)\r\n'


@dataclass
class Character:
    """How the simulated modem behaves; `answers` override its usual OK, None means that it says nothing."""

    methods: str = USR
    answers: dict[str, str | None] = field(default_factory=dict)
    silent: bool = False
    garbage: bool = False
    sound: bytes = bytes((TONE + 128).tolist())
    after: str = "goes on"  # the sound; or "stalls", "vanishes"


class Simulated:
    """Reads commands from a pseudo-terminal and answers as its character would."""

    def __init__(self, character: Character) -> None:
        self.character = character
        self.master, slave = os.openpty()
        import tty

        tty.setraw(self.master)
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self.slave = slave
        self.commands: list[str] = []
        self.ending = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _say(self, text: str) -> None:
        os.write(self.master, f"\r\n{text}\r\n".encode("latin-1"))

    def _serve(self) -> None:
        line = bytearray()
        try:
            while not self.ending:
                byte = os.read(self.master, 1)
                if byte != b"\r":
                    line += byte
                    continue
                command = line[line.find(b"AT") :].decode("latin-1")  # what stands before is noise
                line.clear()
                self.commands.append(command)
                self._answer(command)
        except OSError:
            return  # unplugged

    def _answer(self, command: str) -> None:
        character = self.character
        if character.silent:
            return
        if character.garbage:
            os.write(self.master, os.urandom(300))
            return
        if command in character.answers:
            answer = character.answers[command]
            if answer is not None:
                self._say(answer)
        elif command == "AT+VSM=?":
            self._say(f"{character.methods}\r\nOK")
        elif command == "ATI3":
            self._say("U.S. Robotics 56K FAX USB V1.2.23\r\n\r\nOK")
        elif command == "AT+VRX":
            self._say("CONNECT")
            self._sound()
        else:
            self._say("OK")

    def _sound(self) -> None:
        sound = self.character.sound
        shielded = bytes((DLE,)) + b"d" + sound.replace(bytes((DLE,)), bytes((DLE, DLE)))
        if self.character.after == "vanishes":
            os.write(self.master, shielded[:800])
            time.sleep(0.2)
            os.close(self.master)
            return
        threading.Thread(target=os.write, args=(self.master, shielded), daemon=True).start()
        if self.character.after == "stalls":
            return
        heard = b""
        while not heard.endswith(bytes((DLE,)) + b"!"):
            heard += os.read(self.master, 1)
        os.write(self.master, bytes((DLE, ETX)))
        self._say("OK")


@contextmanager
def modem(character: Character) -> Iterator[tuple[Modem, Simulated]]:
    simulated = Simulated(character)
    try:
        yield Modem(simulated.name, "USR5637", "0baf:0303"), simulated
    finally:
        simulated.ending = True
        for descriptor in (simulated.master, simulated.slave):
            try:
                os.close(descriptor)
            except OSError:
                continue


def heard(character: Character, seconds: float = 1.0) -> tuple[Heard, list[str]]:
    with modem(character) as (found, simulated):
        return listen(found, seconds), simulated.commands


def test_the_sound_of_the_line_comes_through_byte_for_byte_and_the_line_is_put_on_hook() -> None:
    found, commands = heard(Character())
    assert found.samples is not None
    assert found.samples.tolist() == (TONE[:8000] / 128).tolist()  # bytes of value 16 among them are shielded
    assert 16 - 128 in TONE[:8000]  # which is what makes that a test
    assert (found.events, found.model, found.dial_tone) == ("d", "U.S. Robotics 56K FAX USB V1.2.23", None)
    assert commands.index("AT+FCLASS=8") < commands.index("AT+VSM=128,8000") < commands.index("AT+VLS=1")
    assert commands[-2:] == ["AT+VLS=0", "ATH"]


def test_a_modem_that_names_its_methods_by_the_standard_is_understood() -> None:
    found, commands = heard(Character(methods=CONEXANT))
    assert found.samples is not None
    assert found.samples.tolist() == (TONE[:8000] / 128).tolist()
    assert "AT+VSM=1,8000" in commands


@pytest.mark.parametrize(("answer", "tone"), [("OK", True), ("NO DIALTONE", False), ("NO DIAL TONE", False)])
def test_a_modem_without_voice_listens_for_the_dial_tone_itself_and_dials_nobody(answer: str, tone: bool) -> None:
    found, commands = heard(Character(answers={"AT+FCLASS=8": "ERROR", "ATDT;": answer}))
    assert (found.dial_tone, found.samples) == (tone, None)
    assert "ATX4" in commands
    assert commands[-1] == "ATH"
    assert not [command for command in commands if command.startswith("ATD") and command != "ATDT;"]


@pytest.mark.parametrize(
    ("character", "code"),
    [
        (Character(silent=True), "modem_silent"),
        (Character(garbage=True), "modem_silent"),
        (Character(answers={"AT+VLS=1": "ERROR"}), "modem_refused"),
        (Character(answers={"AT+VRX": "ERROR"}), "modem_refused"),
        (Character(answers={"AT+FCLASS=8": "ERROR", "ATDT;": "ERROR"}), "modem_refused"),
        (Character(methods='140,"SPEEX",(8000)\r\n'), "modem_refused"),
        (Character(methods=""), "modem_refused"),
        (Character(after="stalls", sound=b"\x80" * 100), "modem_stalled"),
        (Character(after="vanishes"), "modem_gone"),
    ],
    ids=[
        "silent",
        "garbage",
        "off hook",
        "receive",
        "no dial tone command",
        "speex",
        "no method",
        "stalls",
        "vanishes",
    ],
)
def test_a_modem_that_does_not_do_it_is_named(character: Character, code: str) -> None:
    with modem(character) as (found, simulated):
        with pytest.raises(ProbeError) as raised:
            listen(found, 5.0, Patience(command=0.5, stall=0.5))
        assert raised.value.code == code
        if character.after != "vanishes" and "AT+VLS=1" in simulated.commands:
            assert simulated.commands[-2:] == ["AT+VLS=0", "ATH"]  # never left off hook


def test_a_port_that_another_program_has_is_said_to_be_busy() -> None:
    with modem(Character()) as (found, _):
        port = open_port(found.port)
        try:
            with pytest.raises(ProbeError) as raised:
                open_port(found.port)
        finally:
            port.close()
    assert raised.value.code == "modem_busy"


def test_a_port_that_is_not_there_is_gone() -> None:
    with pytest.raises(ProbeError) as raised:
        open_port("/dev/ttyACM-none")
    assert raised.value.code == "modem_gone"


@pytest.mark.parametrize(
    ("line", "decoded"),
    [
        ('129,"16-BIT LINEAR",(8000)', [0.5, -1.0]),
        ('128,"8-BIT LINEAR",(7200,8000,11025)', [-1.0, -0.5, -1.0, 0.0]),
        ('0,"SIGNED PCM",8,0,(7200-11025),(0),(0)', [0.0, 0.5, 0.0, -1.0]),
        ('0,"SIGNED PCM",16,0,(8000),(0),(0)', [0.5, -1.0]),
        ('131,"8-BIT ULAW",(8000)', [-32124 / 32768, -1884 / 32768, -32124 / 32768, 32124 / 32768]),
        ('5,"G.711A ALAW",8,0,8000,(0),(0)', [-5504 / 32768, -344 / 32768, -5504 / 32768, 5504 / 32768]),
    ],
)
def test_every_known_coding_is_decoded(line: str, decoded: list[float]) -> None:
    ((_, _, decode),) = coding_methods(f"{line}\r\n".encode())
    assert decode(b"\x00\x40\x00\x80").tolist() == decoded


def test_linear_sound_is_preferred_and_rates_without_8000_are_left_out() -> None:
    answer = b'131,"8-BIT ULAW",(8000)\r\n128,"8-BIT LINEAR",(8000)\r\n129,"16-BIT LINEAR",(11025)\r\n'
    assert min(coding_methods(answer), key=lambda method: method[0])[1] == 128
