"""`homecheck check`: measure, sign, judge as a preview, send, and say what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from homecheck import durable, history, private_file
from homecheck.agent import Collected, collect
from homecheck.appraisal import Verdict
from homecheck.caller import CollectorCaller
from homecheck.cli.alone import alone
from homecheck.cli.answers import answers_to, declared_region
from homecheck.cli.check_options import CheckOptions, Duration, check_options
from homecheck.cli.check_session import Session
from homecheck.cli.chosen_programs import chosen_programs
from homecheck.cli.enrolments import left_out
from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.cli.method_notice import agreed
from homecheck.cli.noting import note_check
from homecheck.cli.selection import build_probes, keep_wanted
from homecheck.cli.sending import send, send_earlier
from homecheck.cli.showing import show_result
from homecheck.cli.spending import may_load
from homecheck.cli.spot import OVER, after_waiting
from homecheck.cli.terminal import MovingProgress, PlainProgress
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Damaged, Enrolment, agree, fetch_nonce, read_enrolments, refresh_policy
from homecheck.errors import DeliveryError, HomecheckError, ProbeError, StateError
from homecheck.file_lock import exclusive
from homecheck.history import History, Source
from homecheck.instruments import far_end
from homecheck.key_change import begun_rotation, rotate
from homecheck.locale.here import N_, _, plural, said
from homecheck.measurement import CheckSetup, Probe
from homecheck.policy import DEFAULT_POLICY, Policy, load_policy
from homecheck.report.words import label, where_to
from homecheck.shares import Judged, Share, judge, observed_for, private_share, program_share, setup_for

EXIT_STATUS: Final = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 10, Verdict.INCONCLUSIVE: 11}
CLOCK_SECONDS: Final = 90.0  # the nearest whole minute is then at least two, and worth a word


@click.command(short_help="Measure this home office and show what to change.")
@check_options
@click.option(
    "--spot",
    type=Duration(),
    metavar="DURATION",
    help="Wait, and check at a random moment within that time, in the policy's working hours; for cron.",
)
def check(**options: Any) -> int:
    """Measure this home office, sign the evidence, send it, and show what passed and what to change.

    Exit status: 0 passed · 10 not passed · 11 not decided · 20 measured, but not delivered (it is kept), or a program
    was left out because its enrolment or key cannot be used · 1 stopped · 2 wrong usage.
    """
    return perform(CheckOptions(**options), Home.default())


def perform(options: CheckOptions, home: Home) -> int:
    """Make one check and return its exit status. What would make it useless is found before anything is measured."""
    if options.save is not None and not options.save.absolute().parent.is_dir():
        raise click.UsageError(_("--save: there is no folder {folder}", folder=options.save.absolute().parent))
    if options.responder is not None:
        _check_address(options.responder)
    durable.make_folder(home.root)
    if options.spot is None:
        return _check(options, home, names_damaged=not options.program)
    with exclusive(home.lock("spot")) as held:
        if not held:
            advice = "One is enough. Let the system start the next one later, or give --spot less time."
            raise StateError("another spot check is under way on this computer", advice)
        chosen = after_waiting(options, home)
        # Who named no program is told of each that cannot be checked, also where the waiting has chosen some.
        return 0 if chosen is None else _check(chosen, home, names_damaged=not options.program)


def _check_address(responder: str) -> None:
    try:
        far_end.named(responder)
    except ProbeError as error:
        raise click.UsageError(f"--responder: {said(error.message)}. {said(error.advice)}") from None


def _check(options: CheckOptions, home: Home, *, names_damaged: bool) -> int:
    advice = N_("Two at once would spoil each other's measurements. Wait until the other one has finished.")
    with alone(home, advice):
        session = Session(options, home)
        if names_damaged and options.policy is None:
            _leave_out(session, read_enrolments(home).damaged)
        return _perform(session)


def _perform(session: Session) -> int:
    # 1. For whom, and by which limits; with a key to sign with.
    enrolments = _prepare(session)
    shares = _program_shares(session, enrolments) or [_private_share(session)]
    shares = _at_work(session, shares, [utc_now()])
    policies = [share.policy for share in shares]
    if enrolments and not session.options.no_upload:
        send_earlier(session)
    # 2. What no probe can measure is asked; the challenge is fetched before the first probe.
    answers = answers_to(session, policies)
    region = declared_region(session)
    shares = [_with_nonce(session, share) for share in shares]
    # 3. Measure.
    called = next((share for share in shares if share.asks_for_call), None)
    setup = _setup(session, shares)
    setup = replace(setup, caller=_caller(session, called), declared_region=region, asked=_asked(session, policies))
    collected = _measure(session, setup)
    _mind_the_clock(session, collected)
    shares = _at_work(session, shares, [run.started_at for run in collected.runs])
    past, source = _remember(session, setup, collected)
    # 4. Sign and judge, once per collector.
    judged = []
    for share in shares:
        own = observed_for(share, collected, called=share is called)
        asked, shift = share.policy.requirements, share.policy.shift
        own = replace(own, runs=history.with_earlier(own.runs, past, source, asked, shift))
        judged.append(judge(share, own, answers))
    # 5. Send what the person wants sent, and what waits from earlier.
    judged = [send(session, found) for found in judged]
    # 6. Say what came of it.
    note_check(session, collected, judged)
    if session.options.save:
        _save(session, session.options.save, judged)
    show_result(session.options.output, judged, session.left_out)
    return exit_status(judged, session.left_out)


def exit_status(judged: Sequence[Judged], left_out: Sequence[Damaged] = ()) -> int:
    """Return the exit status of a check: what could not be delivered comes first, then the worst verdict."""
    if left_out or any(found.delivery and found.delivery.status != "accepted" for found in judged):
        return NOT_DELIVERED
    return EXIT_STATUS[max(found.verdict for found in judged)]


def _prepare(session: Session) -> list[Enrolment]:
    """Return the enrolments this check is for, each with its newest policy."""
    chosen = chosen_programs(session.options, session.home)
    if session.options.no_upload:
        return chosen
    current = [_completed(session, enrolment) for enrolment in chosen]
    newest = [refresh_policy(enrolment, session.home, session.http) for enrolment in current]
    for enrolment in newest:
        if enrolment.policy_note:
            session.out.print(said(enrolment.policy_note), markup=False)
    return [_agreed(session, enrolment) for enrolment in newest]


def _program_shares(session: Session, enrolments: Sequence[Enrolment]) -> list[Share]:
    """Return each program's share; one whose key cannot be used is left out, as long as there is another."""
    shares: list[Share] = []
    errors: list[tuple[Enrolment, HomecheckError]] = []
    for enrolment in enrolments:
        try:
            shares.append(program_share(enrolment, session.home))
        except HomecheckError as error:
            errors.append((enrolment, error))
    if errors and not shares:
        raise errors[0][1]
    _leave_out(session, [Damaged(enrolment.program, error.message, error.advice) for enrolment, error in errors])
    return shares


