"""Everything a machine can ask, as an OpenAPI 3.1 document: made from the operations and descriptions themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from homecheck import __version__
from homecheck.collector.api.machine import Machine
from homecheck.collector.api.operation import Json, Operation, Parameter, objects
from homecheck.collector.etags import MAX_HEADER
from homecheck.collector.problems import MEDIA_TYPE, PROBLEMS

EVERY: Final = ("no-token", "token-refused", "not-allowed", "slow-down", "not-stored", "bad-request")
WITH_BODY: Final = ("too-large", "wrong-type", "encoded", "too-slow", "refused")
CONDITIONAL: Final = ("changed-meanwhile", "condition-needed")
ADMINISTRATION: Final = "administration"
AGENTS: Final = "agents"
PROBLEM: Final = {
    **objects(
        type={"type": "string", "format": "uri-reference"},
        title={"type": "string"},
        status={"type": "integer"},
        detail={"type": "string"},
        advice={"type": "string"},
    ),
    "additionalProperties": True,
}
CONTENT: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
TAG: Final = {"description": "Names this state; send it back in If-Match.", "schema": {"type": "string"}}
IF_MATCH: Final = {
    "name": "If-Match", "in": "header", "schema": {"type": "string", "maxLength": MAX_HEADER},
    "description": "The ETag of the state that is changed, or * for any. Without it: 428.",
}  # fmt: skip
IDEMPOTENCY: Final = {
    "name": "Idempotency-Key", "in": "header",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{1,64}$"},
    "description": "Names the list: what was sent under this name already is refused (409).",
}  # fmt: skip


def document(operations: Iterable[Operation], machine: Iterable[Machine], url: str) -> Json:
    """Return the document; `url` is the collector's own."""
    paths: dict[str, Json] = {}
    for found in machine:
        paths.setdefault(found.path, {})[found.method.lower()] = _machine(found)
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Homecheck collector",
            "version": __version__,
            "description": "An API token reaches what its owner may, within its scopes. What the owner does not see is "
            "answered as if it were not there. Lists go on with the `next` of the answer before. Agents need no token: "
            "what they send is signed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [
            {"name": ADMINISTRATION, "description": "What the dashboard can do, for programs with a token."},
            {"name": AGENTS, "description": "What agents, auditors and monitoring ask."},
        ],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "hck_<id>_<secret>"},
                "metrics": {"type": "http", "scheme": "bearer", "description": "serve --metrics-token"},
            },
            "schemas": {"Problem": PROBLEM},
        },
    }


def _operation(one: Operation) -> Json:
    where = " in every program" if one.everywhere else ""
    headers = [IF_MATCH] if one.conditional else [IDEMPOTENCY] if "list-used" in one.refusals else []
    answer: Json = {"description": "Done."}
    if one.answer is not None:
        answer["content"] = {one.media_type: {"schema": one.answer}}
    if one.tagged:
        answer["headers"] = {"ETag": TAG}
    reasons = (
        *EVERY,
        *(WITH_BODY if one.body is not None else ()),
        *(CONDITIONAL if one.conditional else ()),
        *one.refusals,
    )
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"The scope `{one.right.value}` is needed{where}.",
        "tags": [ADMINISTRATION],
        "parameters": [*(_parameter(parameter) for parameter in one.parameters), *headers],
        "responses": {**{str(status): answer for status in (one.status, *one.more)}, **_refusals(reasons)},
    }
    if one.body is not None:
        described["requestBody"] = _body(one.body_type, one.body, one.example)
    return described


def _machine(one: Machine) -> Json:
    answer = {"description": "Done.", "content": {one.media_type: {"schema": one.answer}}}
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [AGENTS],
        "security": [{"metrics": []}, {}] if one.secured else [],
        "parameters": [_parameter(parameter) for parameter in one.parameters],
        "responses": {**{str(status): answer for status in one.statuses}, **_refusals(one.refusals)},
    }
    if one.description:
        described["description"] = one.description
    if one.body is not None:
        described["requestBody"] = _body(one.body_type, one.body, one.example)
    return described


def _body(media_type: str, schema: Json, example: Any) -> Json:
    content: Json = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": {media_type: content}}


def _parameter(one: Parameter) -> Json:
    described = {"name": one.name, "in": one.place, "description": one.text, "schema": one.schema}
    return {**described, "required": True} if one.place == "path" else described


def _refusals(reasons: Iterable[str]) -> Json:
    by_status: dict[int, list[str]] = {}
    for reason in dict.fromkeys(reasons):
        by_status.setdefault(PROBLEMS[reason].status, []).append(reason)
    return {
        str(status): {
            "description": "; ".join(f"{PROBLEMS[reason].title} ({reason})" for reason in names),
            "content": CONTENT,
        }
        for status, names in sorted(by_status.items())
    }
