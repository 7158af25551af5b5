"""Inviting everybody on a list: the file, a preview, and the list with the addresses, once.

Between preview and confirmation the list is in the page itself: nothing of it is kept here before somebody says so.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import mass_invitation
from homecheck.collector.access import INVITE
from homecheck.collector.invitation_list import MOST_BYTES, MOST_LINES, InvitationList, read
from homecheck.collector.mass_invitation import Order
from homecheck.collector.problems import Problem
from homecheck.collector.rights import scope_of
from homecheck.collector.store import programs
from homecheck.collector.store.programs import Program
from homecheck.collector.views.fields import bytes_of, text_of
from homecheck.collector.views.programs import INVITE_LIFE
from homecheck.collector.views.site import Site, Visit, download
from homecheck.errors import Refused
from homecheck.signing import base64url, decode_base64url

MAX_FILE: Final = MOST_BYTES + 8_192  # bytes of the form with the file
ENTRIES_SHOWN: Final = 10


@dataclass(frozen=True)
class ListPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        path = "/programs/{id}/invitations/list"
        return [
            self.site.read(path, self.ask, INVITE),
            self.site.write(path, self.preview, INVITE, limit=MAX_FILE, files=True),
            self.site.write(f"{path}/send", self.send, INVITE, limit=MAX_FILE),
        ]

    def ask(self, visit: Visit) -> Response:
        """Ask for the list."""
        return self._page(visit, self.site.program(visit, INVITE), b"", None)

    def preview(self, visit: Visit) -> Response:
        """Say what inviting a list would do, or what is wrong with it."""
        program = self.site.program(visit, INVITE)
        data = bytes_of(visit.form, "list") or text_of(visit.form, "text").encode()
        return self._page(visit, program, data, self._read(visit, data, program))

    def send(self, visit: Visit) -> Response:
        """Invite everybody and hand out the list with the addresses, this once."""
        program, collector = self.site.program(visit, INVITE), self.site.collector
        data = _unpacked(visit.form.get("list", ""))
        found = self._read(visit, data, program)
        if found.wrong:  # a program has gone meanwhile
            return self._page(visit, program, data, found)
        now, token = collector.clock(), mass_invitation.check_token(visit.form.get("token", ""))
        codes = mass_invitation.send(collector.writer, found.entries, Order(token, visit.by, now, INVITE_LIFE))
        lines = mass_invitation.as_csv(found.entries, codes, collector.url, now + INVITE_LIFE)
        return download("".join(lines).encode(), f"invitations-{program.id}.csv", "text/csv; charset=utf-8")

    def _page(self, visit: Visit, program: Program, data: bytes, found: InvitationList | None) -> Response:
        good = found is not None and not found.wrong
        return self.site.html(
            "invitation_list.html",
            visit,
            status=400 if found is not None and found.wrong else 200,
            program=program,
            found=found,
            would=mass_invitation.preview(self.site.db(), found.entries) if found and good else None,
            shown=found.entries[:ENTRIES_SHOWN] if found else (),
            packed=base64url(zlib.compress(data, 6)) if good else "",
            token=mass_invitation.new_token(),
            most=MOST_LINES,
            hours=int(INVITE_LIFE.total_seconds() // 3600),
        )

    def _read(self, visit: Visit, data: bytes, program: Program) -> InvitationList:
        known = [one.id for one in programs.within(self.site.db(), scope_of(visit.user, INVITE))]
        return read(data, known, program.id)


def _unpacked(text: str) -> bytes:
    """Return the list that a preview carried. Problem for what none of ours has packed."""
    try:
        unpack = zlib.decompressobj()
        data = unpack.decompress(decode_base64url(text), MOST_BYTES + 1)
        if not unpack.eof:
            raise ValueError("it is longer than a list may be, or ends too early")
    except (Refused, ValueError, zlib.error) as error:
        raise Problem("bad-request", f"this is no list of a preview: {error}") from None
    return data
