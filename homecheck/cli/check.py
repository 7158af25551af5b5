"""`homecheck check`: measure, sign, judge as a preview, send, and say what came of it."""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import click
import requests

from homecheck import durable
from homecheck.agent import Collected, build_evidence, collect
from homecheck.appraisal import AttestationResult, Verdict, appraise
from homecheck.cli.terminal import (
    MovingProgress,
    PlainProgress,
    TerminalPerson,
    can_move,
    console,
    is_watched,
    moving_bars,
)
from homecheck.config import Home
from homecheck.durations import parse_duration
from homecheck.enrolment import Enrolment, fetch_nonce, find, load_enrolments, refresh_policy
from homecheck.errors import DeliveryError, EnrolmentError, HomecheckError, SetupError, StateError
from homecheck.evidence import Declaration, Evidence
from homecheck.file_lock import exclusive
from homecheck.keys import open_key_file, read_key_file
from homecheck.measurement import CheckSetup, Probe, Target
from homecheck.policy import Policy, Question, load_policy
from homecheck.signing import EVIDENCE, Signer, digest, sign
from homecheck.spool import next_seq, put
from homecheck.upload import Delivery, deliver, deliver_waiting, new_session

DEFAULT_POLICY: Final = "voice-standard"
EXIT_STATUS: Final = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 10, Verdict.INCONCLUSIVE: 11}
NOT_DELIVERED: Final = 20
CLOCK_SECONDS: Final = 90.0  # the nearest whole minute is then at least two, and worth a word
PATIENCE_SECONDS: Final = 30.0  # somebody may be looking at it; what is not sent by then is sent later


class Duration(click.ParamType[float]):
    """A duration as people write it, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class CheckOptions:
    """What the person wants of one check."""

    policy: str | None = None
    program: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    unattended: bool = False
    answers: Path | None = None
    method: str = "responder"
    listen: float = 10.0
    headset: str | None = None
    responder: str | None = None
    no_upload: bool = False
    output: str = "text"
    save: Path | None = None
    yes: bool = False


_OPTIONS: Final = (
    click.option("--policy", metavar="NAME|FILE", help="Check privately against this policy; nothing is sent."),
    click.option("--program", multiple=True, metavar="NAME", help="Only for this program (default: all enrolled)."),
    click.option(
        "--only", multiple=True, metavar="GLOB", help="Only probes or quantities that match, e.g. 'network*'."
    ),
    click.option("--skip", multiple=True, metavar="GLOB", help="Leave out probes or quantities that match."),
    click.option("--unattended", is_flag=True, help="Nobody is there: ask nothing."),
    click.option(
        "--answers",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Answers to the policy's questions (TOML or JSON: id = true|false).",
    ),
    click.option(
        "--method", type=click.Choice(["responder"]), default="responder", help="How the network is measured."
    ),
    click.option("--responder", metavar="URL", help="The far end to measure against (default: the program's)."),
    click.option("--headset", metavar="NAME", help="The headset to test (default: the system's default devices)."),
    click.option(
        "--listen", type=Duration(), default="10s", metavar="DURATION", help="How long to listen to the room."
    ),
    click.option("--no-upload", is_flag=True, help="Send nothing."),
    click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="Form of the result."),
    click.option(
        "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep the signed evidence."
    ),
    click.option("--yes", is_flag=True, help="Send without asking again."),
)


def check_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `check`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Measure this home office and show what to change.")
@check_options
def check(**options: Any) -> int:
    """Measure this home office, sign the evidence, send it, and show what passed and what to change.

    Exit status: 0 passed · 10 not passed · 11 not decided · 20 measured, but not delivered (it is kept) ·
    1 stopped · 2 wrong usage.
    """
    return perform(CheckOptions(**options), Home.default())


@dataclass(frozen=True)
class Share:
    """What is ready for one policy before anything is measured: the key, its next number, and for whom."""

    policy: Policy
    signer: Signer
    seq: int
    enrolment: Enrolment | None = None
    nonce: str | None = None


@dataclass(frozen=True)
class Judged:
    """One collector's share of the check: the evidence, its signed bytes, the preview, and what became of it."""

    evidence: Evidence
    envelope: bytes
    policy: Policy
    result: AttestationResult
    enrolment: Enrolment | None = None
    delivery: Delivery | None = None

    @property
    def verdict(self) -> Verdict:
        """The collector's verdict where there is one, else the preview's."""
        return _final(self).verdict

    @property
    def is_received(self) -> bool:
        """Tell whether the collector has judged it itself."""
        return self.delivery is not None and self.delivery.result is not None


