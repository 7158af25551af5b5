"""The place: where the home office is, as the person declares it, and the computer's time zone.

Nothing is located. The far end's view of the address is `network.region`; how the three agree is for the appraisal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.local_zone import local_zone
from homecheck.measurement import CheckSetup, Measurement, Need, Person, Quantity
from homecheck.standards import iso_3166

REGION = Quantity.text("place.region", "declared by the person: country or part of one, ISO 3166-1 or 3166-2 code")
TIMEZONE = Quantity.text("place.timezone", "the system's setting, as a name of the tz database")

TRIES: Final = 4
WHERE: Final = (
    "Where is the home office that you work from? Type the country, or the state or province and the country,\n"
    "    for example: Sweden, or Texas, United States"
)
WHICH_PART: Final = "Which state, province or region of {country} is it in? Type its name"
NOT_FOUND: Final = (
    "{typed!r} is not in the list of countries and their parts. Try its English name, or a code like US-TX."
)
WHICH_ONE: Final = "This can be:\n{choices}\n    Which one is it? Type its number, or 0 if it is none of them"
IS_IT: Final = "{name}: is that right?"


@dataclass(frozen=True)
class Place:
    """Asks `person` for the region, unless `declared` has it; `regions` are those that policies speak of."""

    person: Person | None = None
    declared: str | None = None
    regions: tuple[str, ...] = ()
    time_zone: Callable[[], str | None] = local_zone

    name: ClassVar[str] = "place"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (REGION, TIMEZONE)
    reveals: ClassVar[str] = "The country, state or province that you say you work in, and your computer's time zone."
    deadline_seconds: ClassVar[float] = 600.0

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Place:
        """Return the probe for one check; nobody is asked where no policy wants to know."""
        return cls(setup.person if setup.regions is not None else None, setup.declared_region, setup.regions or ())

    @property
    def needs(self) -> frozenset[Need]:
        """Somebody to ask, where the answer is not there yet."""
        return frozenset({Need.PERSON}) if self.person and self.declared is None else frozenset()

    def run(self) -> Iterator[Measurement]:
        """Look up the time zone and ask for the region."""
        zone = self.time_zone()
        if zone is None:
            yield Measurement.failed(TIMEZONE, _no_zone())
        else:
            yield Measurement(TIMEZONE, zone)
        try:
            region = self.declared or self._asked()
        except ProbeError as error:
            yield Measurement.failed(REGION, error)
        else:
            yield Measurement(REGION, region, details={"timezone": zone} if zone else {})

    def _asked(self) -> str:
        """Return the code of the region that the person names. Raises ProbeError when none comes of it."""
        if self.person is None:
            raise _needs_person()
        wider, question = "", WHERE
        for _ in range(TRIES):
            typed = self.person.enter(question)
            code = self._chosen(self.person, iso_3166.find(typed, wider), typed)
            if code is None:
                continue
            if self._wants_part(code):
                wider, question = code, WHICH_PART.format(country=iso_3166.name_of(code))
                continue
            if self.person.ask(IS_IT.format(name=iso_3166.name_of(code))):
                return code
            wider, question = "", WHERE
        raise _not_declared()

    def _chosen(self, person: Person, codes: list[str], typed: str) -> str | None:
        if len(codes) > 1:
            choices = "\n".join(f"    {n}  {iso_3166.name_of(code)} ({code})" for n, code in enumerate(codes, start=1))
            number = person.count(WHICH_ONE.format(choices=choices), len(codes))
            return codes[number - 1] if number else None
        if not codes and typed:
            person.tell(NOT_FOUND.format(typed=typed[:60]))
        return codes[0] if codes else None

    def _wants_part(self, code: str) -> bool:
        """Tell whether a policy speaks of parts of this country, so that the country alone would not do."""
        return "-" not in code and any(region.startswith(code + "-") for region in self.regions)


def _no_zone() -> ProbeError:
    return ProbeError(
        "no_time_zone", "Set the time zone of this computer in its settings.", message="the computer names no time zone"
    )


def _needs_person() -> ProbeError:
    return ProbeError(
        "needs_person",
        'Run the check yourself, without --unattended, or declare it in a file of --answers:  place.region = "US-TX"',
        message="only you can say where you work from",
        at_fault="person",
    )


def _not_declared() -> ProbeError:
    return ProbeError(
        "not_declared",
        "Run the check again and type the country, or state and country, for example: Texas, United States",
        message="no country, state or province was named",
        at_fault="person",
    )
