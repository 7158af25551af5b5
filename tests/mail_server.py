"""Somebody's mail server: aiosmtpd on loopback, with TLS and passwords, which keeps what it takes."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.ports import free_port

USER, PASSWORD = "homecheck", "pässword"


@dataclass
class MailBox:
    """What was taken. `refuse` maps a recipient to the answer that it gets; None for everybody."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuse: dict[str | None, str] = field(default_factory=dict)
    signed_in: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:
        refusal = self.refuse.get(address) or self.refuse.get(None)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:
        self.letters.append(email.message_from_bytes(envelope.content, policy=default))
        self.recipients += envelope.rcpt_tos
        self.signed_in.append(bool(session.authenticated))
        return "250 OK"


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[MailBox]:
    """Run a mail server; with `tls` it wants STARTTLS and a password, or speaks TLS from the beginning."""
    box = MailBox()

    def authenticate(_: SMTP, __: Any, ___: Any, ____: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    options: dict[str, Any] = {"enable_SMTPUTF8": True}
    if tls is not None:
        options |= {"auth_required": True, "authenticator": authenticate}
        options |= (
            {"ssl_context": tls, "auth_require_tls": False}
            if implicit
            else {"tls_context": tls, "require_starttls": True}
        )
    controller = Controller(box, "127.0.0.1", free_port(), **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()
