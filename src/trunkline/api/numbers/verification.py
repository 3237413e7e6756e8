"""`/api/v1/phone-numbers/verification`: who the business is, as carriers ask it of whoever takes numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.api.body import CamelAnswer, CamelRequest, moment, moment_or_none
from trunkline.api.route import Ask, Below
from trunkline.api.words import E164
from trunkline.control.access.verification import Wanted
from trunkline.control.services import Services
from trunkline.model.verification import Business, Representative, Verification

BASE = "/api/v1/phone-numbers/verification"
Line = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Status = Literal["draft", "submitted", "approved", "rejected"]


class BusinessProfile(CamelRequest, frozen=True, kw_only=True):
    legal_name: Line | None = None
    display_name: Line | None = None
    entity_type: Line | None = None
    country: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")] | None = None
    registration_id: Line | None = None
    website: Annotated[str, msgspec.Meta(max_length=500, examples=["https://example.com"])] | None = None
    address: dict[str, str] | None = None
    use_case: Text | None = None
    expected_usage: Text | None = None


class AuthorizedRepresentative(CamelRequest, frozen=True, kw_only=True):
    name: Line | None = None
    title: Line | None = None
    email: Annotated[str, msgspec.Meta(max_length=254, examples=["user@example.com"])] | None = None
    phone: Annotated[str, msgspec.Meta(pattern=E164)] | None = None


class VerificationDraft(CamelRequest, frozen=True, kw_only=True):
    business_profile: BusinessProfile | UnsetType | None = UNSET
    authorized_representative: AuthorizedRepresentative | UnsetType | None = UNSET
    attestation_accepted: bool | UnsetType = UNSET


class BusinessProfileShown(CamelAnswer, frozen=True, kw_only=True):
    legal_name: str | None
    display_name: str | None
    entity_type: str | None
    country: str | None
    registration_id: str | None
    website: str | None
    address: dict[str, str]
    use_case: str | None
    expected_usage: str | None


class RepresentativeShown(CamelAnswer, frozen=True, kw_only=True):
    name: str | None
    title: str | None
    email: str | None
    phone: str | None


class Submission(CamelAnswer, frozen=True, kw_only=True):
    id: str
    organization_id: str
    status: Status
    business_profile: BusinessProfileShown
    authorized_representative: RepresentativeShown
    attestation_accepted: bool
    attested_at: datetime | None
    submitted_at: datetime | None
    rejection_reason: str | None
    slack_notification_status: Literal["not_queued"] = "not_queued"
    slack_notification_job_id: None = None
    slack_notification_error: None = None
    created_at: datetime
    updated_at: datetime


class Prefill(CamelAnswer, frozen=True, kw_only=True):
    business_profile: BusinessProfileShown
    authorized_representative: RepresentativeShown


class VerificationShown(CamelAnswer, frozen=True, kw_only=True):
    status: Literal["missing", "draft", "submitted", "approved", "rejected"]
    submission: Submission | None
    prefill: Prefill | None
    """What is known of the organization already, until there is a draft."""


async def get_verification(ask: Ask[None, None]) -> VerificationShown:
    found = await ask.services.verifications.of(ask.organization_id)
    if found is not None:
        return VerificationShown(status=found.status, submission=_shape(ask.services, found), prefill=None)
    known = Business(legal_name=ask.services.verifications.name(ask.organization_id))
    prefill = Prefill(business_profile=_business(known), authorized_representative=_person(Representative()))
    return VerificationShown(status="missing", submission=None, prefill=prefill)


async def save_draft(ask: Ask[VerificationDraft, None]) -> Submission:
    saved = await ask.services.verifications.save(ask.organization_id, _wanted(ask.body))
    return _shape(ask.services, saved)


async def submit_verification(ask: Ask[VerificationDraft, None]) -> Submission:
    submitted = await ask.services.verifications.submit(ask.organization_id, _wanted(ask.body))
    return _shape(ask.services, submitted)


def _wanted(body: VerificationDraft) -> Wanted:
    business, person = body.business_profile, body.authorized_representative
    return Wanted(
        business=_filled(Business, business) if isinstance(business, BusinessProfile) else business,
        representative=_filled(Representative, person) if isinstance(person, AuthorizedRepresentative) else person,
        attested=body.attestation_accepted,
    )


def _filled(kind: Any, body: msgspec.Struct) -> Any:
    return kind(**{name: value for name, value in structs.asdict(body).items() if value is not None})


def _shape(services: Services, found: Verification) -> Submission:
    return Submission(
        id=f"verification_{found.id}",
        organization_id=f"org_{services.state.catalogue.owner_of(found.organization_id)}",
        status=found.status,
        business_profile=_business(found.business),
        authorized_representative=_person(found.representative),
        attestation_accepted=found.attested_at is not None,
        attested_at=moment_or_none(found.attested_at),
        submitted_at=moment_or_none(found.submitted_at),
        rejection_reason=found.rejection_reason,
        created_at=moment(found.created_at),
        updated_at=moment(found.updated_at),
    )


def _business(business: Business) -> BusinessProfileShown:
    return BusinessProfileShown(**structs.asdict(business))


def _person(person: Representative) -> RepresentativeShown:
    return RepresentativeShown(**structs.asdict(person))


_route = Below(BASE, "verification")

ROUTES = (
    _route(
        "GET",
        "",
        get_verification,
        "How far the business verification is",
        "phone_numbers:read",
        response=VerificationShown,
        errors=("store_unavailable",),
    ),
    _route(
        "PUT",
        "",
        save_draft,
        "Save a draft; what is not said stays",
        "phone_numbers:write",
        request=VerificationDraft,
        response=Submission,
        errors=("verification_submitted", "store_unavailable"),
    ),
    _route(
        "POST",
        "/submit",
        submit_verification,
        "Submit it; all of it must be there, and attested",
        "phone_numbers:write",
        request=VerificationDraft,
        response=Submission,
        errors=("verification_submitted", "store_unavailable"),
    ),
)
