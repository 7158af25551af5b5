"""Adding a program, and what it is described with: title, purpose, retention, language of letters, four eyes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import program_changes
from homecheck.collector.access import ADMINISTER
from homecheck.collector.problems import Problem
from homecheck.collector.program_changes import Description
from homecheck.collector.program_defaults import PURPOSE, RETENTION_DAYS
from homecheck.collector.publishing import Draft, read_draft
from homecheck.collector.store import programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.programs import Program
from homecheck.collector.store.retention import Due, due_in
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.views.mistakes import CHANGED, is_about, status_of, wrong_field
from homecheck.collector.views.policies import LIMIT
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.errors import SetupError
from homecheck.locale import LANGUAGES, SOURCE
from homecheck.policy import DEFAULT_POLICY, MAX_TEXT, PRESETS, preset_text

OWN: Final = "own"  # chosen in the place of a preset: the text in the form
FIELDS: Final = ("id", "title", "purpose", "retention", "language", "policy")


@dataclass(frozen=True)
class ProgramSettingsPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/new-program", self.ask, ADMINISTER),
            self.site.write("/new-program", self.add, ADMINISTER, limit=LIMIT),
            self.site.read("/programs/{id}/settings", self.settings, ADMINISTER),
            self.site.write("/programs/{id}/settings", self.change, ADMINISTER),
        ]

    def ask(self, visit: Visit) -> Response:
        """Show the form of a new program."""
        visit.check(ADMINISTER, EVERYWHERE)
        days = str(RETENTION_DAYS)
        return self._new(visit, {"purpose": PURPOSE, "retention": days, "language": SOURCE, "policy": DEFAULT_POLICY})

    def add(self, visit: Visit) -> Response:
        """Add a program with its first policy; what is wrong is named, and what was typed stays."""
        visit.check(ADMINISTER, EVERYWHERE)
        form, by, now = visit.form, visit.by, self.site.collector.clock()
        name, four_eyes = form.get("id", "").strip(), form.get("four_eyes") == "1"
        draft = None
        try:
            described = _described(form)
            draft = _first_policy(form)
            policy, text = draft.policy, draft.text
            if policy is None:
                raise SetupError(f"policy: {draft.mistake}", draft.advice)
            self.site.do(
                lambda db: program_changes.begin(db, name, described, policy, text, four_eyes=four_eyes, by=by, now=now)
            )
        except (SetupError, Problem) as error:
            return self._new(visit, form, error=error, draft=draft)
        return see_other(f"/programs/{name}")

    def settings(self, visit: Visit) -> Response:
        """Show the form of what describes a program."""
        found = self.site.program(visit, ADMINISTER)
        return self._form(visit, found, _as_form(found))

    def change(self, visit: Visit) -> Response:
        """Describe a program otherwise. A shorter retention that would delete something is asked for once more."""
        found, form = self.site.program(visit, ADMINISTER), visit.form
        by, now, four_eyes = visit.by, self.site.collector.clock(), visit.form.get("four_eyes") == "1"

        def work(db: Connection) -> None:
            visit.check_as_it_was(program_changes.tag(programs.get(db, found.id)))
            program_changes.change(db, found.id, wanted, by=by, now=now)
            program_changes.set_four_eyes(db, found.id, four_eyes, by=by, now=now)

        try:
            wanted = _described(form)
            if wanted.retention_days < found.retention_days and form.get("typed", "").strip() != found.id:
                would = due_in(self.site.db(), found.id, wanted.retention_days, now)
                if not would.nothing:
                    return self._confirm(visit, found, would)
            self.site.do(work)
        except (SetupError, Problem) as error:
            return self._form(visit, programs.get(self.site.db(), found.id), form, error=error)
        return see_other(f"/programs/{found.id}")

    def _new(
        self,
        visit: Visit,
        form: Mapping[str, str],
        *,
        error: SetupError | Problem | None = None,
        draft: Draft | None = None,
    ) -> Response:
        return self.site.html(
            "new_program.html",
            visit,
            status=status_of(error),
            form=form,
            error=error,
            wrong="" if error is None else "id" if is_about(error, "exists") else wrong_field(error.message, FIELDS),
            line=draft.line if draft else None,
            presets=PRESETS,
            own=OWN,
            most=MAX_TEXT,
            languages=LANGUAGES,
            limits=program_changes,
        )

    def _form(
        self,
        visit: Visit,
        program: Program,
        form: Mapping[str, str],
        *,
        error: SetupError | Problem | None = None,
    ) -> Response:
        stale = is_about(error, CHANGED)
        return self.site.html(
            "program_settings.html",
            visit,
            status=status_of(error),
            program=program,
            form=form,
            state=program_changes.tag(program) if stale or error is None else form.get("state", ""),
            error=error,
            wrong=wrong_field(error.message, FIELDS) if error else "",
            stale=stale,
            words=Description.of(program).words,
            languages=LANGUAGES,
            limits=program_changes,
        )

    def _confirm(self, visit: Visit, program: Program, would: Due) -> Response:
        """Ask before something is deleted: by typing the program's id."""
        typed = visit.form.get("typed")
        return self.site.html(
            "shorter_retention.html",
            visit,
            status=200 if typed is None else 400,
            program=program,
            would=would,
            form=visit.form,
            typed=typed,
        )


def _as_form(one: Program) -> dict[str, str]:
    return {
        "title": one.title,
        "purpose": one.purpose,
        "retention": str(one.retention_days),
        "language": one.language,
        "four_eyes": "1" if one.four_eyes else "",
    }


def _described(form: Mapping[str, str]) -> Description:
    """Return what a form says of a program, checked. SetupError names the field."""
    title, purpose = (" ".join(form.get(name, "").split()) for name in ("title", "purpose"))
    days = form.get("retention", "").strip()
    if not (days.isascii() and days.isdecimal() and len(days) < 7):
        raise SetupError(
            f"retention: {days!r:.30} is no number of days", f"Choose 1 to {program_changes.LONGEST} days."
        )
    wanted = Description(title, purpose, int(days), form.get("language", SOURCE))
    wanted.check()
    return wanted


def _first_policy(form: Mapping[str, str]) -> Draft:
    """Return the preset that was chosen, or the text that was written. SetupError for both, and for neither."""
    chosen, text = form.get("policy", ""), form.get("text", "")
    if chosen == OWN:
        if not text.strip():
            raise SetupError("policy: your own text is chosen, and there is none", "Write it, or choose a preset.")
        return read_draft(text)
    if chosen not in PRESETS:
        raise SetupError("policy: none is chosen", "Choose a preset, or your own text.")
    if text.strip():
        raise SetupError(
            f"policy: {chosen} is chosen, and a text is written as well", "Empty the text, or choose your own text."
        )
    return read_draft(preset_text(chosen))
