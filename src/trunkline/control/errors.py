"""The one tree of refusals: what a caller asked for and does not get, in words that no protocol owns.

A refusal carries a stable `code`, a sentence that says what would mend it, and where it applies the field and the value
that were given. Each surface renders it in its own shape. `CODES` is the whole vocabulary: a code that is not in it, or
is raised with another class, is a bug that the constructor finds.
"""

from __future__ import annotations

Scalar = str | int | float | bool | None


class Refusal(Exception):
    """Refuse a request. Raise one of its kinds, never this class."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        provided: Scalar = None,
        listed: dict[str, list[str]] | None = None,
        stands: bool = False,
    ) -> None:
        super().__init__(message)
        assert CODES.get(code) is type(self), f"{code} is not a code of {type(self).__name__}"
        self.code = code
        self.message = message
        self.field = field
        self.provided = provided
        self.listed = listed or {}
        """What stands in the way, by kind: shown beside field and provided."""
        self.stands = stands
        """Whether what was asked for is stored all the same."""


class Invalid(Refusal):
    """The request cannot be read, or says something that can never be so."""


class Unauthenticated(Refusal):
    """Nobody, or nobody we know, asks."""


class Forbidden(Refusal):
    """Known, but not allowed."""


class NotFound(Refusal):
    """No such thing, or it is another organization's: the two are not told apart."""


class Conflict(Refusal):
    """It could be so, but not beside what is there."""


class Unprocessable(Refusal):
    """Well said, but what it speaks of cannot do that."""


class Limited(Refusal):
    """Too many, too fast."""


class Unavailable(Refusal):
    """A part of this system does not answer; the same request may succeed later."""


class Failed(Refusal):
    """Carried out here, and it came to nothing."""


class ProviderFailed(Refusal):
    """Somebody else's system refused, or did not answer; what it said is in the message."""


CODES: dict[str, type[Refusal]] = {
    "missing_required_field": Invalid,
    "unknown_field": Invalid,
    "invalid_json": Invalid,
    "invalid_parameter": Invalid,
    "invalid_phone_number": Invalid,
    "invalid_credentials": Invalid,
    "api_key_missing": Unauthenticated,
    "invalid_api_key": Unauthenticated,
    "insufficient_permissions": Forbidden,
    "invalid_signature": Forbidden,
    "feature_not_enabled": Forbidden,
    "trunk_not_found": NotFound,
    "phone_not_found": NotFound,
    "agent_not_found": NotFound,
    "call_not_found": NotFound,
    "key_not_found": NotFound,
    "organization_not_found": NotFound,
    "trace_not_found": NotFound,
    "connection_not_found": NotFound,
    "webhook_not_found": NotFound,
    "delivery_not_found": NotFound,
    "invalid_evidence": Invalid,
    "provider_not_connected": Invalid,
    "provisioning_not_supported": Invalid,
    "credentials_rejected": Unprocessable,
    "verification_failed": Unprocessable,
    "number_not_available": Unprocessable,
    "webhook_target_refused": Invalid,
    "ban_not_found": NotFound,
    "verification_not_found": NotFound,
    "trunk_name_exists": Conflict,
    "purchase_in_progress": Conflict,
    "trunk_has_active_numbers": Conflict,
    "trunk_has_agents": Conflict,
    "trunk_identity_conflict": Conflict,
    "phone_number_exists": Conflict,
    "agent_in_use": Conflict,
    "organization_not_empty": Conflict,
    "call_not_live": Conflict,
    "call_not_answered": Conflict,
    "transfer_in_progress": Conflict,
    "digits_in_progress": Conflict,
    "transfer_refused": Unprocessable,
    "digits_refused": Unprocessable,
    "source_known": Conflict,
    "agent_unreachable": Conflict,
    "number_not_voip_backed": Unprocessable,
    "destination_not_allowed": Forbidden,
    "outbound_limit_reached": Limited,
    "last_key": Conflict,
    "transcript_full": Conflict,
    "integration_forbidden": Forbidden,
    "verification_submitted": Conflict,
    "verification_not_submitted": Conflict,
    "idempotency_in_progress": Conflict,
    "idempotency_unfinished": Conflict,
    "idempotency_key_reused": Unprocessable,
    "rate_limit_exceeded": Limited,
    "import_limit_exceeded": Limited,
    "provisioning_failed": Failed,
    "provider_failed": ProviderFailed,
    "engine_unavailable": Unavailable,
    "store_unavailable": Unavailable,
}


def evidence_used() -> Invalid:
    """Two came with the same evidence, or it was used before."""
    return Invalid(
        "invalid_evidence",
        "This evidence was used already, or is too old: test the credentials again.",
        field="verification_evidence_id",
    )
