"""The import surface, `/api/phone-numbers`: one request brings a number here, from an account or by a SIP trunk."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ErrorDetails
from trunkline.api.importing import numbers
from trunkline.api.surface import Surface


class FailureBody(msgspec.Struct, frozen=True):
    code: str
    details: ErrorDetails
    request_id: str


class Failure(msgspec.Struct, frozen=True):
    """Every refusal of the import surface."""

    success: bool
    message: str
    error: FailureBody


def render(code: str, message: str, request_id: str, details: ErrorDetails) -> bytes:
    return msgspec.json.encode(Failure(False, message, FailureBody(code, details, request_id)))


SURFACE = Surface(
    name="import",
    title="Phone number import",
    description="Import a phone number from an account at Twilio, or with the SIP trunk that it comes by.",
    prefix="/api/phone-numbers",
    routes=numbers.ROUTES,
    document="/api/phone-numbers/openapi.json",
    render=render,
    error=Failure,
)
