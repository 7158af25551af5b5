"""The pages of the guide, made from the sitting as it is at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck import spool
from homecheck.callback import is_confirmation
from homecheck.drift import Setups
from homecheck.errors import OURS, HomecheckError
from homecheck.evidence import Evidence
from homecheck.locale import LANGUAGES, Translator
from homecheck.measurement import Measurement
from homecheck.policy import PRESETS, Policy, Question, load_policy
from homecheck.printable import printable
from homecheck.report.languages import WRITTEN_IN, own_words
from homecheck.report.to_do import finding_words
from homecheck.report.words import (
    CONFIRMED_CALL,
    HEADLINES,
    SEEN_BY_THE_FAR_END,
    SYMBOLS,
    VERDICT_WORDS,
    finding_label,
    label,
    where_to,
)
from homecheck.shares import Judged
from homecheck.signing import decode_base64url, digest
from homecheck.ui import outcome
from homecheck.ui.graph import HEIGHT, LEFT, WIDTH, graph
from homecheck.ui.live import loudness, share_of_meter
from homecheck.ui.sitting import PREPARING, SENDING, Sitting
from homecheck.ui.steps import BY_NAME, QUESTIONS, asked_of, step_with
from homecheck.ui.understanding import questions
from homecheck.ui.unfinished import Unfinished
from homecheck.ui.words import (
    DELIVERY,
    LEADS,
    LOUDNESS,
    NOT_ALL_SENT,
    NOT_TAKEN,
    NOTHING_SENT,
    PARTS,
    PHASES,
    TITLES,
    UNSEEN,
)
from homecheck.ui.words import SENDING as IS_SENDING

BEFORE: Final = ("welcome", "understand", "consent")
METER: Final = "meter"
_SHOWN_ON: Final = {METER: "headset", PREPARING: "consent", SENDING: "done"}  # jobs that are no step of their own


@dataclass
class Pages:
    """Makes pages; holds nothing but the templates."""

    sitting: Sitting
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = Environment(
            loader=PackageLoader("homecheck.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip

    # --- The order of things.

    def names(self) -> tuple[str, ...]:
        """Return the names of all pages in order; in a private check there is nobody to send to."""
        after = ("result",) if self.sitting.private else ("result", "preview", "done")
        return (*BEFORE, *self.sitting.steps, *after)

    def after(self, name: str) -> str:
        """Return the page after this one."""
        names = self.names()
        return names[min(names.index(name) + 1, len(names) - 1)]

    def may_see(self, name: str) -> bool:
        """Tell whether a page is open already: nothing is measured or sent before the person has agreed."""
        if name in BEFORE[:2]:
            return True
        if name == "consent":
            return self.sitting.understood
        if name in ("preview", "done"):
            return self.sitting.agreed_at is not None and bool(self.sitting.kept.runs)
        return self.sitting.agreed_at is not None

    def current(self) -> str:
        """Return the page where the person is to go on."""
        sitting = self.sitting
        if not sitting.understood:
            return "welcome"
        if sitting.agreed_at is None or self._asks_for_more() or self._is_running(PREPARING):
            return "consent"
        if sitting.busy and sitting.job is not None:
            return _SHOWN_ON.get(sitting.job.name, sitting.job.name)
        if sitting.sent:
            return "done"
        return next((step for step in sitting.steps if not sitting.is_done(step)), "result")

    # --- Pages.

    def step(self, name: str, say: Translator, **more: Any) -> str:
        """Return one page."""
        pages: dict[str, Callable[[Translator], tuple[str, dict[str, Any]]]] = {
            "welcome": self._welcome,
            "understand": self._understand,
            "consent": self._consent,
            "questions": self._questions,
            "result": self._result,
            "preview": self._preview,
            "done": self._done,
        }
        make = pages.get(name) or partial(self._measuring, name)
        # Before what was found: a page that says that nothing runs shows all that was measured.
        job = self._job(name, say)
        template, context = make(say)
        return self._render(template, name, say, **{**job, **context, **more})

    def goodbye(self, say: Translator) -> str:
        """Return the last page, which needs no server any more."""
        until = self.sitting.kept_until
        return self._render("goodbye.html", "done", say, until=say.time(until) if until else "")

    def refusal(self, text: str, say: Translator) -> str:
        """Return a page that says why there is no other; it tells nothing of the sitting."""
        return self.environment.get_template("refusal.html").render(_=say, language=say.language, text=say.say(text))

    def live(self, name: str, say: Translator) -> dict[str, Any]:
        """Return what the script shows while something runs: the panel, the level and the graph."""
        job = self.sitting.job
        if job is None or _SHOWN_ON.get(job.name, job.name) != name:
            return {"running": False, "version": self.sitting.version}
        level = job.live.level()
        word = LOUDNESS["none" if level is None else loudness(level)]
        return {
            "running": job.running,
            "version": self.sitting.version,
            "panel": self._fragment("_panel.html", name, say),
            "level": None if level is None else share_of_meter(level),
            "loudness": say(word),
            "graph": self._fragment("_graph.html", name, say) if job.live.news else None,
        }

    def _render(self, template: str, name: str, say: Translator, **context: Any) -> str:
        sitting, names = self.sitting, self.names()
        base = {
            "_": say,
            "say": say.say,
            "language": say.language,
            "languages": LANGUAGES,
            "name": name,
            "title": say(TITLES[name]),
            "titles": TITLES,
            "names": names,
            "number": names.index(name) + 1 if name in names else len(names),
            "may_see": self.may_see,
            "done": self._is_passed,
            "after": self.after(name) if name in names else name,
            "sitting": sitting,
            "notes": tuple(sitting.notes),
        }
        return self.environment.get_template(template).render({**base, **self._job(name, say), **context})

    def _fragment(self, template: str, name: str, say: Translator) -> str:
        shared = {"_": say, "say": say.say, "name": name}
        return self.environment.get_template(template).render(**shared, **self._job(name, say))

    def _job(self, name: str, say: Translator) -> dict[str, Any]:
        """Return what templates show of what runs on this page."""
        job = self.sitting.job
        if job is None or _SHOWN_ON.get(job.name, job.name) != name:
            job = None
        live = job.live if job else None
        level = live.level() if live else None
        drawn = graph(list(live.news)) if live and live.news else None
        parts = list(job.parts.values()) if job else []  # of this moment: they change in another thread
        return {
            "job": job,
            "running": job is not None and job.running,
            "metering": job is not None and job.running and job.name == METER,
            "parts": [(say(PARTS.get(part.probe, part.probe)), part) for part in parts],
            "said": say.say(job.person.said[-1]) if job and job.person.said else "",
            "prompt": job.person.prompt if job else None,
            "level": None if level is None else share_of_meter(level),
            "loudness": say(LOUDNESS["none" if level is None else loudness(level)]),
            "graph": drawn,
            "phase": say(PHASES[drawn.phase if drawn else ""]),
            "phases": {line.phase: say(PHASES[line.phase]) for line in drawn.delay.lines + drawn.speed.lines}
            if drawn
            else {},
            "size": (WIDTH, HEIGHT, LEFT),
        }

    def _asks_for_more(self) -> bool:
        return bool(self.sitting.more) and not self.sitting.declined_more

    def _is_running(self, name: str) -> bool:
        return self.sitting.busy and self.sitting.job is not None and self.sitting.job.name == name

    def _is_passed(self, name: str) -> bool:
        sitting = self.sitting
        if name in ("welcome", "understand"):
            return sitting.understood
        if name == "consent":
            return sitting.agreed_at is not None
        if name in sitting.steps:
            return sitting.agreed_at is not None and sitting.is_done(name)
        return bool(sitting.sent) if name in ("preview", "done") else False

    # --- What each page shows.

    def _welcome(self, say: Translator) -> tuple[str, dict[str, Any]]:
        presets = [(name, say.say(load_policy(name).title)) for name in PRESETS]
        begun = Begun.of(self.sitting.offered, say) if self.sitting.offered else None
        return "welcome.html", {
            "presets": presets,
            "asked": self._asked(say),
            "connections": self._connections(),
            "unseen": UNSEEN,
            "begun": begun,
        }

    def _understand(self, _say: Translator) -> tuple[str, dict[str, Any]]:
        return "understand.html", {
            "asked": questions(private=self.sitting.private),
            "companies": ", ".join(dict.fromkeys(one.collector_name for one in self.sitting.enrolments)),
            "given": {},
            "wrong": (),
        }

    def _consent(self, say: Translator) -> tuple[str, dict[str, Any]]:
        more = [
            (one.collector_name, sorted(say.say(label(name)) for name in self.sitting.more[one.program]))
            for one in self.sitting.enrolments
            if one.program in self.sitting.more and not self.sitting.declined_more
        ]
        parts = [step for step in self.sitting.steps if step != QUESTIONS]
        return "consent.html", {"more": more, "failure": self._failure(say, PREPARING), "measured": parts}

    def _asked(self, say: Translator) -> list[str]:
        """Return what the policies ask for, as people call it."""
        return sorted({say.say(label(name)) for name in asked_of(self.sitting.policies) if _has_label(name)})

    def _connections(self) -> list[str]:
        """Return where this computer would connect to for the policies, beside the companies' own servers."""
        return sorted({where_to(target.address) for policy in self.sitting.policies for target in policy.tried()})

    def _measuring(self, name: str, say: Translator) -> tuple[str, dict[str, Any]]:
        kept = self.sitting.kept
        runs = [kept.runs[probe].run for probe in _probes(name, kept.runs) if probe in kept.runs]
        asked = asked_of(self.sitting.policies)
        found = tuple(one for run in runs for one in run.measurements if one.quantity.name in asked)
        newest = [kept.missed[run.probe] for run in runs if run.probe in kept.missed]
        missed = tuple(one for run in newest for one in run.measurements if one.failure and one.quantity.name in asked)
        times = max((kept.counts.get(run.probe, 0) for run in runs), default=0)
        devices, why = self._headsets(say) if name == "headset" else ([], "")
        chosen, whole = self.sitting.headset, all(map(self.sitting.is_done, self.sitting.steps))
        return "measure.html", {
            "after": "result" if whole else self.after(name),  # who repeats one part need not go through the others
            "lead": say(LEADS[name]),
            "rows": outcome.together(outcome.rows(found, say)),
            "missed": outcome.together(outcome.rows(missed, say)),
            "times": times,
            "failure": self._failure(say, name, METER if name == "headset" else ""),
            "incomplete": any(one.failure is not None and one.failure.at_fault not in OURS for one in found),
            "devices": devices,
            "chosen_gone": chosen is not None and chosen not in {one.name for one in devices},
            "no_devices": why,
        }

    def _headsets(self, say: Translator) -> tuple[list[Any], str]:
        """Return the microphones there are, or why they cannot be told."""
        from homecheck.instruments.audio import endpoints

        try:
            return [one for one in endpoints() if one.is_input], ""
        except HomecheckError as error:
            return [], sentences(error, say)

    def _failure(self, say: Translator, *names: str) -> str:
        """Return why the last of these jobs ended, if an error ended it."""
        errors = (self.sitting.failures.get(name) for name in names)
        return next((sentences(error, say) for error in errors if error is not None), "")

    def _questions(self, say: Translator) -> tuple[str, dict[str, Any]]:
        return "questions.html", {"asked": self._asked_questions(say), "own_words": self._own_words(say)}

    def _asked_questions(self, say: Translator) -> list[Asked]:
        answers = self.sitting.answers
        found = {
            question.id: Asked.of(question, policy, say, answers.get(question.id))
            for policy in self.sitting.policies
            for question in policy.declarations
        }
        return [found[question.id] for question in self.sitting.questions]

    def _own_words(self, say: Translator) -> list[str]:
        """Return in which language companies wrote what is shown as they wrote it."""
        said = (own_words(policy, say) for policy in self.sitting.policies)
        return list(dict.fromkeys(filter(None, said)))

    def _result(self, say: Translator) -> tuple[str, dict[str, Any]]:
        missing = [step for step in self.sitting.steps if not self.sitting.is_done(step)]
        return "result.html", {"results": self._shown(self.sitting.judged(), say), "missing": missing}

    def _shown(self, judged: list[Judged], say: Translator) -> list[Shown]:
        setups = self.sitting.setups()
        programs = [one.enrolment.program if one.enrolment else "" for one in judged]
        return [
            Shown.of(one, setups.get(program), self._kept_in(one), say)
            for one, program in zip(judged, programs, strict=True)
        ]

    def _kept_in(self, judged: Judged) -> str:
        """Return the file of what was handed over, as a command line takes it; empty where there is none."""
        home, name = self.sitting.home, digest(judged.envelope)
        places = (home.receipts / f"{name.removeprefix('sha256:')}.jws", spool.envelope_path(home, name))
        found = next((str(path) for path in places if path.is_file()), "")
        return f'"{found}"' if " " in found else found

    def _preview(self, say: Translator) -> tuple[str, dict[str, Any]]:
        judged = self.sitting.judged()
        asked = {one.id: one for one in self._asked_questions(say)}
        return "preview.html", {
            "envelopes": [Envelope.of(one.evidence, one.envelope, one.enrolment, asked, say) for one in judged],
            "digests": " ".join(digest(one.envelope) for one in judged),
            "unseen": UNSEEN,
            "changed": False,
        }

    def _done(self, say: Translator) -> tuple[str, dict[str, Any]]:
        context = {"results": self._shown(self.sitting.sent, say), "delivery": DELIVERY}
        return "done.html", {**context, "failure": self._failure(say, SENDING), "title": say(self._what_became())}

    def _what_became(self) -> str:
        """Return what became of it in two or three words: nobody is to read that something was sent that was not."""
        fates = {one.delivery.status for one in self.sitting.sent if one.delivery}
        if self._is_running(SENDING):
            return IS_SENDING
        if not fates:
            return NOTHING_SENT
        return NOT_ALL_SENT if "waiting" in fates else NOT_TAKEN if "refused" in fates else TITLES["done"]


