"""`homecheck check`: measure, sign, judge as a preview, send, and say what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from homecheck import durable
from homecheck.agent import Collected, build_evidence, collect
from homecheck.appraisal import Verdict, appraise
from homecheck.cli.answers import answers_to
from homecheck.cli.check_options import CheckOptions, check_options
from homecheck.cli.check_session import Judged, Session, Share
from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.cli.selection import build_probes, keep_wanted
from homecheck.cli.sending import send
from homecheck.cli.showing import show_result
from homecheck.cli.terminal import MovingProgress, PlainProgress
from homecheck.config import Home
from homecheck.enrolment import Enrolment, agree, fetch_nonce, find, load_enrolments, refresh_policy
from homecheck.errors import DeliveryError, EnrolmentError, StateError
from homecheck.evidence import Declaration
from homecheck.file_lock import exclusive
from homecheck.keys import open_key_file, read_key_file
from homecheck.measurement import CheckSetup, Target
from homecheck.policy import DEFAULT_POLICY, Policy, load_policy
from homecheck.report.words import label
from homecheck.signing import EVIDENCE, digest, sign
from homecheck.spool import next_seq

EXIT_STATUS: Final = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 10, Verdict.INCONCLUSIVE: 11}
CLOCK_SECONDS: Final = 90.0  # the nearest whole minute is then at least two, and worth a word


@click.command(short_help="Measure this home office and show what to change.")
@check_options
def check(**options: Any) -> int:
    """Measure this home office, sign the evidence, send it, and show what passed and what to change.

    Exit status: 0 passed · 10 not passed · 11 not decided · 20 measured, but not delivered (it is kept) ·
    1 stopped · 2 wrong usage.
    """
    return perform(CheckOptions(**options), Home.default())


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
    answers = answers_to(session, policies)
    shares = [_with_nonce(session, share) for share in shares]
    # 3. Measure.
    collected = _measure(session, enrolments, policies, shares[0].nonce)
    _mind_the_clock(session, collected)
    # 4. Sign and judge, once per collector.
    woven = shares[0].nonce
    judged = [_judge(share, collected if share.nonce == woven else _unobserved(collected), answers) for share in shares]
    # 5. Send what the person wants sent, and what waits from earlier.
    judged = [send(session, found) for found in judged]
    # 6. Say what came of it.
    if session.options.save:
        _save(session, session.options.save, judged)
    show_result(session.options.output, judged)
    return exit_status(judged)


def exit_status(judged: Sequence[Judged]) -> int:
    """Return the exit status of a check: what could not be delivered comes first, then the worst verdict."""
    if any(found.delivery and found.delivery.status != "accepted" for found in judged):
        return NOT_DELIVERED
    return EXIT_STATUS[max(found.verdict for found in judged)]


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
    return [_agreed(session, enrolment) for enrolment in newest]


def _agreed(session: Session, enrolment: Enrolment) -> Enrolment:
    """Return the enrolment with what the person agrees to; what a newer policy asks for beyond that is not sent."""
    more = enrolment.policy.quantities() - enrolment.agreed
    if not more:
        return enrolment
    names = ", ".join(sorted(label(name) for name in more))
    session.out.print(f"{enrolment.collector_name} now asks for more than you agreed to: {names}.", markup=False)
    if session.person and session.person.ask("Send this as well, from now on?"):
        return agree(enrolment, session.home)
    session.out.print("It is not sent. To be asked again: homecheck check, without --unattended", markup=False)
    return enrolment


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


def _unobserved(collected: Collected) -> Collected:
    """Return what was collected without the far end's observations: they answer another collector's challenge."""
    return replace(collected, observations=())


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
    asked = evidence.only(share.policy.quantities() & enrolment.agreed) if enrolment else evidence
    envelope = sign(asked.to_bytes(), EVIDENCE, share.signer)
    preview = appraise(asked, share.policy, digest(envelope))
    return Judged(evidence, asked, envelope, share.policy, preview, enrolment)


def _save(session: Session, path: Path, judged: Sequence[Judged]) -> None:
    """Write the signed evidence to `path`; further programs' evidence goes beside it, with the program in its name."""
    for index, found in enumerate(judged):
        program = found.enrolment.program if found.enrolment else "private"
        target = path if index == 0 else path.with_stem(f"{path.stem}-{program}")
        try:
            target.write_bytes(found.envelope)
        except OSError as error:
            session.out.print(f"{target}: cannot save the evidence: {error.strerror}", markup=False)  # all else goes on
