"""Publishing a policy: mistakes named by line, and nobody's work overwritten.

Who edits starts from one version of the policy. It travels with the text, and when somebody else has published another
one meanwhile, nothing is published: the difference is shown, and the text stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import tomli_w

from homecheck.collector.problems import Problem
from homecheck.collector.store import events, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.programs import PolicyVersion
from homecheck.errors import PolicyError
from homecheck.policy import Policy, parse_policy
from homecheck.policy_lines import line_of
from homecheck.policy_lint import LABELLED, refuse_mistakes, remarks_on
from homecheck.report.words import LABELS

WHERE: Final = "policy"


@dataclass(frozen=True)
class Draft:
    """A text that somebody wants to publish: the policy in it, or the first mistake with its line."""

    text: str
    policy: Policy | None
    mistake: str = ""
    advice: str = ""
    line: int | None = None
    remarks: tuple[str, ...] = ()

    def after(self, history: Sequence[PolicyVersion]) -> Draft:
        """Return it with what is to be remarked on when it follows those that the program has had, newest first."""
        remark = name_is_used(self.policy, history) if self.policy is not None else ""
        return replace(self, remarks=(*self.remarks, remark)) if remark else self


def name_is_used(new: Policy, history: Sequence[PolicyVersion]) -> str:
    """Return what is to be said of a policy that is named as an earlier one which says something else, or nothing."""
    alike = (one for one in history if (one.policy.name, one.policy.version) == (new.name, new.version))
    other = next((one for one in alike if one.policy.digest != new.digest), None)
    if other is None or history[0].policy.digest == new.digest:
        return ""
    return (
        f'version is "{new.version}" as in number {other.number} of this program, which says something else: results'
        " name both alike. Give this one another."
    )


def read_draft(text: str) -> Draft:
    """Read a text as browsers send it, whose lines end with CR LF."""
    text = text.replace("\r\n", "\n")
    try:
        policy = parse_policy(text, WHERE)
        refuse_mistakes(policy, LABELLED, WHERE)
    except PolicyError as error:
        mistake = error.message.removeprefix(f"{WHERE}: ").removeprefix(f"{WHERE}.")
        return Draft(text, None, mistake, error.advice, line_of(text, error.message))
    return Draft(text, policy, remarks=tuple(remarks_on(policy, LABELS)))


def text_of(version: PolicyVersion) -> str:
    """Return a policy as TOML: as it was written, or made from its members where the text was not kept.

    A text that says something else than the policy was changed in the database, and is not shown to be published.
    """
    kept = read_draft(version.source).policy if version.source else None
    same = kept is not None and kept.digest == version.policy.digest
    return version.source if same else tomli_w.dumps(version.policy.members())


def publish(
    db: Connection,
    program_id: str,
    policy: Policy,
    source: str,
    *,
    by: By,
    now: datetime,
    base: int | None = None,
) -> PolicyVersion:
    """Publish a policy, inside a transaction; `base` is the number that it was made from, None where nobody says so.

    Problem policy-conflict when another one counts meanwhile, policy-same when it says what counts already.
    """
    current = programs.get(db, program_id).current
    if base is not None and current.number != base:
        raise Problem(
            "policy-conflict",
            f"{current.published_by} has published number {current.number}, yours began with number {base}",
        )
    before = current.policy
    if base is not None and policy.digest == before.digest:
        raise Problem("policy-same", "this is the policy that counts already")
    version = programs.publish(db, program_id, PolicyVersion(0, now, by.name, policy, source))
    was, now_is = (f"{one.name} {one.version} {one.digest}" for one in (before, policy))
    said = {"before": was, "after": now_is}
    events.note(db, now, "policy-published", by, program_id, f"from {was} to {now_is}", program=program_id, **said)
    return version