def sentences(error: HomecheckError, say: Translator) -> str:
    """Return what happened and what to do."""
    return f"{say.say(error.message)}. {say.say(error.advice)}".strip()


@dataclass(frozen=True)
class Asked:
    """One question of a policy, in the best language there is, and the answer so far."""

    id: str
    text: str
    language: str
    language_name: str
    translated: bool
    reason: outcome.Told
    answer: bool | None

    @classmethod
    def of(cls, question: Question, policy: Policy, say: Translator, answer: bool | None) -> Asked:
        """Return the question as the person reads it."""
        text, written = outcome.worded(question, say)
        name = say(WRITTEN_IN.get(written, written))
        reason = outcome.Told.of(question.reason, policy, say)
        return cls(question.id, text, written, name, written == say.language, reason, answer)


@dataclass(frozen=True)
class Begun:
    """A check that an earlier guide did not end: since when, until when it is kept, and the parts that were done."""

    at: str
    until: str
    parts: list[str]

    @classmethod
    def of(cls, one: Unfinished, say: Translator) -> Begun:
        """Return it as the person reads it."""
        steps = dict.fromkeys(step_with(name).name for name in one.kept.runs)
        return cls(say.time(one.agreed_at), say.time(one.ends_at), [say(TITLES[name]) for name in steps])


