"""Countries and their parts: codes and names of ISO 3166-1 (alpha-2) and ISO 3166-2, from the pycountry package.

A place is named by ``SE`` or ``US-TX``. What people type is found by code, by English name, and a country also by its
name in any language that the package translates to.
"""

from __future__ import annotations

import gettext
import unicodedata
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

MOST_FOUND: Final = 9  # places that one name can mean
SHORTEST_BEGINNING: Final = 4  # letters of a name that stand for all of it
SPOKEN: Final = {  # names that nobody has standardised
    "uk": "GB", "great britain": "GB", "britain": "GB", "usa": "US", "america": "US", "holland": "NL",
}  # fmt: skip


def known(code: str) -> bool:
    """Tell whether `code` is one of a country or of a part of one."""
    return code in names()


def inside(code: str, wider: str) -> bool:
    """Tell whether the place `code` is `wider`, or a part of it."""
    return code == wider or code.startswith(wider + "-")


def name_of(code: str) -> str:
    """Return the English name, of a part with its country; the code itself where it is none."""
    country = code.partition("-")[0]
    if code == country or not known(code):
        return names().get(code, code)
    return f"{names()[code]}, {names()[country]}"


def find(text: str, country: str = "") -> list[str]:
    """Return the codes of the places that `text` may name, at most nine; of parts of `country` alone where it is given.

    ``US-TX``, ``us tx``, ``Texas`` and ``Texas, United States`` are one place; ``Georgia`` is two.
    """
    part, comma, whole = text.rpartition(",")
    if comma:
        wholes = [code for code in find(whole) if "-" not in code]
        return [code for each in wholes if country in ("", each) for code in find(part, each)][:MOST_FOUND]
    wanted = _plain(text)
    codes = {wanted.upper().replace(" ", "-"), f"{country}-{wanted.upper()}"}
    found = [code for code, name in names().items() if code in codes or _plain(name) == wanted]
    if not found and wanted in SPOKEN:
        found = [SPOKEN[wanted]]
    if not found and len(wanted) >= SHORTEST_BEGINNING:
        found = [code for code, name in names().items() if _plain(name).startswith(wanted)]
    if not found and wanted:
        found = sorted(_translated().get(wanted, ()))
    return [code for code in found if not country or code.startswith(country + "-")][:MOST_FOUND]


@cache
def names() -> dict[str, str]:
    """Return the English name of every code."""
    import pycountry  # here: it takes 60 ms and reads a megabyte, and few checks ask where somebody lives

    found = {country.alpha_2: getattr(country, "common_name", country.name) for country in pycountry.countries}
    found |= {part.code: part.name for part in pycountry.subdivisions}
    return found


@cache
def _translated() -> dict[str, set[str]]:
    """Return the codes of countries by their names in all languages; takes a second, once."""
    import pycountry

    found: dict[str, set[str]] = {}
    for folder in Path(pycountry.LOCALES_DIR).iterdir():
        with suppress(OSError):
            names_there = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, [folder.name])
            for country in pycountry.countries:
                for name in (country.name, getattr(country, "official_name", ""), getattr(country, "common_name", "")):
                    found.setdefault(_plain(names_there.gettext(name)) if name else "", set()).add(country.alpha_2)
    return found


def _plain(text: str) -> str:
    """Return a name without accents, capitals and doubled spaces."""
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join("".join(letters).casefold().replace("-", " ").split())
