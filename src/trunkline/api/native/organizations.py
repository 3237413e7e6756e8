"""`/v1/organizations`: who owns everything else. An organization's own keys see theirs; operators keep them all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request, moment, shown
from trunkline.api.native.shape import Done, PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.api.words import CallRate, Name
from trunkline.control.access.outbound_rules import OutboundWanted
from trunkline.model.organization import Organization, OutboundRules

Destination = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([A-Za-z]{2}|\+[1-9][0-9]{0,14})$", description="A country, or the beginning of E.164 numbers."
    ),
]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class OrganizationCreate(Request, frozen=True, kw_only=True):
    name: Name


class OutboundChange(Request, frozen=True, kw_only=True):
    allow: tuple[Destination, ...] | UnsetType | None = UNSET
    premium: bool | UnsetType | None = UNSET
    emergency: bool | UnsetType | None = UNSET
    calls_per_second: CallRate | UnsetType | None = UNSET
    concurrent_calls: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | UnsetType | None = UNSET
    minute_price: Amount | UnsetType | None = UNSET
    daily_limit: Amount | UnsetType | None = UNSET
    max_duration: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | UnsetType | None = UNSET


class OrganizationChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    default_trunk_id: str | UnsetType | None = UNSET
    outbound: OutboundChange | UnsetType | None = UNSET


class OrganizationDetail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    default_trunk_id: str | None
    outbound: OutboundRules
    created_at: datetime
    updated_at: datetime


class OrganizationList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[OrganizationDetail]
    pagination: Pagination


async def list_organizations(ask: Ask[None, PageQuery]) -> OrganizationList:
    found, pagination = cut(ask.services.organizations.visible(ask.caller), ask.query)
    return OrganizationList(data=[_detail(organization) for organization in found], pagination=pagination)


async def create_organization(ask: Ask[OrganizationCreate, None]) -> OrganizationDetail:
    return _detail(await ask.services.organizations.create(ask.body.name))


async def get_organization(ask: Ask[None, None]) -> OrganizationDetail:
    return _detail(ask.services.organizations.get(ask.caller, ask.ids["organization_id"]))


async def change_organization(ask: Ask[OrganizationChange, None]) -> OrganizationDetail:
    organization = await ask.services.organizations.change(
        ask.caller,
        ask.ids["organization_id"],
        name=ask.body.name,
        default_trunk_id=ask.body.default_trunk_id,
        outbound=_wanted(ask.body.outbound),
    )
    return _detail(organization)


async def delete_organization(ask: Ask[None, None]) -> Done:
    await ask.services.organizations.delete(ask.caller, ask.ids["organization_id"])
    return Done(True, "Organization deleted successfully")


def _wanted(rules: OutboundChange | UnsetType | None) -> OutboundWanted | UnsetType | None:
    return OutboundWanted(**msgspec.structs.asdict(rules)) if isinstance(rules, OutboundChange) else rules


def _detail(organization: Organization) -> OrganizationDetail:
    return OrganizationDetail(
        id=f"org_{organization.id}",
        name=organization.name,
        default_trunk_id=shown("trunk", organization.default_trunk_id),
        outbound=organization.outbound,
        created_at=moment(organization.created_at),
        updated_at=moment(organization.updated_at),
    )


_WRITE = ("engine_unavailable", "store_unavailable")

ROUTES = (
    Route(
        method="GET",
        path="/v1/organizations",
        handler=list_organizations,
        summary="List the organizations that the key may act for",
        tag="organizations",
        permission="organizations:read",
        query=PageQuery,
        response=OrganizationList,
    ),
    Route(
        method="POST",
        path="/v1/organizations",
        handler=create_organization,
        summary="Create an organization",
        tag="organizations",
        permission="organizations:write",
        request=OrganizationCreate,
        response=OrganizationDetail,
        status=201,
        errors=_WRITE,
    ),
    Route(
        method="GET",
        path="/v1/organizations/{organization_id}",
        handler=get_organization,
        summary="Get an organization",
        tag="organizations",
        permission="organizations:read",
        response=OrganizationDetail,
    ),
    Route(
        method="PATCH",
        path="/v1/organizations/{organization_id}",
        handler=change_organization,
        summary="Change an organization; what is not said stays",
        tag="organizations",
        permission="organizations:write",
        request=OrganizationChange,
        response=OrganizationDetail,
        errors=("trunk_not_found", *_WRITE),
    ),
    Route(
        method="DELETE",
        path="/v1/organizations/{organization_id}",
        handler=delete_organization,
        summary="Delete an organization that has nothing left but keys",
        tag="organizations",
        permission="organizations:write",
        response=Done,
        errors=("organization_not_empty", *_WRITE),
    ),
)
