"""Every group of pages, in one list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from starlette.routing import Route

from homecheck.collector.views.account import AccountPages
from homecheck.collector.views.administration import AdministrationPages
from homecheck.collector.views.calls import CallPages
from homecheck.collector.views.devices import DevicePages
from homecheck.collector.views.erasures import ErasurePages
from homecheck.collector.views.events import EventPages
from homecheck.collector.views.evidence import EvidencePages
from homecheck.collector.views.fleet import FleetPages
from homecheck.collector.views.lists import ListPages
from homecheck.collector.views.people import PeoplePages
from homecheck.collector.views.policies import PolicyPages
from homecheck.collector.views.program_settings import ProgramSettingsPages
from homecheck.collector.views.programs import ProgramPages
from homecheck.collector.views.public import PublicPages
from homecheck.collector.views.session import SessionPages
from homecheck.collector.views.sign_on import SignOnPages
from homecheck.collector.views.site import Site
from homecheck.collector.views.users import UserPages
from homecheck.collector.views.waivers import WaiverPages
from homecheck.collector.views.webhooks import WebhookPages


class Pages(Protocol):
    """A group of pages."""

    def routes(self) -> list[Route]:
        """Return the routes."""


GROUPS: Final[tuple[Callable[[Site], Pages], ...]] = (
    PeoplePages,
    FleetPages,
    ErasurePages,
    DevicePages,
    EvidencePages,
    ProgramPages,
    ProgramSettingsPages,
    PolicyPages,
    WaiverPages,
    ListPages,
    EventPages,
    CallPages,
    AdministrationPages,
    UserPages,
    WebhookPages,
    AccountPages,
    SessionPages,
    SignOnPages,
    PublicPages,
)


def routes(site: Site) -> list[Route]:
    """Return the routes of all groups."""
    return [route for group in GROUPS for route in group(site).routes()]