@dataclass
class Session:
    """The things that the steps of one check share."""

    options: CheckOptions
    home: Home
    http: requests.Session = field(default_factory=new_session)

    def __post_init__(self) -> None:
        self.out = console()
        self.bars = moving_bars(self.out) if can_move(self.out) else None
        watched = not self.options.unattended and is_watched()
        self.person = TerminalPerson(self.bars) if watched else None


def perform(options: CheckOptions, home: Home) -> int:
    """Make one check and return its exit status. What would make it useless is found before anything is measured."""
    if options.save is not None and not options.save.absolute().parent.is_dir():
        raise click.UsageError(f"--save: there is no folder {options.save.absolute().parent}")
    durable.make_folder(home.root)
    with exclusive(home.root / "check.lock") as alone:
        if not alone:
            advice = "Two at once would spoil each other's measurements. Wait until the other one has finished."
            raise StateError("another check is running on this computer", advice)
        return _perform(Session(options, home))


def _perform(session: Session) -> int:
    # 1. For whom, and by which limits; with a key to sign with.
    enrolments = _prepare(session)
    shares = [_share(session, enrolment) for enrolment in enrolments] or [_private_share(session)]
    policies = [share.policy for share in shares]
    # 2. What no probe can measure is asked; the challenge is fetched before the first probe.
    answers = _answers(session, policies)
    shares = [_with_nonce(session, share) for share in shares]
    # 3. Measure.
    collected = _measure(session, enrolments, policies, shares[0].nonce)
    _mind_the_clock(session, collected)
    # 4. Sign and judge, once per collector.
    judged = [_judge(share, collected, answers) for share in shares]
    # 5. Send what the person wants sent, and what waits from earlier.
    judged = [_send(session, found) for found in judged]
    # 6. Say what came of it.
    if session.options.save:
        _save(session, session.options.save, judged)
    _show(session, judged)
    return exit_status(judged)


def exit_status(judged: Sequence[Judged]) -> int:
    """Return the exit status of a check: what could not be delivered comes first, then the worst verdict."""
    if any(found.delivery and found.delivery.status != "accepted" for found in judged):
        return NOT_DELIVERED
    return EXIT_STATUS[max(found.verdict for found in judged)]


def build_probes(setup: CheckSetup, only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Probe]:
    """Return the probes of a check, without those that `only` and `skip` leave out. SetupError when none is left."""
    from probes import installed  # here: probes bring their own packages, which other commands need not load

    built = [probe.for_check(setup) for probe in installed()]
    chosen = [probe for probe in built if any(wanted(probe.name, found.name, only, skip) for found in probe.quantities)]
    if not chosen:
        raise SetupError("--only and --skip leave nothing to measure", "See: homecheck probes")
    return chosen


