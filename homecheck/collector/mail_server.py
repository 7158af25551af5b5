"""The company's own mail server: how letters leave. The password lies beside the keys, all else in the database."""

from __future__ import annotations

import base64
import smtplib
import ssl
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Final, Literal, cast

from homecheck import durable
from homecheck.collector.store import events, settings
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.errors import SetupError
from homecheck.loopback import is_loopback
from homecheck.strict_json import Record, parse_object, serialize

SETTING: Final = "mail_server"
PASSWORD: Final = "mail.password"  # noqa: S105 - the name of a file
SECONDS: Final = 20.0
SIGNED_IN: Final = 235  # RFC 4954 section 6
MAX_ADDRESS: Final = 254  # RFC 5321 section 4.5.3.1.3, less the brackets
FORBIDDEN: Final = frozenset(' "<>(),;:\\[]')  # what only quoting allows (RFC 5322 section 3.2.3)
Security = Literal["tls", "starttls", "none"]
SECURITIES: Final = ("tls", "starttls", "none")


class NotSent(Exception):
    """A letter did not leave. `lasting` tells that another attempt would end the same way."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


@dataclass(frozen=True)
class MailServer:
    """Where letters go first. `user` is empty where nobody signs in; `sender` is like ``Acme <it@acme.example>``."""

    host: str
    port: int
    security: Security
    user: str
    sender: str

    def __post_init__(self) -> None:
        if self.security not in SECURITIES:
            raise SetupError(f"security: {self.security!r:.20}", "It is tls, starttls or none.")
        if not self.host or not self.host.isprintable() or not 0 < self.port < 65_536:
            raise SetupError(f"{self.host!r:.60}:{self.port}: no address of a server", "Write: smtp.example.com:587")
        check_address(parseaddr(self.sender)[1])
        if self.security == "none" and not is_loopback(self.host):
            raise SetupError(
                f"{self.host}: letters with invitations would travel unencrypted", "Use starttls (587) or tls (465)."
            )


def check_address(address: str) -> str:
    """Return a mail address (RFC 5322 addr-spec, without comments and quotes). SetupError for what is none."""
    local, _, domain = address.rpartition("@")
    fine = local and "." in domain.strip(".") and len(address) <= MAX_ADDRESS and address.isprintable()
    if not fine or any(mark in FORBIDDEN for mark in address) or "@" in local:
        raise SetupError(f"{address!r:.80} is no mail address", "Write it like ada@example.com")
    return address


def configure(db: Connection, folder: Path, server: MailServer, password: str, *, by: By, now: datetime) -> None:
    """Remember the server, inside a transaction, and its password beside the keys. SetupError for one that is none."""
    _check_new(server)
    said = {"before": _shown(configured(db)), "after": _shown(server)}
    durable.write(folder / PASSWORD, password.encode())
    settings.write(db, SETTING, serialize(asdict(server)).decode())
    events.note(db, now, "mail-server-set", by, f"{server.host}:{server.port}", **said)


def _check_new(server: MailServer) -> None:
    """SetupError for what no letter could leave by or from. One that is stored already must stay replaceable."""
    try:
        server.host.encode("idna")  # as the system's resolver does with it
    except UnicodeError:
        raise SetupError(f"{server.host!r:.60}: no name of a server", "Write: smtp.example.com:587") from None
    if not server.sender.isprintable():  # a line end would begin another header
        raise SetupError(f"{server.sender!r:.80} is no sender", "Write it like: Acme IT <it@acme.example>")


def _shown(server: MailServer | None) -> str:
    """Return a server as events tell of it: everything but the password."""
    if server is None:
        return ""
    as_whom = f", as {server.user}" if server.user else ""
    return f"{server.host}:{server.port}, {server.security}{as_whom}, from {server.sender}"


def configured(db: Connection) -> MailServer | None:
    """Return the server, or None where no letters are sent."""
    text = settings.find(db, SETTING)
    if not text:
        return None
    record = Record(parse_object(text.encode()), SETTING, "damaged")
    return MailServer(
        record.text("host"),
        record.integer("port"),
        cast(Security, record.text("security")),
        record.text("user"),
        record.text("sender"),
    )


def send(
    server: MailServer,
    password: str,
    letter: EmailMessage,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Hand a letter to the server (RFC 5321). Raises NotSent with the server's own words."""
    context = tls or ssl.create_default_context()
    try:
        with _connected(server, context) as smtp:
            if server.user:
                _sign_in(smtp, server.user, password)
            smtp.send_message(letter)
    except smtplib.SMTPRecipientsRefused as error:
        (status, text), *_ = error.recipients.values()
        raise NotSent(f"the mail server answered {status} {_words(text)}", lasting=500 <= status < 600) from None
    except smtplib.SMTPAuthenticationError as error:  # our own outage, whatever the number says
        raise NotSent(
            f"the mail server refused our password: {error.smtp_code} {_words(error.smtp_error)}", lasting=False
        ) from None
    except smtplib.SMTPResponseException as error:
        lasting = isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
        raise NotSent(
            f"the mail server answered {error.smtp_code} {_words(error.smtp_error)}", lasting=lasting
        ) from None
    except ssl.SSLCertVerificationError as error:
        said = f"{server.host}:{server.port}: its certificate is not trusted here: {error.verify_message}"
        raise NotSent(f"{said} (an authority of your own: SSL_CERT_FILE)", lasting=False) from None
    # Unreachable, no name (UnicodeError), TLS refused, or it broke off.
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        raise NotSent(f"{server.host}:{server.port}: {error}"[:300], lasting=False) from None


def _sign_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Sign in. smtplib knows ASCII alone; a name or password beyond that goes by PLAIN in UTF-8 (RFC 4616)."""
    if (user + password).isascii():
        smtp.login(user, password)
        return
    smtp.ehlo_or_helo_if_needed()
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    status, words = smtp.docmd("AUTH", f"PLAIN {token}")
    if status != SIGNED_IN:
        raise smtplib.SMTPAuthenticationError(status, words)


def _connected(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=context)
    with ExitStack() as undo:
        smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        undo.callback(smtp.close)
        if server.security == "starttls":
            smtp.starttls(context=context)
        undo.pop_all()
    return smtp


def _words(text: object) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return "".join(mark if mark.isprintable() else " " for mark in words)[:200]
