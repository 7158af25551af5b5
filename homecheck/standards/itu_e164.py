"""ITU-T Recommendation E.164 (11/2010): international telephone numbers."""

from __future__ import annotations

import re
from typing import Final

MAX_DIGITS: Final = 15  # clause 6.2.1: country code and national number together
MIN_DIGITS: Final = 7  # the shortest subscriber numbers of the world with their country code; E.164 itself sets none
_SPOKEN: Final = re.compile(r"[ \u00a0().\-/]")
_NUMBER: Final = re.compile(rf"\+[1-9][0-9]{{{MIN_DIGITS - 1},{MAX_DIGITS - 1}}}")


def number(text: str) -> str:
    """Return ``+`` and the digits of a number as people write it, with blanks, hyphens, brackets, full stops, slashes.

    ValueError for one without ``+`` and country code, with a national ``(0)``, or with too few or too many digits.
    """
    if "(0)" in text:
        raise ValueError(f"{text!r:.40}: leave (0) out, it is not dialled from abroad")
    plain = _SPOKEN.sub("", text.strip())
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{text!r:.40} is no international telephone number; write it like +46 8 123 456 78")
    return plain
