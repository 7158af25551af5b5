"""What the letters say, in the reader's language. Plain text, short, with one address to open; nothing about what was
measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, parseaddr
from textwrap import fill
from typing import Final

from homecheck.collector.store.mail import Contact
from homecheck.collector.store.programs import Program
from homecheck.locale import SOURCE, translator

ON_FILE: Final = "mail-on-file"  # the kind of event that tells of an address
INVITED_SUBJECT: Final = "Your invitation: {title}, {company}"
INVITED: Final = (
    "Hello {who},",
    "{company} invites you to have your home office checked for: {title}.",
    "What it is for: {purpose}",
    "Open this address; it tells you what would be measured and what to do. Nothing is sent before you agree.",
    "{address}",
    "It is for you alone and good until {until} UTC. Please do not pass it on.",
)
MISSED_SUBJECT: Final = "Your next check is due: {title}, {company}"
MISSED: Final = (
    "Hello {who},",
    "Your last check for {title} came on {day}, and the next one is due.",
    "Please run, on the computer that you work with:",
    "homecheck check",
    "It needs a few minutes. If you have run it meanwhile, it may be waiting to be sent: homecheck status tells you, "
    "and homecheck upload sends it. If you no longer work for {company}, tell them, and run: homecheck leave",
)
FOOT: Final = (
    "This message was sent by {company}'s homecheck collector, {url}. Questions? Answer it, or ask your contact there."
)
VERBATIM: Final = ("{address}", "homecheck check")  # the same in every language
MESSAGES: Final = tuple(
    text for text in (INVITED_SUBJECT, *INVITED, MISSED_SUBJECT, *MISSED, FOOT) if text not in VERBATIM
)
DAYS: Final = {"en": "%d %B %Y", "sv": "%Y-%m-%d", "es": "%d/%m/%Y"}


@dataclass(frozen=True)
class Writer:
    """Who writes: the company's name, its collector's address, and the language of whoever reads."""

    company: str
    url: str
    language: str = SOURCE

    def invitation(self, program: Program, who: str, address: str, expires_at: datetime) -> tuple[str, str]:
        """Return the subject and text of an invitation."""
        until = f"{self._day(expires_at)}, {expires_at:%H:%M}"
        return self._written(INVITED_SUBJECT, INVITED, program, who=who, address=address, until=until)

    def missed(self, program: Program, who: str, last: datetime) -> tuple[str, str]:
        """Return the subject and text of a reminder that the next check is due."""
        return self._written(MISSED_SUBJECT, MISSED, program, who=who, day=self._day(last))

    def _day(self, moment: datetime) -> str:
        return f"{moment:{DAYS.get(self.language, DAYS[SOURCE])}}"

    def _written(self, subject: str, parts: tuple[str, ...], program: Program, **values: str) -> tuple[str, str]:
        """Return a letter. Names stay as they are; a title or purpose of ours is said in the reader's language."""
        say = translator(self.language)  # whole messages alone: what IT has written is not looked at for patterns
        told = {
            "company": self.company,
            "url": self.url,
            "title": say(program.title),
            "purpose": say(program.purpose),
            **values,
        }
        text = [say(part).format(**told) for part in (*parts, FOOT)]
        return say(subject).format(**told), "\n\n".join(map(_folded, text))


def contact_detail(person_id: str, one: Contact) -> str:
    """Return what the event of a person's mail address says: a part of a digest, which tells nobody the address."""
    language = f" {one.language}" if one.language else ""  # older events know of none
    told = f"{person_id} {one.address} {one.timezone}{language}".encode()
    return f"it has the digest {hashlib.sha256(told).hexdigest()[:16]}"


def letter(sender: str, to: str, message_id: str, at: datetime, subject_and_text: tuple[str, str]) -> EmailMessage:
    """Return the message. Automatic answers to it are not wanted (RFC 3834)."""
    subject, text = subject_and_text
    made = EmailMessage(policy=SMTPUTF8)
    made["From"], made["To"] = " ".join(sender.split()), to
    made["Subject"] = " ".join(subject.split())
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{message_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    return made


def _folded(text: str) -> str:
    """Return a paragraph in lines of at most 72; an address is never broken."""
    return fill(" ".join(text.split()), 72, break_long_words=False, break_on_hyphens=False)
