"""The OpenAPI 3.1 document, assembled from the route table and the structs' own JSON Schemas (its dialect is 3.1's).

Nothing here is written twice: paths, parameters, permissions and error codes are read from the routes, so the document
cannot promise what the dispatcher does not do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, get_args, get_origin

import msgspec

from trunkline.api import errors
from trunkline.api.decode import schema_hook
from trunkline.api.route import PARAMETERS, Route
from trunkline.api.surface import Surface

_REF = "#/components/schemas/{name}"
_ID = "[0-7][0-9a-hjkmnp-tv-z]{25}"

_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's own id when it brought one that can be used, else one made here.",
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {
        "description": "Requests in a window of the budget that this endpoint spends.",
        "schema": {"type": "integer"},
    },
    "X-RateLimit-Remaining": {"description": "What is left of it.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {
        "description": "Unix seconds, rounded up, at which the whole budget is there again.",
        "schema": {"type": "integer"},
    },
}

_IDEMPOTENCY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request within a day: carried out once, and answered the same again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

_ORGANIZATION: dict[str, Any] = {
    "name": "X-Organization-Id",
    "in": "header",
    "required": True,
    "description": "The key's own organization.",
    "schema": {"type": "string"},
}

_ALWAYS = ("server_error",)
_WITH_KEY = ("api_key_missing", "invalid_api_key", "insufficient_permissions", "rate_limit_exceeded")
_WITH_BODY = (
    "invalid_json",
    "missing_required_field",
    "unknown_field",
    "invalid_parameter",
    "request_timeout",
    "body_too_large",
    "unsupported_media_type",
)
_ONCE = (
    "invalid_parameter",
    "idempotency_in_progress",
    "idempotency_unfinished",
    "idempotency_key_reused",
    "store_unavailable",
)
_WITH_RAW = ("request_timeout", "body_too_large", "unsupported_media_type")
_WITH_QUERY = ("unknown_field", "invalid_parameter")


def codes(route: Route) -> list[str]:
    """Every error code that a route can answer with, in the order of their statuses."""
    found = [*_ALWAYS, *route.errors]
    if route.permission is not None:
        # Whoever may act for several organizations can name one by a header; that too can be wrong.
        found += [*_WITH_KEY, "missing_required_field"]
    if route.method == "POST" and route.permission is not None:
        found += _ONCE
    if route.request is not None:
        found += _WITH_BODY
    elif route.raw:
        found += _WITH_RAW
    if route.query is not None:
        found += _WITH_QUERY
    found += [PARAMETERS[name].code for name in parameters(route.path)]
    return sorted(set(found), key=lambda code: (errors.status_of(code), code))


def parameters(path: str) -> list[str]:
    return [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]


def document(surface: Surface, version: str) -> dict[str, Any]:
    routes = surface.routes
    kinds = _kinds(surface)
    _, schemas = msgspec.json.schema_components(kinds, schema_hook=schema_hook, ref_template=_REF)
    queries = {route.query.__name__ for route in routes if route.query is not None}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, schemas, surface.error.__name__)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": surface.title,
            "version": version,
            "description": surface.description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
        "paths": dict(paths),
        "components": {
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in queries},
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def encode(surface: Surface, version: str) -> bytes:
    """The document as it is served and committed: indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(document(surface, version)), indent=1) + b"\n"


def _kinds(surface: Surface) -> list[Any]:
    found: dict[Any, None] = {surface.error: None}
    for route in surface.routes:
        for kind in (route.request, route.response, route.query):
            if kind is not None:
                found[kind] = None
    return list(found)


def _operation(route: Route, schemas: dict[str, Any], error: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
    }
    if route.permission is None:
        operation["security"] = []
    else:
        operation["description"] = f"Needs the permission `{route.permission}`."
    given = [_path_parameter(name) for name in parameters(route.path)]
    if route.method == "POST" and route.permission is not None:
        given.append(_IDEMPOTENCY)
    if route.organization_named:
        given.append(_ORGANIZATION)
    if route.query is not None:
        schema = schemas[route.query.__name__]
        given += [_query_parameter(name, part) for name, part in schema["properties"].items()]
    if given:
        operation["parameters"] = given
    if route.raw:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    if route.request is not None:
        operation["requestBody"] = {
            "required": not route.bare,
            "content": {"application/json": {"schema": {"$ref": _REF.format(name=route.request.__name__)}}},
        }
    operation["responses"] = _responses(route, error)
    return operation


def operation_id(route: Route) -> str:
    return f"{route.tag.replace('-', '_')}_{route.handler.__name__}"


def _path_parameter(name: str) -> dict[str, Any]:
    kind = PARAMETERS[name]
    prefixes = "|".join(sorted(kind.prefixes))
    id_ = "[1-9][0-9]{0,14}" if kind.counted else _ID
    start = f"(({prefixes})_)?" if prefixes else ""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": f"Id of the {kind.noun}.",
        "schema": {"type": "string", "pattern": f"^{start}{id_}$"},
    }


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in schema.items() if key != "description"}
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": False, "schema": shown}
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter


def _responses(route: Route, error: str) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    limited = dict(headers)
    if route.permission is not None:
        limited |= {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS if name != "X-Request-Id"}
    content: dict[str, Any] = {}
    if route.response is not None:
        content["application/json"] = {"schema": _schema(route.response)}
    elif route.html:
        content["text/html"] = {"schema": {"type": "string"}}
    elif not route.text:
        content["application/json"] = {"schema": {"type": "object"}}
    if route.text:
        content["text/plain"] = {"schema": {"type": "string"}}
    answers: dict[str, Any] = {}
    for status in (route.status, *route.also):
        answers[str(status)] = {"description": route.summary, "headers": limited, "content": content}
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes(route):
        by_status[errors.status_of(code)].append(code)
    for status, known in by_status.items():
        answers[str(status)] = {
            "description": ", ".join(f"`{code}`" for code in known),
            "headers": headers,
            "content": {"application/json": {"schema": {"$ref": _REF.format(name=error)}}},
        }
    return answers


def _schema(kind: Any) -> dict[str, Any]:
    """Of a struct, or of a list of them."""
    if get_origin(kind) is list:
        return {"type": "array", "items": {"$ref": _REF.format(name=get_args(kind)[0].__name__)}}
    return {"$ref": _REF.format(name=kind.__name__)}
