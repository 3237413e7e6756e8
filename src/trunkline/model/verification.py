"""Who a business is, as carriers ask before it may use numbers."""

from __future__ import annotations

from typing import Literal

import msgspec

VerificationStatus = Literal["draft", "submitted", "approved", "rejected"]


class Business(msgspec.Struct, frozen=True, kw_only=True):
    legal_name: str | None = None
    display_name: str | None = None
    entity_type: str | None = None
    country: str | None = None
    """ISO 3166 alpha-2."""
    registration_id: str | None = None
    website: str | None = None
    address: dict[str, str] = {}
    use_case: str | None = None
    expected_usage: str | None = None


class Representative(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    title: str | None = None
    email: str | None = None
    phone: str | None = None
    """E.164."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One for each organization."""

    id: str
    organization_id: str
    status: VerificationStatus = "draft"
    business: Business = Business()
    representative: Representative = Representative()
    attested_at: float | None = None
    """When somebody declared that all of it is true."""
    submitted_at: float | None = None
    rejection_reason: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