def _leave_out(session: Session, programs: Iterable[Damaged]) -> None:
    """Go on without these programs, and say so."""
    for one in programs:
        session.left_out.append(one)
        session.out.print(left_out(one), markup=False)


def _completed(session: Session, enrolment: Enrolment) -> Enrolment:
    """Complete a change of the key that was begun earlier; what stops that does not stop the check."""
    if begun_rotation(enrolment, session.home) is None:
        return enrolment
    try:
        return rotate(enrolment, session.home, session.http, utc_now())
    except HomecheckError as error:
        text = _(
            "{program}: the change of its key is not complete yet: {why}", program=enrolment.program, why=_why(error)
        )
        session.out.print(text, markup=False)
        return enrolment


def _agreed(session: Session, enrolment: Enrolment) -> Enrolment:
    """Return the enrolment with what the person agrees to; what a newer policy asks for beyond that is not sent."""
    more = enrolment.policy.asks() - enrolment.agreed
    if not more:
        return enrolment
    names = ", ".join(sorted(said(label(name)) for name in more))
    company = enrolment.collector_name
    text = _("{company} now asks for more than you agreed to: {names}.", company=company, names=names)
    session.out.print(text, markup=False)
    if session.person and session.person.ask(_("Send this as well, from now on?")):
        return agree(enrolment, session.home)
    session.out.print(_("It is not sent. To be asked again: homecheck check, without --unattended"), markup=False)
    return enrolment


def _at_work(session: Session, shares: Sequence[Share], moments: Sequence[datetime]) -> list[Share]:
    """Return the shares of a spot check whose working hours hold at all these moments; of any other check, all.

    Where none is left, that is said and the command is over: the hours have ended, or a newer policy has others.
    """
    if session.options.spot is None:
        return list(shares)
    held = [share for share in shares if share.policy.shift and all(map(share.policy.shift.holds, moments))]
    if not held:
        session.out.print(_(OVER), markup=False)
        raise click.exceptions.Exit(0)
    return held


def _private_share(session: Session) -> Share:
    policy = load_policy(session.options.policy or DEFAULT_POLICY)
    if session.options.policy is None:
        text = _("Not enrolled anywhere: a private check against {policy}. Nothing is sent.", policy=DEFAULT_POLICY)
        session.out.print(text, markup=False)
    return private_share(policy, session.home)


