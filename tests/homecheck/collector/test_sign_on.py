"""Company sign-on against a certified provider, and against one that tries every trick."""

from __future__ import annotations

import hmac
import json
import socket
import stat
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from homecheck.clock import utc_now
from homecheck.collector import administration, sign_on_accounts
from homecheck.collector.store import sign_on, users
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.sign_on import Meaning, SignOn
from homecheck.collector.views.sign_on import MOST_AT_ONCE
from homecheck.errors import SetupError
from tests.live_collector import PROGRAM, Site, in_thread, wait_until
from tests.oidc_provider import CLIENT, SECRET, Rogue, certified, rogue, type_into

MEANINGS = (
    Meaning("it", "admin"),
    Meaning("sales-reviewers", "reviewer", PROGRAM),
    Meaning("leads", "viewer", PROGRAM),
)


@dataclass(frozen=True)
class House:
    site: Site
    provider: Rogue
    clock: list[datetime]

    def browser(self) -> requests.Session:
        http = requests.Session()
        http.headers["Origin"] = self.site.url
        return http

    def come(self, browser: requests.Session | None = None) -> requests.Response:
        """Sign in by the button, and return the page at the end."""
        return (browser or self.browser()).get(f"{self.site.url}/oidc/begin", timeout=30)

    def refused(self, why: str) -> None:
        """Hold against a sign-on that it fails for a reason, opens no session and makes no account."""
        browser, accounts = self.browser(), self.site.browse_database("SELECT COUNT(*) FROM oidc_account")
        page = self.come(browser)
        assert page.status_code == 403, page.text
        assert why in page.text
        assert "homecheck" not in browser.cookies
        assert self.site.browse_database("SELECT COUNT(*) FROM oidc_account") == accounts


