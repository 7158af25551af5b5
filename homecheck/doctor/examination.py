"""Everything that is looked at, in the order in which it breaks: what fails first explains the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.doctor.certificate import examine_bundle, examine_certificate
from homecheck.doctor.collector import examine_answer, examine_program, examine_responder
from homecheck.doctor.device_keys import examine_keys, known_enrolments
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.installation import examine_installation
from homecheck.doctor.instances import examine_instances, examine_schedule
from homecheck.doctor.route import WEB_PORT, examine_portal, examine_proxy_script, examine_route
from homecheck.doctor.sound import examine_sound
from homecheck.doctor.state import examine_home, examine_spool
from homecheck.doctor.troubles import NOT_EXAMINED
from homecheck.doctor.way import Way
from homecheck.enrolment import Enrolment
from homecheck.errors import HomecheckError
from homecheck.exchange import Http, new_session

Examination = Callable[[], Iterator[Diagnosis]]


def examine(
    home: Home,
    collector: str | None = None,
    clock: Callable[[], datetime] = utc_now,
    web_port: int = WEB_PORT,
) -> Iterator[Diagnosis]:
    """Yield one diagnosis after the other.

    `collector` is an address to look at beside those of the enrolments. `web_port` is where a sign-in page would
    answer.
    """
    yield from guarded("this program", examine_installation)
    yield from guarded("sound", examine_sound)
    yield from guarded("folder", partial(examine_home, home))
    yield from guarded("results", partial(examine_spool, home, clock()))
    enrolments = known_enrolments(home)
    yield from guarded("programs", partial(examine_keys, home, enrolments))
    yield from guarded("proxy", examine_proxy_script)
    yield from guarded("SSL_CERT_FILE", examine_bundle)
    http = new_session()
    urls = dict.fromkeys([*(one.collector for one in enrolments.good), *([collector] if collector else [])])
    for url in urls:
        there = [one for one in enrolments.good if one.collector == url]
        yield from guarded("collector", partial(_examine_collector, url, there, http, clock, web_port))
    if not urls:
        yield ok("collector", "none to ask; to look at the way to one before you enrol: --collector ADDRESS")
    for one in {one.responder_url: one for one in enrolments.good}.values():
        yield from guarded("far end", partial(examine_responder, one))
    yield from guarded("other homecheck", partial(examine_instances, home))
    yield from guarded("schedule", partial(examine_schedule, home))


def guarded(subject: str, examination: Examination) -> Iterator[Diagnosis]:
    """Yield what an examination finds; one that cannot go on says so, and the others are made all the same."""
    try:
        yield from examination()
    except HomecheckError as error:
        yield found(subject, NOT_EXAMINED, error.message, error.advice)
    except OSError as error:
        yield found(subject, NOT_EXAMINED, str(error))


def _examine_collector(
    url: str, enrolments: list[Enrolment], http: Http, clock: Callable[[], datetime], web_port: int
) -> Iterator[Diagnosis]:
    """Yield how the way to one collector is; the first thing that is wrong on it ends it."""
    way = Way.to(url)
    for step in (partial(examine_route, way), partial(examine_certificate, way)):
        made = list(step())
        yield from made
        if any(one.state == "fail" for one in made):
            yield from examine_portal(way, web_port)
            return
    made = list(examine_answer(url, http, clock))
    yield from made
    if any(one.trouble is not None and one.subject != "clock" for one in made):
        return
    for one in enrolments:
        yield from examine_program(one, http)
