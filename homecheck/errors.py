"""Every error homecheck raises on purpose, in one tree.

HomecheckError
├── ProbeError          a probe could not measure: becomes a failed measurement, never a lost check
├── Refused             bytes from outside are not what they claim to be; carries one reason
├── PolicyError         a policy file is wrong: file, key and reason
├── KeyStoreError       a private key cannot be made, read or trusted
├── StateError          something under HOMECHECK_HOME is missing, damaged or cannot be written
├── EnrolmentError      an invitation cannot be read or redeemed
├── DeliveryError       evidence is measured and kept, but not delivered
└── SetupError          the program was started without something it needs (an extra, a key, a TLS address)

The message names the culprit; ``advice`` says what the person should do.
"""

from __future__ import annotations

from typing import Literal

AtFault = Literal["device", "room", "person", "home_link", "line", "server", "agent"]
AT_FAULT: tuple[AtFault, ...] = ("device", "room", "person", "home_link", "line", "server", "agent")
OURS: tuple[AtFault, ...] = ("server", "agent")  # our side, which never counts against a person


class HomecheckError(Exception):
    """Base of all errors that homecheck raises on purpose."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class ProbeError(HomecheckError):
    """A probe cannot measure. `code` is a stable word for programs, `at_fault` says whose doing it is."""

    def __init__(self, code: str, advice: str, *, message: str = "", at_fault: AtFault = "device") -> None:
        super().__init__(message or code.replace("_", " "), advice)
        self.code = code
        self.at_fault: AtFault = at_fault


class Refused(HomecheckError):
    """Bytes from outside were refused. `reason` is one stable word, e.g. ``signature`` or ``duplicate-member``."""

    def __init__(self, reason: str, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.reason = reason


class PolicyError(HomecheckError):
    """A policy is wrong; the message reads ``file: requirement: what is wrong``."""


class KeyStoreError(HomecheckError):
    """A private key cannot be made, read or trusted."""


class StateError(HomecheckError):
    """A file under HOMECHECK_HOME is missing, damaged or cannot be written."""


class EnrolmentError(HomecheckError):
    """An invitation cannot be read or redeemed."""


class DeliveryError(HomecheckError):
    """Evidence was measured and is kept, but the collector did not take it."""


class SetupError(HomecheckError):
    """homecheck was started without something that it needs."""
