"""One sitting in front of the guide, from the first page to the answer of the collector; it ends with the program.

Everything here is shared by all tabs and all browsers that came in with an address of this program. Requests change it
under one lock; what takes time runs in a `Job`. Nothing is asked of a collector, and nothing measured, before the
person has agreed; when they withdraw, all that was measured is forgotten. What was measured outlasts the program for a
day (`unfinished`): the next guide offers to go on with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from homecheck import drift, durable, history, spool
from homecheck.agent import Collected, collect
from homecheck.caller import CollectorCaller
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.drift import Setups
from homecheck.enrolment import (
    LEFT_OUT,
    Damaged,
    Enrolment,
    agree,
    fetch_nonce,
    load_enrolments,
    read_enrolments,
    refresh_policy,
)
from homecheck.errors import DeliveryError, HomecheckError, StateError
from homecheck.evidence import Declaration
from homecheck.exchange import Http, new_session
from homecheck.file_lock import exclusive
from homecheck.handover import PATIENCE_SECONDS, hand_over
from homecheck.history import Source
from homecheck.measurement import CheckSetup, Probe
from homecheck.noted import note
from homecheck.policy import DEFAULT_POLICY, PRESETS, Policy, Question, load_policy
from homecheck.shares import Judged, Share, judge, observed_for, private_share, program_share, setup_for
from homecheck.signing import digest
from homecheck.ui import unfinished
from homecheck.ui.job import Job
from homecheck.ui.kept import Kept
from homecheck.ui.spending import may_load
from homecheck.ui.steps import BY_NAME, CONNECTION, QUESTIONS, Step, asked_of, probes_of, steps_for
from homecheck.ui.understanding import N_
from homecheck.ui.unfinished import Unfinished
from homecheck.upload import deliver_waiting

PROOF_LASTS: Final = timedelta(minutes=9)  # a collector's challenge lives for ten
SENDING: Final = "send"
PREPARING: Final = "prepare"
EARLIER_SECONDS: Final = 3.0
SENT_NOW: Final = N_("A check of earlier that was waiting on this computer has now been sent.")
ARRIVED: Final = N_(
    "{company} had received it already when you changed your mind. To have it deleted there, ask the company."
)
Build = Callable[[CheckSetup], list[Probe]]


def installed_probes(setup: CheckSetup) -> list[Probe]:
    """Return every probe that is installed, told what this check is about."""
    from probes import installed  # here: probes bring their own packages, which the first page need not wait for

    return [probe.for_check(setup) for probe in installed()]


@dataclass
class Sitting:
    """The state of one guided check; `build` makes the probes, so that a test can make quicker ones."""

    home: Home
    http: Http = field(default_factory=new_session)
    build: Build = installed_probes
    clock: Callable[[], datetime] = utc_now
    patience_seconds: float = PATIENCE_SECONDS

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 0
        self.language: str | None = None  # what the switch chose; None: what the browser prefers
        self.understood = False
        self.agreed_at: datetime | None = None
        self.headset: str | None = None
        known = read_enrolments(self.home)
        self.left_out = [_left_out(one) for one in known.damaged]
        self.notes: list[str] = list(self.left_out)
        self.companies = known.some()  # also while somebody tries for themselves
        self.enrolments: tuple[Enrolment, ...] = self.companies
        self.preset = DEFAULT_POLICY
        self.job: Job | None = None
        self._forget()
        self.kept_until: datetime | None = None  # what stands in the file, when it is a check of this sitting
        self.offered = self._offer()

    def _forget(self) -> None:
        self.kept = Kept()
        self.answers: dict[str, bool] = {}
        self.nonces: dict[str, tuple[str, datetime]] = {}
        self.shares: list[Share] = []
        self._judged: list[Judged] | None = None  # until something is measured, answered or asked anew
        self.sent: list[Judged] = []
        self.handed: list[Judged] = []  # all that was handed over since the agreement, also before parts were redone
        self.failures: dict[str, HomecheckError] = {}
        self.declined_more = False

    # --- For whom, and what they ask.

    @property
    def private(self) -> bool:
        """Whether this is for nobody but the person."""
        return not self.enrolments

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies of this check."""
        if self.private:
            return (load_policy(self.preset),)
        return tuple(enrolment.policy for enrolment in self.enrolments)

    @property
    def steps(self) -> tuple[str, ...]:
        """The measuring steps, and the questions."""
        return steps_for(self.policies)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the policies want declared, each once."""
        found = {question.id: question for policy in self.policies for question in policy.declarations}
        return tuple(found.values())

    def check_privately(self, preset: str | None) -> None:
        """Check for nobody, by a preset, or for the enrolled programs again (None); what was measured is forgotten.

        PolicyError for a preset that is not there.
        """
        with self.lock:
            if self.busy:
                return
            if preset is not None:
                load_policy(preset)
                self.preset = preset
            self.companies = load_enrolments(self.home)
            self.enrolments = () if preset is not None else self.companies
            self.understood, self.agreed_at = False, None
            self._forget()
            self._forget_file()
            self.changed()

    # --- A check that an earlier guide did not end.

    def _offer(self) -> Unfinished | None:
        """Return the check that was not ended, if it is for those who would get this one."""
        try:
            found = unfinished.load(self.home, self.clock())
            if found is None:
                return None
            own = {one.kid for one in self.enrolments}
            if found.preset in PRESETS if found.preset is not None else (bool(own) and set(found.kids) == own):
                return found
            unfinished.forget(self.home)  # whom it was for is not whom this one is for
        except StateError as error:
            self.notes = [*self.left_out, f"{error.message}. {error.advice}"]
        return None

    def go_on(self) -> None:
        """The person goes on with the check that was not ended: agreement, answers and values are as they were."""
        with self.lock:
            one = self.offered
            if one is None or self.busy or self.agreed_at is not None:
                return
            if one.preset is not None:
                self.preset, self.enrolments = one.preset, ()
            self._forget()
            self.offered, self.kept_until = None, one.ends_at
            self.understood, self.agreed_at, self.headset = True, one.agreed_at, one.headset
            self.kept, self.answers, self.nonces = one.kept, dict(one.answers), dict(one.nonces)
            self.declined_more = one.declined_more
            if not self.private:
                self._run(PREPARING, lambda _job: self._prepare())
            self.changed()

    def begin_anew(self) -> None:
        """The person has the check that was not ended forgotten."""
        with self.lock:
            one = self.offered
            if one is None:
                return
            self._forget_file()
            self.changed()
        if one.kept.runs and self.home.history.exists():
            history.forget_since(self.home, one.agreed_at, one.kept.collected().finished_at)

    def _keep_file(self) -> None:
        """Keep what was measured and answered so far; a full disk costs no check, and is told."""
        assert self.agreed_at is not None
        kids = () if self.private else tuple(one.kid for one in self.companies)  # also of those that are left out
        preset = self.preset if self.private else None
        one = Unfinished(
            self.agreed_at, kids, preset, self.headset, self.answers, self.nonces, self.declined_more, self.kept
        )
        try:
            unfinished.store(self.home, one)
        except StateError as error:
            self.notes = [*self.left_out, f"{error.message}. {error.advice}"]
        else:
            self.kept_until = one.ends_at

    def _forget_file(self) -> None:
        self.offered = self.kept_until = None
        unfinished.forget(self.home)

    # --- Consent.

    def agree(self) -> None:
        """The person agrees: from now on things are measured, and the collectors asked for their newest policies."""
        with self.lock:
            if self.agreed_at is None and self.understood:
                try:
                    self._forget_file()  # of an earlier one, which they did not go on with
                except StateError as error:
                    self.notes = [*self.left_out, f"{error.message}. {error.advice}"]
                self.agreed_at = self.clock()
                if not self.private:
                    self._run(PREPARING, lambda _job: self._prepare())
            self.changed()

    def withdraw(self) -> None:
        """The person takes the agreement back: what was measured is forgotten, and nothing is sent."""
        with self.lock:
            if self.job:
                self.job.stop()
            since, self.understood, self.agreed_at = self.agreed_at, False, None
            self._take_back(self.handed)
            self._forget()
            self._forget_file()
            self.changed()
        if since is not None and self.home.history.exists():
            history.forget_since(self.home, since)

    @property
    def more(self) -> dict[str, frozenset[str]]:
        """What collectors ask beyond what the person once agreed to, by program."""
        beyond = {one.program: one.policy.asks() - one.agreed for one in self.enrolments}
        return {program: names for program, names in beyond.items() if names}

    def agree_to_more(self) -> None:
        """The person agrees to all that the newest policies ask for."""
        with self.lock:
            self.enrolments = tuple(agree(one, self.home) for one in self.enrolments)
            self._judged = None
            self.shares = []
            self.changed()

    def decline_more(self) -> None:
        """The person goes on without what was asked beyond the agreement: it is not sent."""
        with self.lock:
            self.declined_more = True
            self.changed()

    def _prepare(self) -> None:
        newest = tuple(refresh_policy(one, self.home, self.http) for one in self.enrolments)
        with self.lock:
            self.enrolments = newest
            self._ready_shares()  # whom nothing can be signed for is told now, not after everything was measured
            self.notes = [*self.left_out, *(one.policy_note for one in newest if one.policy_note)]
        told = self._send_earlier()
        with self.lock:
            self.notes = [*self.notes, *told]

    def _send_earlier(self) -> list[str]:
        """Try what waits from earlier checks, and return what is to be told; a company that is away costs seconds."""
        if not spool.waiting(self.home):
            return []
        sent = deliver_waiting(self.home, self.http, deadline_seconds=EARLIER_SECONDS)
        return [SENT_NOW] if any(one.status == "accepted" for one in sent) else []

    # --- Measuring.

    @property
    def busy(self) -> bool:
        """Whether something runs."""
        return self.job is not None and self.job.running

    def is_done(self, step: str) -> bool:
        """Tell whether a step has been taken."""
        if step == QUESTIONS:
            return all(question.id in self.answers for question in self.questions)
        names = BY_NAME[step].probes
        return any(name in self.kept.runs for name in names) or (
            step == "computer" and any(name not in _SHIPPED for name in self.kept.runs)
        )

    def measure(self, step: str) -> None:
        """Begin to measure a step, unless something runs or nothing was agreed to."""
        with self.lock:
            if self.agreed_at is None or self.busy or step not in self.steps or step == QUESTIONS:
                return
            self._run(step, lambda job: self._measure(BY_NAME[step], job))

    def listen_to_headset(self, seconds: float) -> None:
        """Show the level at the chosen microphone for a while; the sound is dropped as it comes."""
        with self.lock:
            if self.agreed_at is not None and not self.busy:
                self._run("meter", lambda job: _meter(job, self.headset, seconds))

    def answer_questions(self, given: Mapping[str, str]) -> None:
        """Take the answers to the policies' questions; what is neither yes nor no is left as it was."""
        with self.lock:
            if self.agreed_at is None:
                return
            for question in self.questions:
                if given.get(question.id) in ("yes", "no"):
                    self.answers[question.id] = given[question.id] == "yes"
            self._judged, self.sent = None, []
            self._keep_file()
            self.changed()

    def stop(self) -> None:
        """Stop what runs, as soon as that is possible."""
        if self.job is not None:
            self.job.stop()

    def _run(self, name: str, work: Callable[[Job], None]) -> None:
        self.failures.pop(name, None)
        self.job = Job(name, self.changed)
        self.job.start(work, partial(self.failures.__setitem__, name))

    def _measure(self, step: Step, job: Job) -> None:
        agreed_at = self.agreed_at
        durable.make_folder(self.home.root)
        with exclusive(self.home.lock("check")) as held:
            if not held:
                raise HomecheckError(
                    "another check is running on this computer", "Wait until it has finished, then try again."
                )
            self._challenge(fresh=step is CONNECTION)
            setup = self._setup(job)
            probes = self._probes(step, setup)
            if not may_load(setup, probes, job.person):
                probes = self._probes(step, replace(setup, may_load=False))
            collected = collect([job.live.tuned(probe) for probe in probes], job, self.clock)
        with self.lock:
            if self.agreed_at != agreed_at:
                return  # withdrawn meanwhile: it is forgotten like the rest
            self.kept = self.kept.with_runs(collected, asked_of(self.policies))
            self._judged, self.sent = None, []
            self._keep_file()
        self._remember(collected, setup)

    def _probes(self, step: Step, setup: CheckSetup) -> list[Probe]:
        return probes_of(step, self.build(setup), asked_of(self.policies))

    def _remember(self, collected: Collected, setup: CheckSetup) -> None:
        source = Source(setup.responder_url or "", setup.method)
        history.append(self.home, history.load(self.home), collected.runs, source, collected.finished_at)

    def _challenge(self, *, fresh: bool) -> None:
        """Fetch each collector's challenge, where there is none yet or a fresh one is wanted."""
        for enrolment in self.enrolments:
            if fresh or enrolment.program not in self.nonces:
                try:
                    self.nonces[enrolment.program] = fetch_nonce(enrolment, self.http), self.clock()
                except DeliveryError as error:
                    self.notes = [*self.left_out, f"{enrolment.collector_name}: {error.message}"]
        with self.lock:
            self.shares, self._judged = [], None

    def _setup(self, job: Job) -> CheckSetup:
        nonces = {program: nonce for program, (nonce, _) in self.nonces.items()}
        setup = setup_for(self.home, self.enrolments, self.policies, nonces, job.person)
        called = next((share for share in self._ready_shares() if share.asks_for_call), None)
        caller = None
        if called is not None and called.enrolment is not None and called.nonce is not None:
            caller = CollectorCaller(called.enrolment, called.signer, called.nonce, self.http)
        return replace(setup, headset=self.headset, caller=caller, asked=asked_of(self.policies))

    @property
    def proof_is_old(self) -> bool:
        """Whether the measuring server's word on the connection will not count any more, where a policy wants it."""
        wanted = any(one.trust != "self-reported" for policy in self.policies for one in policy.requirements)
        moments = [at for _, at in self.nonces.values()]
        return wanted and CONNECTION.name in self.steps and any(self.clock() - at > PROOF_LASTS for at in moments)

    # --- The result.

    def judged(self) -> list[Judged]:
        """Return each collector's share, signed and judged as a preview; nothing before something was measured."""
        with self.lock:
            if self.agreed_at is None or not self.kept.runs:
                return []
            if self.sent:
                return self.sent
            if self._judged is None:
                self._judged = self._judge()
            return self._judged

    def _judge(self) -> list[Judged]:
        collected = self.kept.collected()
        answers = tuple(Declaration(name, answer) for name, answer in self.answers.items())
        past, judged = self._history(), []
        setup = setup_for(self.home, self.enrolments, self.policies, {}, None)
        for share in self._ready_shares():
            own = observed_for(share, collected, called=share.asks_for_call)
            source = Source(setup.responder_url or "", setup.method)
            asked, shift = share.policy.requirements, share.policy.shift
            own = replace(own, runs=history.with_earlier(own.runs, past, source, asked, shift))
            judged.append(judge(share, own, tuple(one for one in answers if one.id in _ids(share.policy))))
        return judged

    def setups(self) -> dict[str, Setups]:
        """Return what was plugged in at each program's first check, and is now; nothing where no file tells."""
        with self.lock:
            if not self.kept.runs:
                return {}
            collected = self.kept.collected()
        try:
            before = drift.load(self.home)
        except StateError as error:
            self.notes = [*self.left_out, f"{error.message}. {error.advice}"]
            return {}
        now = drift.setup_of(collected.runs, collected.finished_at)
        return {one.program: drift.noted(before.get(one.program), now) for one in self.enrolments}

    def _history(self) -> history.History:
        """Return the levels of earlier runs; a file that cannot be read costs no check."""
        try:
            return history.load(self.home)
        except StateError as error:
            self.notes = [*self.left_out, f"{error.message}. {error.advice}"]
            return history.History()

    def _ready_shares(self) -> list[Share]:
        with self.lock:
            if not self.shares and self.private:
                self.shares = [private_share(self.policies[0], self.home)]
            elif not self.shares:
                self.shares = self._program_shares()
            return self.shares

    def _program_shares(self) -> list[Share]:
        """Return each program's share; one whose key cannot be used is left out, as long as there is another."""
        shares: list[Share] = []
        errors: list[tuple[Enrolment, HomecheckError]] = []
        for enrolment in self.enrolments:
            try:
                shares.append(self._program_share(enrolment))
            except HomecheckError as error:
                errors.append((enrolment, error))
        if errors and not shares:
            raise errors[0][1]
        for enrolment, why in errors:
            told = _left_out(Damaged(enrolment.program, why.message, why.advice))
            self.left_out.append(told)
            self.notes = [*self.notes, told]
        if errors:
            self.enrolments = tuple(share.enrolment for share in shares if share.enrolment)
        return shares

    def _program_share(self, enrolment: Enrolment) -> Share:
        share = program_share(enrolment, self.home)
        nonce = self.nonces.get(enrolment.program)
        return replace(share, nonce=nonce[0] if nonce else None)

    # --- Sending.

    def send(self, names: frozenset[str]) -> bool:
        """Begin to send exactly the envelopes of these digests; False where others would go by now."""
        with self.lock:
            judged = self.judged()
            if (
                not judged
                or self.private
                or self.busy
                or self.sent
                or {digest(one.envelope) for one in judged} != names
            ):
                return False
            self._run(SENDING, lambda _job: self._send(judged))
            return True

    @property
    def waits(self) -> bool:
        """Whether something was handed over and has not arrived: it can be sent again, or taken back."""
        return any(map(_waits, self.sent))

    def send_again(self) -> None:
        """Try once more to send what waits of this check."""
        with self.lock:
            if not self.busy and self.waits:
                sent = self.sent
                self._run(SENDING, lambda _job: self._send(sent))

    def _send(self, judged: list[Judged]) -> None:
        agreed_at, done = self.agreed_at, []
        for one in judged:
            if self.agreed_at is None or self.agreed_at != agreed_at:
                break
            assert one.enrolment is not None
            if one.delivery is None or _waits(one):
                one = hand_over(self.home, self.http, one, one.enrolment, self.notes.append, self.patience_seconds)
            done.append(one)
        with self.lock:
            if self.agreed_at != agreed_at:
                self._take_back(done)
                return
            self.sent, self.shares, self._judged = done, [], None
            again = {digest(one.envelope) for one in done}
            self.handed = [*(one for one in self.handed if digest(one.envelope) not in again), *done]
            collected, whole = self.kept.collected(), all(map(self.is_done, self.steps))
            if all(map(self._is_safe, done)):
                self._forget_file()
        self._note(done, collected, whole)
        if any(one.delivery is not None and one.delivery.status == "accepted" for one in done):
            deliver_waiting(self.home, self.http)

    def _note(self, done: list[Judged], collected: Collected, whole: bool) -> None:
        """Note the check, for the next re-check and for what is another thing since the first one."""
        try:
            note(self.home, collected.runs, collected.finished_at, done, whole=whole)
        except StateError as error:
            self.notes = [*self.notes, f"{error.message}. {error.advice}"]

    def _take_back(self, done: list[Judged]) -> None:
        """Keep what waits from being sent: the agreement was withdrawn meanwhile. What has arrived is told."""
        for one in filter(_waits, done):
            spool.remove(self.home, digest(one.envelope))
        taken = [one for one in done if one.delivery is not None and one.delivery.status == "accepted"]
        names = dict.fromkeys(one.enrolment.collector_name for one in taken if one.enrolment)
        self.notes = [*self.left_out, *(ARRIVED.format(company=name) for name in names)]

    def _is_safe(self, one: Judged) -> bool:
        """Tell whether an envelope needs this sitting no more: it was answered, or it waits in the spool."""
        if not _waits(one):
            return True
        return spool.envelope_path(self.home, digest(one.envelope)).exists()

    def changed(self) -> None:
        """Note that there is something new to show."""
        with self.lock:
            self.version += 1


_SHIPPED: Final = frozenset(name for step in BY_NAME.values() for name in step.probes)


def _left_out(one: Damaged) -> str:
    return LEFT_OUT.format(program=one.program, why=one.message, advice=one.advice)


def _waits(one: Judged) -> bool:
    return one.delivery is not None and one.delivery.status == "waiting"


def _ids(policy: Policy) -> frozenset[str]:
    return frozenset(question.id for question in policy.declarations)


def _meter(job: Job, wanted: str | None, seconds: float) -> None:
    """Listen and tell levels alone: what was recorded is dropped."""
    from homecheck.instruments.audio import choose_input, endpoints
    from homecheck.instruments.audio.recording import record

    record(choose_input(endpoints(), wanted), seconds, level=job.live.levels.append)