def _with_nonce(session: Session, share: Share) -> Share:
    """Return the share with the collector's challenge, or without where there is none to be had."""
    enrolment = share.enrolment
    if enrolment is None or session.options.no_upload:
        return share
    try:
        return replace(share, nonce=fetch_nonce(enrolment, session.http))
    except DeliveryError as error:
        why = said(error.message).rstrip(".")
        text = _("{company}: {why}. The check goes on and is sent later.", company=enrolment.collector_name, why=why)
        session.out.print(text, markup=False)
        return share


def _setup(session: Session, shares: Sequence[Share]) -> CheckSetup:
    """Return what the probes are told."""
    options = session.options
    enrolments = [share.enrolment for share in shares if share.enrolment]
    nonces = {share.enrolment.program: share.nonce for share in shares if share.enrolment and share.nonce}
    told = setup_for(session.home, enrolments, [share.policy for share in shares], nonces, session.person)
    return replace(
        told,
        responder_url=options.responder or told.responder_url,
        responder_key=told.responder_key if not options.responder else None,
        method=options.method,
        ndt7_url=options.responder,
        agreed=agreed(session),
        listen_seconds=options.listen,
        full_scale_spl=options.full_scale_spl,
        headset=options.headset,
    )


def _caller(session: Session, share: Share | None) -> CollectorCaller | None:
    """Return the collector that has the person's telephone called; None without its challenge."""
    if share is None or share.enrolment is None or share.nonce is None:
        return None
    return CollectorCaller(share.enrolment, share.signer, share.nonce, session.http)


def _asked(session: Session, policies: Sequence[Policy]) -> frozenset[str] | None:
    """Return the quantities that are measured because a policy asks for them; None where the options say what is."""
    if session.options.everything or session.options.only:
        return None
    return frozenset(name for policy in policies for name in policy.quantities())


def _measure(session: Session, setup: CheckSetup) -> Collected:
    options = session.options
    probes = build_probes(setup, options.only, options.skip)
    if not may_load(session, setup, probes):
        probes = build_probes(replace(setup, may_load=False), options.only, options.skip)
    _tell_targets(session, setup, probes)
    if session.bars is None:
        collected = collect(probes, PlainProgress(session.out))
    else:
        with session.bars:
            collected = collect(probes, MovingProgress(session.bars))
    return keep_wanted(collected, options.only, options.skip)


def _tell_targets(session: Session, setup: CheckSetup, probes: Sequence[Probe]) -> None:
    """Say where this computer is about to connect to for the policies' targets."""
    tried = {found.name for probe in probes for found in probe.quantities}
    places = sorted({where_to(target.address) for target in setup.targets if target.quantity in tried})
    if places:
        session.out.print(_("This check also connects to {addresses}.", addresses=", ".join(places)), markup=False)


def _mind_the_clock(session: Session, collected: Collected) -> None:
    """Tell the person when the computer's clock is wrong, whether or not a policy asks for it: other sites mind."""
    measured = (found for run in collected.runs for found in run.measurements)
    offset = next((found.value for found in measured if found.quantity.name == "host.clock_offset"), None)
    if isinstance(offset, float) and abs(offset) > CLOCK_SECONDS:
        minutes = f"{abs(offset) / 60:.0f}"
        way = (
            _("The clock of this computer is {minutes} minutes ahead.", minutes=minutes)
            if offset > 0
            else _("The clock of this computer is {minutes} minutes behind.", minutes=minutes)
        )
        advice = _("Let the system set it by itself: in the settings for date and time.")
        session.out.print(f"{way} {advice}", markup=False)


def _remember(session: Session, setup: CheckSetup, collected: Collected) -> tuple[History, Source]:
    """Keep the levels of this check for later ones, and return those of earlier ones. A full disk costs no check."""
    past, source = History(), Source(setup.responder_url or "", setup.method)
    try:
        past = history.load(session.home)
        spot = session.options.spot is not None
        history.append(session.home, past, collected.runs, source, collected.finished_at, spot=spot)
    except StateError as error:
        text = _("Levels of earlier checks: {why}. {advice}", why=_why(error), advice=said(error.advice))
        session.out.print(text, markup=False)
    if past.damaged:
        lines = plural("{count} damaged line", "{count} damaged lines", past.damaged)
        session.out.print(_("Levels of earlier checks, left out: {lines}.", lines=lines))
    return past, source


def _save(session: Session, path: Path, judged: Sequence[Judged]) -> None:
    """Write the signed evidence to `path`; further programs' evidence goes beside it, with the program in its name."""
    for index, found in enumerate(judged):
        program = found.enrolment.program if found.enrolment else "private"
        target = path if index == 0 else path.with_stem(f"{path.stem}-{program}")
        try:
            private_file.write(target, found.envelope)
        except OSError as error:
            text = _("{file}: cannot save the evidence: {why}", file=target, why=error.strerror)
            session.out.print(text, markup=False)  # all else goes on


def _why(error: HomecheckError) -> str:
    return said(error.message)
