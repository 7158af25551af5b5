"""What can go wrong with a database, whichever it is; `sqlite` and `postgres` map their drivers' errors."""

from __future__ import annotations

from homecheck.errors import HomecheckError


class Busy(HomecheckError):
    """More waits to be written than can be promised to be written soon."""


class NotStored(HomecheckError):
    """The database cannot take or give anything now: the disk is full, or it went away. Nothing of this was kept."""


class Held(NotStored):
    """Others hold for longer what was needed alone. Nothing of this was kept, and it can be tried again."""


class Rejected(HomecheckError):
    """The database does not take these values: they break a rule of the tables. What came before is untouched."""

    @classmethod
    def no_text(cls, error: UnicodeEncodeError) -> Rejected:
        """Return the refusal of bytes that are no UTF-8, which Python keeps of a command line, and no engine stores."""
        return cls(f"{error.object!r:.60} is no text: it holds bytes that are no UTF-8")
