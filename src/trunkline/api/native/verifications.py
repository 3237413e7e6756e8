"""`/v1/verifications`: businesses that ask to be verified, and what becomes of them. For operators: somebody who knows
the carriers' rules decides, and the business is told by the numbers surface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request, moment, moment_or_none
from trunkline.api.native.shape import PageQuery, Pagination
from trunkline.api.route import Ask, Route
from trunkline.model.verification import Business, Representative, Verification, VerificationStatus


class VerificationsQuery(PageQuery, frozen=True, kw_only=True):
    status: VerificationStatus | None = None


class VerificationDecision(Request, frozen=True, kw_only=True):
    status: Literal["approved", "rejected"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    """What the business has to mend. Required to reject."""


class VerificationItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organization_id: str
    status: VerificationStatus
    business: Business
    representative: Representative
    attested_at: datetime | None
    submitted_at: datetime | None
    rejection_reason: str | None
    created_at: datetime
    updated_at: datetime


class VerificationList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[VerificationItem]
    pagination: Pagination


async def list_verifications(ask: Ask[None, VerificationsQuery]) -> VerificationList:
    query = ask.query
    found = await ask.services.verifications.page(query.status, query.page, query.per_page)
    return VerificationList(
        data=[_item(each) for each in found.rows], pagination=Pagination(query.page, query.per_page, found.total)
    )


async def decide_verification(ask: Ask[VerificationDecision, None]) -> VerificationItem:
    body, id = ask.body, ask.ids["verification_id"]
    return _item(await ask.services.verifications.decide(id, body.status == "approved", body.reason))


def _item(found: Verification) -> VerificationItem:
    return VerificationItem(
        id=f"verification_{found.id}",
        organization_id=f"org_{found.organization_id}",
        status=found.status,
        business=found.business,
        representative=found.representative,
        attested_at=moment_or_none(found.attested_at),
        submitted_at=moment_or_none(found.submitted_at),
        rejection_reason=found.rejection_reason,
        created_at=moment(found.created_at),
        updated_at=moment(found.updated_at),
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/verifications",
        handler=list_verifications,
        summary="Businesses that asked to be verified, the latest first",
        tag="verifications",
        permission="verifications:read",
        query=VerificationsQuery,
        response=VerificationList,
        errors=("store_unavailable",),
    ),
    Route(
        method="POST",
        path="/v1/verifications/{verification_id}/decide",
        handler=decide_verification,
        summary="Approve a submitted verification, or reject it with the reason; an approved one may still be rejected",
        tag="verifications",
        permission="verifications:write",
        request=VerificationDecision,
        response=VerificationItem,
        errors=("verification_not_submitted", "store_unavailable"),
    ),
)