@dataclass(frozen=True)
class Shown:
    """One program's result."""

    judged: Judged
    headline: str
    symbol: str
    verdict: str
    word: str
    policy: outcome.Told
    company: str
    changes: list[outcome.Change]
    findings: list[tuple[str, str, str, tuple[str, outcome.Told], bool]]
    preview: bool
    own_words: str
    first_on: str
    drift: list[str]
    kept_in: str

    @classmethod
    def of(cls, judged: Judged, setups: Setups | None, kept_in: str, say: Translator) -> Shown:
        """Return a result as the person reads it; `setups` is what was plugged in at the first check, and is now.

        `kept_in` is the file where it is kept.
        """
        final = judged.final
        findings = [
            (say.say(finding_label(one)), one.verdict.word, f"{SYMBOLS[one.verdict]} {finding_words(one, say)}",
             outcome.answered(one, judged.policy, say), one.severity == "advisory")
            for one in final.findings
        ]  # fmt: skip
        return cls(
            judged,
            say.say(HEADLINES[final.verdict]),
            SYMBOLS[final.verdict],
            final.verdict.word,
            say.say(VERDICT_WORDS[final.verdict]),
            outcome.Told.of(judged.policy.title or judged.policy.name, judged.policy, say),
            judged.enrolment.collector_name if judged.enrolment else "",
            outcome.changes(judged, say),
            findings,
            not judged.is_received,
            own_words(judged.policy, say),
            say.date(setups.first.at.astimezone()) if setups else "",
            [say.say(printable(one.words())) for one in setups.differences()] if setups else [],
            kept_in,
        )


