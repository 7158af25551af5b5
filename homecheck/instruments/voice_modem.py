"""A voice modem on a serial port: what it hears on its telephone line (ITU-T V.250, voice commands V.253).

The dialogue goes off hook, records linear or G.711 sound for a while, and hangs up, also when anything goes wrong on
the way. A modem without voice is asked to wait for the dial tone itself (`X4`, `D;` with no number: nobody is called).

Sound stays in memory, as everywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from homecheck.errors import ProbeError
from homecheck.instruments.audio.usb_table import usb_table

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and a probe's module must load without it
    from numpy.typing import NDArray

RATE_HZ: Final = 8000
BAUD: Final = 115_200
TRIES: Final = 3  # to wake it up
WRITE_SECONDS: Final = 3.0
POLL_SECONDS: Final = 0.1
MOST_ANSWER: Final = 10_000  # bytes of an answer
DLE, ETX, SUB, ESC = 0x10, 0x03, 0x1A, 0x1B
_END: Final = bytes((DLE,)) + b"!"  # receive abort
# To its last byte: after CONNECT, sound follows it.
_FINAL: Final = re.compile(rb"(?:^|[\r\n])(OK|ERROR|CONNECT|VCON|NO DIAL ?TONE|BUSY|NO CARRIER|NO ANSWER)\r\n")
# A line of the answer to +VSM=?, such as  131,"8-BIT ULAW",(8000)  or  1,"UNSIGNED PCM",8,0,(7200,8000,11025),(0),(0)
_METHOD: Final = re.compile(rb'^\s*(\d+)\s*,\s*"([^"]+)"(.*)$', re.MULTILINE)

LINE_ADVICE: Final = "Plug the telephone cable firmly into the modem and into the wall socket, and repeat the check."
MODEM_ADVICE: Final = "Unplug the modem and plug it in again; if it happens again, use another modem."


class Port(Protocol):
    """What is used of a serial port."""

    def read(self, size: int = 1) -> bytes:
        """Return up to `size` bytes, waiting for a short time."""

    def write(self, data: bytes, /) -> int | None:
        """Send."""

    def close(self) -> None:
        """Close."""


@dataclass(frozen=True)
class Patience:
    """How long a modem is waited for, in seconds: any answer, going off hook, the dial tone, the next byte of sound."""

    command: float = 3.0
    off_hook: float = 5.0
    dial_tone: float = 12.0
    stall: float = 3.0


@dataclass(frozen=True)
class Modem:
    """A voice modem that is plugged in: its serial port, name and USB id."""

    port: str
    name: str
    usb_id: str


@dataclass(frozen=True)
class Heard:
    """What the modem heard: `samples` (full scale 1) at `RATE_HZ`; None where it has no voice, then just `dial_tone`.

    `events` are the letters by which it tells what it noticed itself (V.253 Table 8: d dial tone, b busy …).
    """

    model: str
    samples: NDArray[Any] | None = field(repr=False, default=None)
    dial_tone: bool | None = None
    events: str = ""


def find_modems() -> tuple[Modem, ...]:
    """Return the voice modems among the serial ports, by their USB ids; the names of other ports stay here."""
    from serial.tools import list_ports  # here: it takes its time, and few people have a modem

    found = []
    for port in list_ports.comports():
        if port.vid is None or port.pid is None:
            continue
        device = usb_table().get((f"{port.vid:04x}", f"{port.pid:04x}"))
        if device is not None and device.kind == "voice-modem":
            found.append(Modem(port.device, device.name, f"{port.vid:04x}:{port.pid:04x}"))
    return tuple(found)


def listen(modem: Modem, seconds: float, patience: Patience = Patience()) -> Heard:
    """Return what is on the line within `seconds` of going off hook.

    Raises ProbeError ``modem_gone``, ``modem_busy`` (another program has it), ``modem_silent``, ``modem_refused`` (it
    takes a command for an error), ``modem_stalled`` (sound ends too early); device.
    """
    port = open_port(modem.port)
    try:
        with _closing(port):
            return _Dialogue(modem, port, patience).run(seconds)
    except OSError as error:  # pyserial's own error is one
        raise _gone(modem, error) from None


def open_port(name: str) -> Port:
    """Return the serial port, open for this program alone. Raises ProbeError."""
    import serial

    try:
        port: Port = serial.Serial(name, BAUD, timeout=POLL_SECONDS, write_timeout=WRITE_SECONDS, exclusive=True)
    except (OSError, ValueError) as error:
        text = str(error)
        if any(word in text for word in ("PermissionError", "Permission denied", "exclusively lock", "busy")):
            advice = "Close fax and modem programs; on Linux, add yourself to the group dialout. Then repeat the check."
            raise ProbeError(
                "modem_busy", advice, message=f"{name}: another program has it, or it is not allowed"
            ) from None
        raise ProbeError("modem_gone", MODEM_ADVICE, message=f"{name} cannot be opened: {text:.200}") from None
    return port


class _Dialogue:
    def __init__(self, modem: Modem, port: Port, patience: Patience) -> None:
        self.modem, self.port, self.patience = modem, port, patience

    def run(self, seconds: float) -> Heard:
        self._wake_up()
        model = self._model()
        if self._ask("AT+FCLASS=8", self.patience.command)[0] != "OK":
            return Heard(model, dial_tone=self._dial_tone())
        try:
            decode = self._choose_method()
            self._must("AT+VLS=1", self.patience.off_hook)
            self._must("AT+VRX", self.patience.command, "CONNECT")
            coded, events = self._receive(seconds)
        finally:
            self._hang_up()
        return Heard(model, decode(coded)[: round(seconds * RATE_HZ)], events=events)

    def _wake_up(self) -> None:
        for _ in range(TRIES):
            self._hang_up(wait=False)  # whatever was left from before
            if self._ask("ATE0V1Q0", self.patience.command)[0] == "OK":
                return
        raise ProbeError("modem_silent", MODEM_ADVICE, message=f"{self.modem.name} does not answer commands")

    def _model(self) -> str:
        word, text = self._ask("ATI3", self.patience.command)
        lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() != word]
        return lines[0][:80] if word == "OK" and lines else self.modem.name

    def _choose_method(self) -> Callable[[bytes], NDArray[Any]]:
        """Choose how sound is coded, and return how it is decoded."""
        _, text = self._ask("AT+VSM=?", self.patience.command)
        methods = list(coding_methods(text.encode("latin-1")))
        if not methods:
            raise self._refused("AT+VSM=?", "no way of coding sound that is known here")
        number, decode = min(methods, key=lambda method: method[0])[1:]
        self._must(f"AT+VSM={number},{RATE_HZ}", self.patience.command)
        return decode

    def _receive(self, seconds: float) -> tuple[bytes, str]:
        """Return coded sound and the modem's events until there are `seconds` of it and its end is confirmed."""
        stream = _Shielded()
        deadline, last = time.monotonic() + seconds, time.monotonic()
        ending = False
        while not stream.ended:
            now = time.monotonic()
            if now >= deadline and not ending:
                self.port.write(_END)
                ending, deadline = True, now + self.patience.command
            data = self.port.read(4096)
            last = time.monotonic() if data else last
            stream.take(data)
            if ending and now > deadline:
                break  # the sound is there; that it does not say the end changes nothing
            if not ending and time.monotonic() - last > self.patience.stall:
                raise ProbeError("modem_stalled", MODEM_ADVICE, message=f"{self.modem.name} stopped sending sound")
        return bytes(stream.sound), stream.events

    def _dial_tone(self) -> bool:
        """Let the modem itself wait for the dial tone; no number follows."""
        self._must("ATX4", self.patience.command)
        try:
            word, _ = self._ask("ATDT;", self.patience.dial_tone)
        finally:
            self._hang_up()
        if word == "ERROR" or not word:
            raise self._refused("ATDT;", word or "no answer")
        return word == "OK"

    def _hang_up(self, *, wait: bool = True) -> None:
        """Put the line on hook, whatever state the modem is in."""
        with suppress(OSError):
            self.port.write(_END)
            if wait:
                self._answer(0.5)
            for command in ("AT+VLS=0", "ATH"):
                self._ask(command, self.patience.command if wait else 0.5)

    def _must(self, command: str, seconds: float, wanted: str = "OK") -> None:
        word, _ = self._ask(command, seconds)
        if word not in (wanted, "VCON"):  # what some say when they go off hook
            raise self._refused(command, word or "no answer")

    def _ask(self, command: str, seconds: float) -> tuple[str, str]:
        self.port.write(command.encode("ascii") + b"\r")
        return self._answer(seconds)

    def _answer(self, seconds: float) -> tuple[str, str]:
        """Return the final word of an answer, empty when none comes, and all of its text."""
        received = bytearray()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(received) < MOST_ANSWER:
            received += self.port.read(1)
            if found := _FINAL.search(bytes(received)):
                return found[1].decode("ascii"), received.decode("latin-1")
        return "", received.decode("latin-1")

    def _refused(self, command: str, word: str) -> ProbeError:
        message = f"{self.modem.name}: {command} gives {word!r:.60}"
        return ProbeError("modem_refused", MODEM_ADVICE, message=message)


