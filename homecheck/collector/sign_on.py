"""Company sign-on: OpenID Connect Core 1.0, the code flow with PKCE (RFC 7636), against one configured provider.

    begin      state, nonce and verifier are made and sealed into a cookie; the browser goes to the provider
    finish     1 the cookie is ours, fresh, and of this state
               2 the answer is this provider's (RFC 9207)
               3 the code is exchanged, with the verifier
               4 the ID token is signed, for us, fresh, and of this nonce
               5 its groups give roles, or nobody comes in

Keys and addresses are fetched for each sign-in: they are rare, and a key that was changed counts at once.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from homecheck.collector.problems import Problem
from homecheck.collector.sealing import seal, unseal
from homecheck.collector.store.sign_on import SignOn
from homecheck.errors import KeyStoreError, SetupError
from homecheck.loopback import is_loopback
from homecheck.signing import base64url

CALLBACK_PATH: Final = "/oidc/callback"
LIFE: Final = timedelta(minutes=10)  # between the beginning and the end
SECONDS: Final = 10.0  # for each answer of the provider
MAX_ANSWER: Final = 1_048_576  # bytes
LEEWAY: Final = 60  # seconds by which the provider's clock may differ
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")  # never none, and never a secret that both sides have
PURPOSE: Final = "sign-on"


@dataclass(frozen=True)
class Provider:
    """What the provider says about itself (OpenID Connect Discovery 1.0, section 3)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    names_itself: bool  # it sends `iss` with its answers (RFC 9207)


@dataclass(frozen=True)
class Begun:
    """A sign-on under way: where the browser goes, and what it brings back in a cookie."""

    address: str
    cookie: str


@dataclass(frozen=True)
class Identity:
    """Whom the provider has vouched for."""

    subject: str
    name: str  # as the provider calls them; empty when it does not say
    groups: frozenset[str]


def discover(issuer: str) -> Provider:
    """Ask the provider for its addresses. SetupError when it cannot be asked, or calls itself otherwise."""
    found = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", issuer)
    if found.get("issuer") != issuer:
        raise SetupError(
            f"{issuer}: the provider calls itself {found.get('issuer')!r:.100}", "Give the issuer exactly so."
        )
    try:
        provider = Provider(
            _address(found["authorization_endpoint"], issuer),
            _address(found["token_endpoint"], issuer),
            _address(found["jwks_uri"], issuer),
            _address(found["userinfo_endpoint"], issuer) if found.get("userinfo_endpoint") else None,
            found.get("authorization_response_iss_parameter_supported") is True,
        )
    except KeyError as error:
        raise SetupError(f"{issuer}: the provider names no {error}", "Ask those who run it.") from None
    return provider


def begin(chosen: SignOn, secret: str, collector_url: str, root: bytes, now: datetime) -> Begun:
    """Return where to send the browser, and the cookie that it brings back."""
    provider = discover(chosen.issuer)
    state, nonce, verifier = (base64url(secrets.token_bytes(32)) for _ in range(3))
    with _client(chosen, secret, collector_url) as client:
        address, _ = client.create_authorization_url(
            provider.authorization, state=state, nonce=nonce, code_verifier=verifier
        )
    kept = {"state": state, "nonce": nonce, "verifier": verifier, "until": (now + LIFE).timestamp()}
    return Begun(address, base64url(seal(json.dumps(kept).encode(), root, PURPOSE)))


def finish(
    chosen: SignOn, secret: str, collector_url: str, root: bytes, now: datetime, cookie: str, answer: Mapping[str, str]
) -> Identity:
    """Return whom the provider has vouched for. Problem at the first thing that is wrong."""
    kept = _kept(cookie, root, now)
    provider = discover(chosen.issuer)
    _check_answer(answer, kept, chosen, provider)
    try:
        with _client(chosen, secret, collector_url) as client:
            token = client.fetch_token(
                provider.token, grant_type="authorization_code", code=answer["code"],
                code_verifier=kept["verifier"], timeout=SECONDS, allow_redirects=False,
            )  # fmt: skip
            claims = id_claims(
                str(token.get("id_token", "")), _json(provider.keys, chosen.issuer), chosen, kept["nonce"], now
            )
            if chosen.claim not in claims and provider.userinfo is not None:
                claims = {**_userinfo(client, provider.userinfo, claims["sub"]), **claims}
    except (AuthlibBaseError, requests.RequestException, ValueError) as error:
        raise _failed(f"the provider did not take the code: {type(error).__name__}") from None
    return _identity(claims, chosen)