def set_up(site: Site, issuer: str, **changes: Any) -> None:
    values: dict[str, Any] = {"label": "Example account", "meanings": MEANINGS, **changes}
    sign_on_accounts.set_up(site.database, SignOn(issuer, CLIENT, **values), SECRET, "a test", utc_now())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock: list[datetime] = []
    with rogue() as provider, in_thread(tmp_path, clock=lambda: clock[0] if clock else utc_now()) as site:
        set_up(site, provider.url)
        yield House(site, provider, clock)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One collector and one provider for all the tricks that leave nothing behind."""
    with rogue() as provider, in_thread(tmp_path_factory.mktemp("estate")) as site:
        set_up(site, provider.url)
        yield House(site, provider, [])


@pytest.fixture
def tricked(estate: House) -> Iterator[House]:
    yield estate
    estate.provider.begin_anew()


def signed_in(answer: requests.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in answer.text


def test_a_certified_provider_and_each_persons_groups(tmp_path: Path, new_database: Callable[[Path], Database]) -> None:
    with in_thread(tmp_path, database=new_database(tmp_path)) as site, certified(f"{site.url}/oidc/callback") as issuer:
        set_up(site, issuer)
        found = {}
        for login in ("ada", "bo", "cy"):
            browser = requests.Session()
            begun = browser.get(f"{site.url}/oidc/begin", timeout=20, allow_redirects=False)
            assert begun.status_code == 303
            back = type_into(requests.Session(), begun.headers["Location"], login)
            found[login] = browser.get(back, timeout=30)
        assert [signed_in(found[login]) for login in ("ada", "bo", "cy")] == [True, True, False]
        assert found["cy"].status_code == 403
        assert "none of your groups has a role here" in found["cy"].text
        with opened(site.database) as db:
            roles = {user.name: user.roles for user in users.every(db)}
        assert roles == {
            "admin": {"": "admin"},
            "ada@example.com": {"": "admin", PROGRAM: "viewer"},
            "bo@example.com": {PROGRAM: "reviewer"},
        }
        assert site.defects() == []


def test_with_the_company_one_comes_to_the_page_that_one_wanted(house: House) -> None:
    browser = house.browser()
    assert browser.get(f"{house.site.url}/programs?x=1", timeout=20).status_code == 401
    page = house.come(browser)
    assert signed_in(page)
    assert page.url == f"{house.site.url}/programs?x=1"


def test_the_request_has_state_nonce_and_pkce_and_the_token_request_the_verifier(house: House) -> None:
    browser = house.browser()
    begun = browser.get(f"{house.site.url}/oidc/begin", timeout=20, allow_redirects=False)
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["Location"]).query).items()}
    assert (query["response_type"], query["client_id"], query["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert query["redirect_uri"] == f"{house.site.url}/oidc/callback"
    assert "openid" in query["scope"].split()
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    cookie = begun.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert query["state"] not in cookie  # sealed
    assert signed_in(house.come())
    assert len(house.provider.token_requests[0]["code_verifier"]) >= 43


def changed(**changes: Any) -> Any:
    return lambda claims: {**claims, **changes}


def segment(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def with_none(claims: dict[str, Any], _: RSAKey) -> str:
    return f"{segment({'alg': 'none', 'kid': 'k1'})}.{segment(claims)}."


def with_shared_secret(claims: dict[str, Any], _: RSAKey) -> str:
    return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(SECRET))


def with_public_key_as_secret(claims: dict[str, Any], key: RSAKey) -> str:
    signed = ".".join(segment(part) for part in ({"alg": "HS256", "kid": "k1"}, claims))
    mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).decode().rstrip('=')}"


def with_another_key(claims: dict[str, Any], _: RSAKey) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, RSAKey.generate_key(2048))


def with_weak_padding(claims: dict[str, Any], key: RSAKey) -> str:
    return jwt.encode({"alg": "RS512", "kid": "k1"}, claims, key, algorithms=["RS512"])


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        (changed(nonce="x"), "another nonce"),
        (lambda claims: {name: value for name, value in claims.items() if name != "nonce"}, "another nonce"),
        (changed(aud="somebody"), "another audience"),
        (changed(aud=[CLIENT, "somebody"]), "another party"),
        (changed(aud=[CLIENT, "somebody"], azp="somebody"), "another party"),
        (changed(azp="somebody"), "another party"),
        (changed(aud=[]), "another audience"),
        (changed(aud=None), "another audience"),
        (changed(iss="https://evil.example"), "another issuer"),
        (lambda claims: {**claims, "iss": claims["iss"] + "/"}, "another issuer"),
        (lambda claims: {**claims, "exp": int(time.time()) - 120}, "expired"),
        (changed(exp="never"), "expired"),
        (changed(exp=True), "expired"),
        (lambda claims: {name: value for name, value in claims.items() if name != "exp"}, "expired"),
        (lambda claims: {**claims, "iat": int(time.time()) + 3600}, "from the future"),
        (changed(sub=""), "of nobody"),
        (changed(sub=7), "of nobody"),
    ],
)
def test_an_id_token_that_is_not_for_us_now_is_refused(tricked: House, claims: Any, why: str) -> None:
    tricked.provider.claims = claims
    tricked.refused(why)


@pytest.mark.parametrize(
    "sign",
    [
        with_none,
        with_shared_secret,
        with_public_key_as_secret,
        with_another_key,
        with_weak_padding,
        lambda *_: "",
        lambda *_: "a.b.c",
    ],
)
def test_an_id_token_that_is_not_signed_by_the_provider_is_refused(tricked: House, sign: Any) -> None:
    tricked.provider.sign = sign
    tricked.refused("ID token is not genuine")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"iss": "https://evil.example"}, "another provider"),  # RFC 9207: mix-up
        ({"iss": ""}, "another provider"),  # the provider says that it names itself
        ({"state": "x"}, "another sign-on"),
        ({"state": ""}, "another sign-on"),
        ({"code": ""}, "said no"),
        ({"error": "access_denied"}, "said no"),
        ({"code": "made-up"}, "did not take the code"),
    ],
)
def test_an_answer_that_is_not_to_our_question_is_refused(tricked: House, answer: dict[str, str], why: str) -> None:
    tricked.provider.answer = answer
    tricked.refused(why)


def test_an_answer_in_another_browser_or_too_late_is_refused(house: House) -> None:
    begun = house.browser().get(f"{house.site.url}/oidc/begin", timeout=20, allow_redirects=False)
    back = requests.get(begun.headers["Location"], timeout=20, allow_redirects=False).headers["Location"]
    victim = house.browser()
    assert "not begun in this browser" in victim.get(back, timeout=20).text
    for cookie in ("x", "A" * 200, "ü"):
        made_up = requests.get(back, headers={"Cookie": f"homecheck-sign-on={cookie}".encode()}, timeout=20)
        assert (made_up.status_code, "not begun in this browser" in made_up.text) == (403, True)
    browser = house.browser()
    begun = browser.get(f"{house.site.url}/oidc/begin", timeout=20, allow_redirects=False)
    back = requests.get(begun.headers["Location"], timeout=20, allow_redirects=False).headers["Location"]
    house.clock.append(datetime.now(UTC) + timedelta(minutes=11))
    (kept,) = (one.value for one in browser.cookies)
    late = requests.get(back, cookies={"homecheck-sign-on": str(kept)}, timeout=20)
    assert "longer than 10 minutes" in late.text


def test_a_code_works_once(house: House) -> None:
    browser = house.browser()
    begun = browser.get(f"{house.site.url}/oidc/begin", timeout=20, allow_redirects=False)
    back = requests.get(begun.headers["Location"], timeout=20, allow_redirects=False).headers["Location"]
    kept = browser.cookies.copy()
    assert signed_in(browser.get(back, timeout=20))
    again = requests.get(back, cookies=kept, timeout=20)
    assert "did not take the code" in again.text


def test_userinfo_of_somebody_else_is_refused_and_one_s_own_gives_groups(house: House) -> None:
    house.provider.claims = lambda claims: {name: value for name, value in claims.items() if name != "groups"}
    house.provider.userinfo = {"sub": "s-2", "groups": ["it"]}
    house.refused("speaks of somebody else")
    house.provider.userinfo = {"sub": "s-1", "groups": ["it"]}
    assert signed_in(house.come())


@pytest.mark.parametrize("groups", [[], ["It"], ["it "], None, {"it": 1}, [["it"]], "i"])
def test_who_is_in_no_group_that_means_something_gets_nothing(tricked: House, groups: Any) -> None:
    tricked.provider.claims = changed(groups=groups)
    tricked.refused("none of your groups has a role here")


def test_roles_follow_the_groups_and_end_with_them(house: House) -> None:
    browser = house.browser()
    assert signed_in(house.come(browser))
    house.provider.claims = changed(groups=["leads", "sales-reviewers"])
    assert signed_in(house.come())
    with opened(house.site.database) as db:
        assert users.get(db, "ada@example.com").roles == {PROGRAM: "reviewer"}  # the stronger of the two
    house.provider.claims = changed(groups=[])
    assert house.come().status_code == 403
    with opened(house.site.database) as db:
        assert users.get(db, "ada@example.com").roles == {}
    assert house.site.defects() == []  # each change of roles has its event
    assert browser.get(f"{house.site.url}/account", timeout=20).status_code == 401


def test_the_name_of_a_local_account_is_never_taken_over(house: House) -> None:
    administration.add_user(house.site.database, "ada@example.com", "viewer", "a test", utc_now())
    assert signed_in(house.come())
    with opened(house.site.database) as db:
        assert users.get(db, "ada@example.com").roles == {"": "viewer"}
        (other,) = sign_on.accounts(db)
        assert other.startswith("oidc-")
    house.provider.claims = changed(sub="s-2", preferred_username="<script>")
    assert signed_in(house.come())
    assert house.site.browse_database("SELECT COUNT(*) FROM oidc_account") == [2]


def test_the_secret_lies_beside_the_keys_for_its_owner_alone_and_is_shown_nowhere(house: House) -> None:
    file = house.site.file.parent / "collector.keys" / "sign-on.secret"
    assert file.read_text() == SECRET
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET.encode() not in house.site.everything()
    sign_on_accounts.remove(house.site.database, "a test", utc_now())
    assert not file.exists()
    assert house.site.defects() == []
    assert house.come().status_code == 404
    assert "Example account" not in house.browser().get(f"{house.site.url}/sign-in", timeout=20).text


def test_the_button_stands_where_people_sign_in(house: House) -> None:
    for path in ("/", "/sign-in"):
        assert "Sign in with Example account" in house.browser().get(house.site.url + path, timeout=20).text


@pytest.mark.parametrize(
    ("discovery", "why"),
    [
        ({"issuer": "https://evil.example"}, "calls itself"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "no https address"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https address"),
        ({"authorization_endpoint": None}, "no https address"),
    ],
)
def test_a_provider_that_is_not_what_it_says_is_not_set_up(tmp_path: Path, discovery: dict[str, Any], why: str) -> None:
    with rogue() as provider, in_thread(tmp_path) as site:
        provider.discovery = discovery
        with pytest.raises(SetupError, match=why):
            set_up(site, provider.url)
        with opened(site.database) as db:
            assert sign_on.read(db) is None


def test_a_provider_that_is_not_there_says_so_and_links_still_work(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        with rogue() as provider:
            set_up(site, provider.url)
        page = requests.get(f"{site.url}/oidc/begin", timeout=20)
        assert (page.status_code, "no answer to be read" in page.text) == (403, True)
        assert signed_in(site.browse("bo", "viewer").get(f"{site.url}/", timeout=20))


def test_a_provider_that_breaks_off_in_the_middle_of_its_answer_is_said_to(tricked: House) -> None:
    tricked.provider.withheld = 10
    page = requests.get(f"{tricked.site.url}/oidc/begin", timeout=20)
    assert (page.status_code, "no answer to be read" in page.text) == (403, True)


def test_plain_http_to_another_host_is_refused(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site, pytest.raises(SetupError, match="no https address"):
        set_up(site, "http://idp.example.com")


@contextmanager
def silent(port: int) -> Iterator[list[socket.socket]]:
    """Take connections at a provider's port and say nothing to them."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port), backlog=128) as server:
        ended = threading.Event()

        def take() -> None:
            server.settimeout(0.05)
            while not ended.is_set():
                with suppress(TimeoutError):
                    taken.append(server.accept()[0])

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield taken
        finally:
            ended.set()
            thread.join()
            for one in taken:
                one.close()


def test_strangers_who_begin_while_the_provider_hangs_leave_room_for_everybody_else(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        with rogue() as provider:
            set_up(site, provider.url)
        ada = site.browse("ada", "admin")
        port = int(provider.url.rpartition(":")[2])
        with silent(port) as waiting, ThreadPoolExecutor(50) as crowd:
            begun = [crowd.submit(requests.get, f"{site.url}/oidc/begin", timeout=60) for _ in range(50)]
            wait_until(lambda: len(waiting) == MOST_AT_ONCE and sum(one.done() for one in begun) == 50 - MOST_AT_ONCE)
            assert signed_in(ada.get(f"{site.url}/", timeout=20))
            assert len(waiting) == MOST_AT_ONCE  # nobody's place was free meanwhile: the page did not wait for one
            for one in waiting:
                one.shutdown(socket.SHUT_RDWR)
        statuses = [one.result().status_code for one in begun]
        assert (statuses.count(429), statuses.count(403)) == (50 - MOST_AT_ONCE, MOST_AT_ONCE)