class _Shielded:
    """Sound with events in it: what follows a DLE is no sound, but for a DLE itself (V.253 clause 9)."""

    def __init__(self) -> None:
        self.sound, self.events = bytearray(), ""
        self.ended = self._shielding = False

    def take(self, data: bytes) -> None:
        for byte in data:
            if self.ended:
                return
            if not self._shielding:
                self._shielding = byte == DLE
                if not self._shielding:
                    self.sound.append(byte)
                continue
            self._shielding = False
            if byte == DLE:
                self.sound.append(DLE)
            elif byte == SUB:  # two of them
                self.sound += bytes((DLE, DLE))
            elif byte in (ETX, ESC):
                self.ended = True
            elif len(self.events) < 40 and chr(byte).isprintable():
                self.events += chr(byte)


def coding_methods(answer: bytes) -> Iterator[tuple[int, int, Callable[[bytes], NDArray[Any]]]]:
    """Yield (rank, number, decoder) of the known methods in an answer to +VSM=?; the least rank is best."""
    for number, name, rest in _METHOD.findall(answer):
        words = name.decode("latin-1").upper().replace("-", " ")
        if b"8000" not in rest and b"-" not in rest:  # neither listed nor within a range
            continue
        numbers = re.findall(rb"\d+", rest)
        if "ULAW" in words or "MU LAW" in words or "U LAW" in words or "G.711U" in words:
            yield 2, int(number), _mu_law
        elif "ALAW" in words or "A LAW" in words or "G.711A" in words:
            yield 3, int(number), _a_law
        elif "16 BIT LINEAR" in words or ("PCM" in words and numbers[:1] == [b"16"]):
            yield 0, int(number), _linear_16
        elif "8 BIT LINEAR" in words or ("PCM" in words and numbers[:1] == [b"8"]):
            yield 1, int(number), _signed_8 if "SIGNED" in words.split() else _unsigned_8


def _linear_16(coded: bytes) -> NDArray[Any]:
    import numpy as np

    return np.frombuffer(coded[: len(coded) // 2 * 2], dtype="<i2") / 32768


def _unsigned_8(coded: bytes) -> NDArray[Any]:
    import numpy as np

    return (np.frombuffer(coded, dtype=np.uint8) - 128.0) / 128


def _signed_8(coded: bytes) -> NDArray[Any]:
    import numpy as np

    return np.frombuffer(coded, dtype=np.int8) / 128


def _mu_law(coded: bytes) -> NDArray[Any]:
    from homecheck.standards.itu_g711 import decode_mu_law

    return decode_mu_law(coded)


def _a_law(coded: bytes) -> NDArray[Any]:
    from homecheck.standards.itu_g711 import decode_a_law

    return decode_a_law(coded)


@contextmanager
def _closing(port: Port) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):
            port.close()


def _gone(modem: Modem, error: OSError) -> ProbeError:
    return ProbeError("modem_gone", MODEM_ADVICE, message=f"{modem.name} went away: {error!s:.200}")
