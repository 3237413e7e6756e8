"""The numbers surface, `/api/v1/phone-numbers`: numbers with what is lacking before they work, and who the business
is."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.errors import ErrorDetails, status_of
from trunkline.api.numbers import phone_numbers, verification
from trunkline.api.surface import Surface

BASE = phone_numbers.BASE


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    field: str | None = None
    message: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every refusal of the numbers surface."""

    error: str
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z_]+$")]
    details: ProblemDetails | None = None
    """Of a request that cannot be read: which field, and why."""


_CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE",
    429: "RATE_LIMITED",
    500: "SERVER_ERROR",
    502: "PROVIDER_ERROR",
    503: "UNAVAILABLE",
}


def render(code: str, message: str, request_id: str, details: ErrorDetails) -> bytes:
    status = status_of(code)
    if status == 401:
        problem = Problem(error="Unauthorized", code=_CODES[401])
    elif status == 400:
        why = ProblemDetails(field=details.field, message=message)
        problem = Problem(error="Invalid request body", code=_CODES[400], details=why)
    else:
        problem = Problem(error=message, code=_CODES[status])
    return msgspec.json.encode(problem)


SURFACE = Surface(
    name="numbers",
    title="Phone numbers",
    description=(
        "Provision managed numbers, import SIP-trunk numbers, update routing, and manage phone-number business "
        "verification."
    ),
    prefix=BASE,
    routes=(*verification.ROUTES, *phone_numbers.ROUTES),
    document=f"{BASE}/openapi.json",
    render=render,
    error=Problem,
)
