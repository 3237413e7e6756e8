"""How refusals look over HTTP: a status for each kind, a renderer for each surface.

The native envelope is `{"error": {"code", "message", "details": {"field", "provided"}, "request_id"}}`. A value is
echoed in `provided` only when it is a scalar and no part of its field's path names a credential.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from trunkline.control.errors import (
    CODES,
    Conflict,
    Failed,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    ProviderFailed,
    Refusal,
    Scalar,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from trunkline.model.words import readable

_CREDENTIALS = frozenset(
    {
        "credentials",
        "username",
        "password",
        "project_id",
        "api_key",
        "webhook_secret",
        "private_key",
        "inbound_pin",
        "secret",
        "digest_user",
        "sip_username",
        "sip_password",
        "authorization",
    }
)
"""Parts of a field's path whose value is never echoed."""

_WORDS = re.compile(r"(?<=[a-z0-9])([A-Z])")
"""Where a word begins in camelCase."""

_LONGEST_ECHO = 200
_NO_PREFIXES: Mapping[str, str] = {}

STATUS: dict[type[Refusal], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unprocessable: 422,
    Limited: 429,
    Failed: 500,
    ProviderFailed: 502,
    Unavailable: 503,
}

HTTP_CODES: dict[str, int] = {
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "server_error": 500,
}
"""Refusals that only HTTP knows."""


class HttpRefusal(Exception):
    """Refused before any service was asked."""

    def __init__(self, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = HTTP_CODES[code]
        self.message = message
        self.headers = headers or {}


class ErrorDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    field: str | None = None
    """The field, as a path with dots; a query parameter or header by its name."""
    provided: Scalar = None
    trunks: list[str] | None = None
    """Ids of trunks that stand in the way."""
    phone_numbers: list[str] | None = None
    """Numbers that stand in the way."""
    agents: list[str] | None = None
    """Ids of agents that stand in the way."""


class ErrorBody(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: ErrorDetails
    request_id: str


class Error(msgspec.Struct, frozen=True):
    """Every refusal of the native surface."""

    error: ErrorBody


def status_of(code: str) -> int:
    """The HTTP status that goes with a code."""
    kind = CODES.get(code)
    return HTTP_CODES[code] if kind is None else STATUS[kind]


def native(code: str, message: str, request_id: str, details: ErrorDetails) -> bytes:
    return msgspec.json.encode(Error(ErrorBody(code, message, details, request_id)))


Renderer = Callable[[str, str, str, ErrorDetails], bytes]


def details_of(refusal: Refusal, fields: Mapping[str, str], prefixes: Mapping[str, str] = _NO_PREFIXES) -> ErrorDetails:
    """What an envelope says beyond code and message; `fields` translates the model's names to the surface's, and
    `prefixes` those of ids."""
    provided = refusal.provided
    field = refusal.field if refusal.field is None else fields.get(refusal.field, refusal.field)
    if field is not None and is_credential(field):
        provided = None
    elif isinstance(provided, str):
        # A header's may hold bytes that are no UTF-8.
        provided = readable(provided if len(provided) <= _LONGEST_ECHO else provided[:_LONGEST_ECHO] + "…")
    return ErrorDetails(
        field,
        provided,
        _shown(prefixes.get("trunk", "trunk"), refusal.listed.get("trunks")),
        refusal.listed.get("phone_numbers") or None,
        _shown(prefixes.get("agent", "agent"), refusal.listed.get("agents")),
    )


def _shown(prefix: str, ids: list[str] | None) -> list[str] | None:
    return [f"{prefix}_{id}" for id in ids] if ids else None


def is_credential(field: str) -> bool:
    return not _CREDENTIALS.isdisjoint(_WORDS.sub(r"_\1", field).lower().split("."))
