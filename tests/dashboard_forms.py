"""Sending the forms of the dashboard as a browser without scripts does."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import requests

from homecheck.collector.views.fields import FORM

SECONDS = 60


def post(http: requests.Session, url: str, /, **fields: str) -> requests.Response:
    """Send a form, and do not go where the answer leads."""
    body, kind = urlencode(fields), {"Content-Type": FORM}  # also with a form without fields, as browsers do
    return http.post(url, data=body, headers=kind, timeout=SECONDS, allow_redirects=False)


def hidden(page: str, name: str) -> str:
    """Return the value of the first hidden field of this name."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found, f"there is no hidden field {name}"
    return html.unescape(found[1])


def shown(answer: requests.Response) -> str:
    """Return the text of a page as people read it, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


def wrong_fields(page: str) -> set[str]:
    """Return the names of the fields that are marked as wrong."""
    marked = re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]+)"[^>]* aria-invalid="true"', page)
    return set(marked)
