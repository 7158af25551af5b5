"""The document: it names every route, and made-up requests of every role get what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route

from homecheck.collector import setup
from homecheck.collector.api import machine, openapi
from homecheck.collector.api import routes as api
from homecheck.collector.api.operation import Operation
from homecheck.collector.app import MACHINE_PATHS, Machine
from homecheck.collector.readiness import Readiness
from homecheck.collector.reception import Reception
from homecheck.collector.rights import Right, may_somewhere
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.collector.store.users import ROLES, User
from homecheck.collector.views import dashboard
from homecheck.collector.views.site import Site as Pages
from homecheck.collector.watch import Watch
from tests.desk import Desk, desk_at

DOCUMENT = openapi.document(api.OPERATIONS, machine.MACHINE, "http://127.0.0.1")


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Desk]]:
    """Somebody of each role with every scope of theirs, and somebody without a role."""
    folder = tmp_path_factory.mktemp("made-up")
    with desk_at(folder, SqliteDatabase(folder / "collector.db")) as desk:
        found: dict[str, Desk] = {}
        for role in ROLES:
            scopes = [one.value for one in Right if may_somewhere(User("x", {"": role}), one)]
            found[role] = desk.as_somebody(f"the-{role}", role, scopes)
        yield found


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    """One connection for thousands of requests."""
    with requests.Session() as session:
        yield session


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def served(routes: list[Route]) -> set[tuple[str, str]]:
    return {(method, route.path) for route in routes for method in route.methods or () if method != "HEAD"}


def test_the_document_describes_every_route_of_machines_and_no_other(desks: dict[str, Desk]) -> None:
    site = desks["admin"].site
    document = requests.get(f"{site.url}/openapi.json", timeout=20).json()
    assert document["openapi"] == "3.1.0"
    assert document["paths"] == DOCUMENT["paths"]
    collector = setup.load(site.database)
    machines = Machine(collector, Readiness(collector), Watch(), Reception(collector)).routes()
    assert described(document) == served([*machines, *api.routes(collector)])
    # Everything else is a page for people, and no page hides among the addresses of machines.
    assert not [path for _, path in served(dashboard.routes(Pages(collector))) if path.startswith(MACHINE_PATHS)]


def test_every_operation_has_its_own_name_and_all_its_parameters() -> None:
    operations: list[Operation | machine.Machine] = [*api.OPERATIONS, *machine.MACHINE]
    names = [one.name for one in operations]
    assert len(set(names)) == len(names)
    for one in operations:
        in_path = {parameter.name for parameter in one.parameters if parameter.place == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", one.path)), one.path


def test_the_document_is_one_by_its_own_standard() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(desks: dict[str, Desk]) -> None:
    desk = desks["admin"]
    for path, methods in DOCUMENT["paths"].items():
        if path == "/v1/evidence/{id}":
            continue  # uploads go past the router: PUT alone has its own way
        takes = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
        for method in {"PATCH", "DELETE"} - takes:
            answer = desk.ask(method, re.sub(r"{\w+}", "0", path))
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["Allow"].split(", ")) == takes, (method, path)
            assert answer.json()["type"] == "/problems/method"


@schemathesis.serializer("application/jose", "text/csv")
def as_it_is(_: Any, value: Any) -> bytes:
    """Return a made-up body as it is sent, where it is no JSON."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_dict(DOCUMENT)
by_chance = schemathesis.openapi.from_dict(DOCUMENT)  # without the systematic part, for those who may do little
for one in (schema, by_chance):  # it does not count 412 and 413 as refusals by itself
    one.config.checks.negative_data_rejection.expected_statuses = ["4xx"]
schema.config.phases.coverage.unexpected_methods = set()  # a test of its own asks with every method
by_chance.config.phases.coverage.enabled = False
BOUNDED = settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
# A name of only control characters is a string by its schema, and no name: that 400 is documented. So is the 422 of
# bytes that have the form of a signed document.


@schema.include(tag="administration").parametrize()
@BOUNDED
def test_made_up_requests_of_an_administrator_get_what_the_document_says(
    desks: dict[str, Desk], http: requests.Session, case: schemathesis.Case[Any]
) -> None:
    desk = desks["admin"]
    case.call_and_validate(
        base_url=desk.site.url,
        headers=desk.headers,
        excluded_checks=[positive_data_acceptance],
        timeout=30,
        session=http,
    )


@schema.include(tag="agents").parametrize()
@BOUNDED
def test_made_up_requests_of_nobody_get_what_the_document_says(
    desks: dict[str, Desk], http: requests.Session, case: schemathesis.Case[Any]
) -> None:
    case.call_and_validate(
        base_url=desks["admin"].site.url, excluded_checks=[positive_data_acceptance], timeout=30, session=http
    )


@by_chance.include(tag="administration").parametrize()
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_made_up_requests_of_every_other_role_get_what_the_document_says(
    desks: dict[str, Desk], http: requests.Session, case: schemathesis.Case[Any]
) -> None:
    for role in ("viewer", "auditor", "reviewer"):
        desk = desks[role]
        case.call_and_validate(
            base_url=desk.site.url,
            headers=desk.headers,
            excluded_checks=[positive_data_acceptance],
            timeout=30,
            session=http,
        )