@dataclass(frozen=True)
class Envelope:
    """What would be sent to one company: in words, and byte for byte."""

    company: str
    title: str
    rows: list[outcome.Row]
    details: list[tuple[str, str]]
    answers: list[tuple[outcome.Told, bool]]
    along: list[str]
    payload: str
    envelope: str
    digest: str
    size: int

    @classmethod
    def of(
        cls, evidence: Evidence, envelope: bytes, enrolment: Any, questions: Mapping[str, Asked], say: Translator
    ) -> Envelope:
        """Return the envelope as the person reads it; `questions` are those of the declarations, by id."""
        measured = tuple(evidence.measurements())
        observed = {is_confirmation(text) for text in evidence.observations}
        along = [say.say(CONFIRMED_CALL if called else SEEN_BY_THE_FAR_END) for called in sorted(observed)]
        return cls(
            enrolment.collector_name if enrolment else "",
            enrolment.title if enrolment else "",
            list(outcome.rows(measured, say)),
            [(say.say(label(one.quantity.name)), _plain(one)) for one in measured if one.details],
            [(_question(one.id, questions), one.answer) for one in evidence.declarations],
            along,
            decode_base64url(envelope.decode("ascii").split(".")[1], "schema").decode("utf-8"),
            envelope.decode("ascii"),
            digest(envelope),
            len(envelope),
        )


def _question(name: str, questions: Mapping[str, Asked]) -> outcome.Told:
    asked = questions.get(name)
    return outcome.Told(asked.text, None if asked.translated else asked.language) if asked else outcome.Told(name)


def _plain(measurement: Measurement) -> str:
    return json.dumps(dict(measurement.details), ensure_ascii=False)


def _probes(step: str, kept: Mapping[str, object]) -> tuple[str, ...]:
    """Return the probes of a step; strangers' ran with those of this computer."""
    shipped = BY_NAME[step].probes
    if step != "computer":
        return shipped
    known = {name for other in BY_NAME.values() for name in other.probes}
    return (*shipped, *(name for name in kept if name not in known))


def _has_label(name: str) -> bool:
    return not name.startswith("declaration.") and not name.endswith(".earlier")