def id_claims(text: str, keys: Mapping[str, Any], chosen: SignOn, nonce: str, now: datetime) -> dict[str, Any]:
    """Return the claims of a genuine ID token for us (OpenID Connect Core 1.0, section 3.1.3.7). Problem otherwise."""
    try:
        signing = [key for key in keys.get("keys", ()) if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
        token = jwt.decode(text, KeySet.import_key_set({"keys": signing}), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _failed(f"the ID token is not genuine: {type(error).__name__}") from None
    claims, seconds = token.claims, now.timestamp()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    wrong = {
        "another issuer": claims.get("iss") != chosen.issuer,
        "another audience": chosen.client_id not in audiences,
        "another party": (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != chosen.client_id,
        "another nonce": not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()),
        "expired": not _is_number(claims.get("exp")) or claims["exp"] + LEEWAY <= seconds,
        "from the future": not _is_number(claims.get("iat")) or claims["iat"] - LEEWAY > seconds,
        "of nobody": not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255,
    }
    for what, it_is in wrong.items():
        if it_is:
            raise _failed(f"the ID token is {what}")
    return dict(claims)


def _check_answer(answer: Mapping[str, str], kept: Mapping[str, str], chosen: SignOn, provider: Provider) -> None:
    if not secrets.compare_digest(answer.get("state", "").encode(), kept["state"].encode()):
        raise _failed("the answer belongs to another sign-on")
    if answer.get("iss", "" if provider.names_itself else chosen.issuer) != chosen.issuer:
        raise _failed("the answer is another provider's")
    if "error" in answer or not answer.get("code"):
        raise _failed("the provider said no")  # its words come from an address that anybody can write


def _kept(cookie: str, root: bytes, now: datetime) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(unseal(urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)), root, PURPOSE))
    except (ValueError, KeyStoreError):
        raise _failed("it was not begun in this browser") from None
    if now.timestamp() >= kept["until"]:
        raise _failed(f"it took longer than {LIFE.total_seconds() / 60:.0f} minutes")
    return kept


def _userinfo(client: OAuth2Session, address: str, subject: str) -> dict[str, Any]:
    found = client.get(address, timeout=SECONDS, allow_redirects=False).json()
    if not isinstance(found, dict) or found.get("sub") != subject:
        raise _failed("the provider speaks of somebody else")  # section 5.3.2
    return found


def _identity(claims: Mapping[str, Any], chosen: SignOn) -> Identity:
    groups = claims.get(chosen.claim, [])
    named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    name = claims.get("preferred_username") or (claims.get("email") if claims.get("email_verified") is True else "")
    texts = frozenset(one for one in named if isinstance(one, str))
    return Identity(claims["sub"], name if isinstance(name, str) else "", texts)


def _client(chosen: SignOn, secret: str, collector_url: str) -> OAuth2Session:
    return OAuth2Session(
        chosen.client_id,
        secret,
        scope="openid profile email" + (f" {chosen.scope}" if chosen.scope else ""),
        redirect_uri=collector_url + CALLBACK_PATH,
        code_challenge_method="S256",
    )


def _json(address: str, issuer: str) -> dict[str, Any]:
    try:
        with requests.get(_address(address, issuer), timeout=SECONDS, allow_redirects=False, stream=True) as answer:
            body = answer.raw.read(MAX_ANSWER + 1, decode_content=True)
            found = json.loads(body) if answer.status_code == 200 and len(body) <= MAX_ANSWER else None
    # urllib3's own errors come out where the body is read past requests.
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        raise SetupError(f"{address}: no answer to be read: {type(error).__name__}", "Is the provider up?") from None
    if not isinstance(found, dict):
        raise SetupError(f"{address}: status {answer.status_code}, or no JSON object", "Is this the right issuer?")
    return found


def _address(address: object, issuer: str) -> str:
    """Return an address of the provider. SetupError unless it is TLS, or provider and address are on this computer."""
    if isinstance(address, str) and (urlsplit(address).scheme == "https" or all(map(_is_here, (address, issuer)))):
        return address
    raise SetupError(f"{address!r:.100} is no https address", "The provider must be reached over TLS.")


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _failed(why: str) -> Problem:
    return Problem("sign-on-failed", why)