def wanted(probe: str, quantity: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    """Tell whether a quantity is to be measured; a pattern speaks of probes and of quantities."""

    def match(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for name in (probe, quantity) for pattern in patterns)

    return (not only or match(only)) and not match(skip)


def keep_wanted(collected: Collected, only: Sequence[str], skip: Sequence[str]) -> Collected:
    """Return what was collected without the quantities that `only` and `skip` leave out."""
    runs = (
        replace(run, measurements=tuple(m for m in run.measurements if wanted(run.probe, m.quantity.name, only, skip)))
        for run in collected.runs
    )
    return replace(collected, runs=tuple(runs))


def _prepare(session: Session) -> list[Enrolment]:
    """Return the enrolments this check is for, each with its newest policy."""
    options, home = session.options, session.home
    if options.policy is not None:
        if options.program:
            raise click.UsageError("--policy checks privately; it does not go with --program.")
        return []
    chosen = [_find(home, name) for name in dict.fromkeys(options.program)] or list(load_enrolments(home))
    if options.no_upload:
        return chosen
    newest = [refresh_policy(enrolment, home, session.http) for enrolment in chosen]
    for enrolment in newest:
        if enrolment.policy_note:
            session.out.print(enrolment.policy_note, markup=False)
    return newest


def _find(home: Home, program: str) -> Enrolment:
    try:
        return find(home, program)
    except EnrolmentError as error:
        raise click.UsageError(f"--program {error.message}. {error.advice}") from None


def _share(session: Session, enrolment: Enrolment) -> Share:
    """Return what this program's evidence will be signed with; its number is stored before anything is measured."""
    signer = read_key_file(session.home.keys / f"{enrolment.kid}.jwk")
    return Share(enrolment.policy, signer, next_seq(session.home, enrolment.kid), enrolment)


def _private_share(session: Session) -> Share:
    policy = load_policy(session.options.policy or DEFAULT_POLICY)
    if session.options.policy is None:
        session.out.print(f"Not enrolled anywhere: a private check against {DEFAULT_POLICY}. Nothing is sent.")
    signer = open_key_file(session.home.keys / "device.jwk")
    return Share(policy, signer, next_seq(session.home, signer.public.kid))


def _with_nonce(session: Session, share: Share) -> Share:
    """Return the share with the collector's challenge, or without where there is none to be had."""
    enrolment = share.enrolment
    if enrolment is None or session.options.no_upload:
        return share
    try:
        return replace(share, nonce=fetch_nonce(enrolment, session.http))
    except DeliveryError as error:
        session.out.print(
            f"{enrolment.collector_name}: {error.message.rstrip('.')}. The check goes on and is sent later.",
            markup=False,
        )
        return share


def _answers(session: Session, policies: Iterable[Policy]) -> tuple[Declaration, ...]:
    """Return the answers to the policies' questions: from the file, else from the person, else none."""
    given = _read_answers(session.options.answers) if session.options.answers else {}
    questions: dict[str, Question] = {}
    for policy in policies:
        questions |= {question.id: question for question in policy.declarations}
    for name in given.keys() - questions.keys():
        asked = f"it asks {', '.join(questions)}" if questions else "it asks none"
        session.out.print(f"{session.options.answers}: the policy does not ask {name!r:.60}; {asked}.", markup=False)
    for question in questions.values():
        if question.id not in given and session.person:
            given[question.id] = session.person.ask(question.wording("en"))
    return tuple(Declaration(name, answer) for name, answer in given.items() if name in questions)


def _read_answers(path: Path) -> dict[str, bool]:
    advice = "Write one line per question, e.g.  corded_phone = true"
    try:
        text = path.read_text(encoding="utf-8")
        answers = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: cannot read the answers: {error}", advice) from None
    if not isinstance(answers, dict):
        raise SetupError(f"{path}: the answers are not a list of names with true or false", advice)
    for name, answer in answers.items():
        if not isinstance(answer, bool):
            raise SetupError(f"{path}: {name}: true or false is expected, not {answer!r:.40}", advice)
    return answers


def _measure(
    session: Session, enrolments: Sequence[Enrolment], policies: Sequence[Policy], nonce: str | None
) -> Collected:
    options = session.options
    far_end = next((found for found in enrolments if found.responder_url), None)
    targets: dict[str, Target] = {target.name: target for policy in policies for target in policy.targets}
    setup = CheckSetup(
        person=session.person,
        responder_url=options.responder or (far_end.responder_url if far_end else None),
        responder_key=far_end.responder_key if far_end and not options.responder else None,
        nonce=nonce,
        method=options.method,
        listen_seconds=options.listen,
        headset=options.headset,
        targets=tuple(targets.values()),
    )
    probes = build_probes(setup, options.only, options.skip)
    if session.bars is None:
        collected = collect(probes, PlainProgress(session.out))
    else:
        with session.bars:
            collected = collect(probes, MovingProgress(session.bars))
    return keep_wanted(collected, options.only, options.skip)


def _mind_the_clock(session: Session, collected: Collected) -> None:
    """Tell the person when the computer's clock is wrong, whether or not a policy asks for it: other sites mind."""
    measured = (found for run in collected.runs for found in run.measurements)
    offset = next((found.value for found in measured if found.quantity.name == "host.clock_offset"), None)
    if isinstance(offset, float) and abs(offset) > CLOCK_SECONDS:
        way = "ahead" if offset > 0 else "behind"
        session.out.print(
            f"The clock of this computer is {abs(offset) / 60:.0f} minutes {way}. "
            "Let the system set it by itself: in the settings for date and time.",
            markup=False,
        )


def _judge(share: Share, collected: Collected, answers: tuple[Declaration, ...]) -> Judged:
    """Return one share signed and judged; a program's holds the quantities that its policy names alone."""
    enrolment = share.enrolment
    evidence = build_evidence(
        collected,
        share.signer,
        seq=share.seq,
        aud=enrolment.collector if enrolment else None,
        sub=enrolment.subject if enrolment else None,
        nonce=share.nonce,
        declarations=answers,
    )
    if enrolment:
        evidence = evidence.only(share.policy.quantities())
    envelope = sign(evidence.to_bytes(), EVIDENCE, share.signer)
    return Judged(evidence, envelope, share.policy, appraise(evidence, share.policy, digest(envelope)), enrolment)


def _save(session: Session, path: Path, judged: Sequence[Judged]) -> None:
    """Write the signed evidence to `path`; further programs' evidence goes beside it, with the program in its name."""
    for index, found in enumerate(judged):
        program = found.enrolment.program if found.enrolment else "private"
        target = path if index == 0 else path.with_stem(f"{path.stem}-{program}")
        try:
            target.write_bytes(found.envelope)
        except OSError as error:
            session.out.print(f"{target}: cannot save the evidence: {error.strerror}", markup=False)  # all else goes on


def _send(session: Session, judged: Judged) -> Judged:
    enrolment = judged.enrolment
    if enrolment is None or session.options.no_upload:
        return judged
    if session.person and not session.options.yes:
        session.out.print(f"\nThis would be sent to {enrolment.collector_name}, for {enrolment.title}:", markup=False)
        session.out.print(_report_text(judged, everything=True))
        if not session.person.ask(f"Send it to {enrolment.collector_name}?"):
            return judged
    try:
        name = put(session.home, judged.envelope, enrolment.program)
    except StateError as error:
        return replace(judged, delivery=_rescue(judged, enrolment, error))
    session.out.print(f"Sending to {enrolment.collector_name} …", markup=False)
    try:
        signer = read_key_file(session.home.keys / f"{enrolment.kid}.jwk")
        delivery = deliver(session.home, enrolment, signer, name, session.http, deadline_seconds=PATIENCE_SECONDS)
    except HomecheckError as error:  # it waits in the spool, and what was measured is shown
        delivery = Delivery(enrolment.program, "waiting", name, message=error.message, advice=error.advice)
    if delivery.status == "accepted":  # else what waits would only wait once more
        _send_waiting(session)
    return replace(judged, envelope=_sent(session.home, delivery, judged.envelope), delivery=delivery)


def _rescue(judged: Judged, enrolment: Enrolment, error: StateError) -> Delivery:
    """Keep evidence that does not fit where it belongs, and say where it is: nothing measured is lost."""
    name = digest(judged.envelope)
    try:
        with tempfile.NamedTemporaryFile(prefix="homecheck-", suffix=".jws", delete=False) as file:
            file.write(judged.envelope)
    except OSError:
        advice = f"{error.advice} Then run the check again: this one could not be kept anywhere."
        return Delivery(enrolment.program, "waiting", name, message=error.message, advice=advice)
    advice = f"{error.advice} This check is kept in {file.name}; then run: homecheck upload --from {file.name}"
    return Delivery(enrolment.program, "waiting", name, message=error.message, advice=advice)


def _sent(home: Home, delivery: Delivery, envelope: bytes) -> bytes:
    """Return the bytes that the collector has: others than `envelope` when it asked for a fresh signature."""
    if delivery.status != "accepted" or delivery.envelope == digest(envelope):
        return envelope
    return (home.receipts / f"{delivery.envelope.removeprefix('sha256:')}.jws").read_bytes()


def _send_waiting(session: Session) -> None:
    """Try what waits from earlier checks once more; whatever happens to it, this check's result is shown."""
    try:
        for delivery in deliver_waiting(session.home, session.http):
            session.out.print(
                f"From an earlier check, {delivery.program}: {delivery.status}. {delivery.message}", markup=False
            )
    except HomecheckError as error:
        session.out.print(f"What waits from earlier checks could not be sent: {error.message}", markup=False)


def _show(session: Session, judged: Sequence[Judged]) -> None:
    output = session.options.output
    if output == "json":
        from homecheck.report.json import result_members

        # One document for all programs: the worst verdict, with the evidence and the findings that it comes from.
        worst = max(judged, key=lambda found: found.verdict)
        members = result_members(worst.evidence, _final(worst), [_upload_members(found) for found in judged])
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
        return
    if output == "html":
        from homecheck.report.html import PagePart, results_page

        parts = [PagePart(one.evidence, _final(one), one.policy.title, preview=not one.is_received) for one in judged]
        click.echo(results_page(parts))
        return
    for index, found in enumerate(judged):
        if index:
            click.echo()
        _print_text(found)


def _final(judged: Judged) -> AttestationResult:
    return judged.delivery.result.result if judged.delivery and judged.delivery.result else judged.result


def _print_text(judged: Judged) -> None:
    from homecheck.cli.console import SafeConsole

    # In a private check nobody else shows the person what was measured beyond the policy.
    SafeConsole(highlight=False).print(_report_text(judged, everything=judged.enrolment is None))
    click.echo(f"\nEvidence {_final(judged).evidence}")
    delivery = judged.delivery
    if judged.enrolment is None:
        click.echo("Private check: nothing was sent.")
    elif delivery is None:
        click.echo(f"Not sent to {judged.enrolment.collector_name}.")
    elif delivery.status == "accepted":
        click.echo(f"Received by {judged.enrolment.collector_name}; receipt {delivery.receipt}")
    else:
        click.echo(f"NOT delivered to {judged.enrolment.collector_name} ({delivery.status}): {delivery.message}")
        click.echo(delivery.advice)


def _report_text(judged: Judged, *, everything: bool) -> Any:
    from rich.console import Group

    from homecheck.report.text import measurements_text, result_text  # rich tables are loaded when they are shown

    result = result_text(_final(judged), judged.policy.title)
    return Group(result, "", measurements_text(judged.evidence)) if everything else result


def _upload_members(judged: Judged) -> dict[str, Any]:
    delivery, enrolment = judged.delivery, judged.enrolment
    return {
        "program": enrolment.program if enrolment else None,
        "status": delivery.status if delivery else "none",
        "receipt": delivery.receipt if delivery else None,
        "verdict": judged.verdict.word,
        "message": delivery.message if delivery else "",
    }
