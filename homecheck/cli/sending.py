"""Sending a check's evidence: after the person has agreed, and never losing it."""

from __future__ import annotations

from typing import Final

from homecheck.cli.check_session import Session
from homecheck.cli.showing import leaving_text, log_note
from homecheck.errors import HomecheckError
from homecheck.handover import hand_over
from homecheck.locale.here import _, said
from homecheck.shares import Judged
from homecheck.spool import waiting
from homecheck.upload import DEADLINE_SECONDS, deliver_waiting

FIRST_SECONDS: Final = 3.0  # before a check; after it there is another try


def send(session: Session, judged: Judged) -> Judged:
    """Send one share if the person wants it sent, and what waits from earlier; return what became of it."""
    enrolment = judged.enrolment
    if enrolment is None or session.options.no_upload:
        return judged
    if session.person and not session.options.yes:
        named = {"company": enrolment.collector_name, "title": _(enrolment.title)}
        session.out.print("\n" + _("This would be sent to {company}, for {title}:", **named), markup=False)
        session.out.print(leaving_text(judged))
        if not session.person.ask(_("Send it to {company}?", company=enrolment.collector_name)):
            return judged
    session.out.print(_("Sending to {company} …", company=enrolment.collector_name), markup=False)
    tell = lambda text: session.out.print(said(text), markup=False)  # noqa: E731 - one use
    sent = hand_over(session.home, session.http, judged, enrolment, tell)
    if sent.delivery is not None and sent.delivery.status == "accepted":  # else what waits would only wait once more
        _send_waiting(session)
    return sent


def send_earlier(session: Session) -> None:
    """Try what waits from earlier checks before anything is measured; a collector that is away costs a few seconds."""
    if waiting(session.home):
        _send_waiting(session, FIRST_SECONDS)


def _send_waiting(session: Session, seconds: float = DEADLINE_SECONDS) -> None:
    """Try what waits from earlier checks once more; whatever happens to it, this check's result is shown."""
    try:
        for delivery in deliver_waiting(session.home, session.http, deadline_seconds=seconds):
            status = said(delivery.status)
            what = _("From an earlier check, {program}: {status}.", program=delivery.program, status=status)
            session.out.print(f"{what} {said(delivery.message)} {log_note(delivery)}".rstrip(), markup=False)
    except HomecheckError as error:
        text = _("What waits from earlier checks could not be sent: {why}", why=said(error.message))
        session.out.print(text, markup=False)
