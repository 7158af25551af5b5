"""Company sign-on: the provider, what its groups mean here, and whose account belongs to which identity there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from homecheck.collector.store import settings, users
from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.users import EVERYWHERE, Role

NAME: Final = "sign_on"  # of the setting
STRONGEST: Final[tuple[Role, ...]] = ("admin", "reviewer", "auditor", "viewer")


@dataclass(frozen=True)
class Meaning:
    """What being in a group gives: a role in one program, or EVERYWHERE."""

    group: str
    role: Role
    program: str = EVERYWHERE


@dataclass(frozen=True)
class SignOn:
    """One provider. Its client secret is in the folder of the keys, and not here."""

    issuer: str
    client_id: str
    label: str  # what the button says
    claim: str = "groups"
    scope: str = ""  # asked for besides openid, profile and email
    default_role: Role | None = None  # of who is vouched for and in no group that means something
    meanings: tuple[Meaning, ...] = ()

    def roles(self, groups: Iterable[str]) -> dict[str, Role]:
        """Return the roles of who is in these groups: in each program the strongest of them."""
        held, found = frozenset(groups), dict[str, Role]()
        for role in reversed(STRONGEST):
            found |= {one.program: role for one in self.meanings if one.role == role and one.group in held}
        if not found and self.default_role is not None:
            found[EVERYWHERE] = self.default_role
        return found

    @property
    def words(self) -> str:
        """All of it in one line, for the record."""
        given = [f"{one.group}={one.role}{'@' + one.program if one.program else ''}" for one in self.meanings]
        return (
            f"{self.issuer} as {self.client_id}, {self.claim}: {', '.join(given) or 'none'}; else {self.default_role}"
        )


def read(db: Connection) -> SignOn | None:
    """Return the provider, or None."""
    row = one_or_none(db, "SELECT value FROM setting WHERE name = ?", NAME)
    if row is None or not row["value"]:
        return None
    members = json.loads(row["value"])
    meanings = tuple(Meaning(**one) for one in members.pop("meanings"))
    return SignOn(**members, meanings=meanings)


def write(db: Connection, chosen: SignOn | None) -> None:
    """Store the provider; None: there is none."""
    settings.write(db, NAME, "" if chosen is None else json.dumps(asdict(chosen)))


def account_of(db: Connection, issuer: str, subject: str) -> str | None:
    """Return the account of an identity, or None."""
    sql = "SELECT account FROM oidc_account WHERE issuer = ? AND subject = ?"
    row = one_or_none(db, sql, issuer, subject)
    return None if row is None else row["account"]


def link(db: Connection, issuer: str, subject: str, account: str) -> None:
    """Note that an account belongs to an identity."""
    db.execute("INSERT INTO oidc_account (issuer, subject, account) VALUES (?, ?, ?)", (issuer, subject, account))


def give_roles(db: Connection, account: str, roles: Mapping[str, Role]) -> None:
    """Give an account exactly these roles."""
    user = users.get(db, account)
    for program in {*user.roles, *roles, EVERYWHERE}:
        if user.roles.get(program) != roles.get(program):
            users.set_role(db, account, program, roles.get(program))


def accounts(db: Connection) -> list[str]:
    """Return the accounts that belong to identities of a provider."""
    return [row["account"] for row in db.execute("SELECT account FROM oidc_account ORDER BY account")]
