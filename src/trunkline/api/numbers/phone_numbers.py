"""`/api/v1/phone-numbers`: each number with where it came from, where its calls go, and what is lacking."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import CamelAnswer, CamelRequest, moment, moment_or_none, shown
from trunkline.api.route import Ask, Below, Reply
from trunkline.api.words import E164
from trunkline.control import fields
from trunkline.control.calls.readiness import Setup
from trunkline.control.errors import Invalid
from trunkline.control.providers.market import BuyWanted
from trunkline.control.routing.numbers import NumberFilter, NumberWanted, agent_shown
from trunkline.control.services import Services
from trunkline.model.number import Number
from trunkline.providers.values import Search

BASE = "/api/v1/phone-numbers"
MOST = 1000
"""Numbers in one answer."""

Telephone = Annotated[str, msgspec.Meta(pattern=E164, examples=["+12015551234"])]
Label = Annotated[str, msgspec.Meta(max_length=100)]
Direction = Literal["inbound", "outbound", "both"]
Template = dict[str, str]


class NumbersQuery(CamelRequest, frozen=True, kw_only=True):
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = MOST


class AvailableQuery(CamelRequest, frozen=True, kw_only=True):
    area_code: Annotated[str, msgspec.Meta(pattern="^[0-9]{3}$")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


class NumberProvision(CamelRequest, frozen=True, kw_only=True):
    e164: Telephone
    agent_id: str | None = None
    label: Label | None = None
    direction: Direction = "both"
    dispatch_metadata_template: Template | None = None


class TrunkNumberImport(CamelRequest, frozen=True, kw_only=True):
    e164: Telephone
    sip_trunk_id: str | None = None
    sip_connection_installation_id: str | None = None
    agent_id: str | None = None
    label: Label | None = None
    direction: Direction = "both"
    dispatch_metadata_template: Template | None = None


class NumberRouting(CamelRequest, frozen=True, kw_only=True):
    sip_trunk_id: str | UnsetType | None = UNSET
    sip_connection_installation_id: str | UnsetType | None = UNSET
    agent_id: str | UnsetType | None = UNSET
    label: Label | UnsetType | None = UNSET
    direction: Direction | UnsetType | None = UNSET
    dispatch_metadata_template: Template | UnsetType | None = UNSET


class SetupStatus(CamelAnswer, frozen=True, kw_only=True):
    """As it is now: trunk, registration, agent, routing."""

    status: Literal["ready", "pending", "action_required"]
    inbound_ready: bool
    outbound_ready: bool
    agent_ready: bool
    forwarding_required: bool
    sip_connection_ready: bool
    issues: list[str]
    """What is lacking, and what mends it."""


class PhoneNumber(CamelAnswer, frozen=True, kw_only=True):
    id: str
    organization_id: str
    e164: str
    source: Literal["managed", "sip_trunk"]
    provider_resource_id: str | None
    telnyx_phone_number_id: str | None
    sip_trunk_id: str | None
    sip_connection_installation_id: str | None
    sip_provider_name: str | None
    direction: Direction | None
    dispatch_metadata_template: Template
    agent_id: str | None
    label: str | None
    sms10dlc_profile_id: None = msgspec.field(name="sms10dlcProfileId", default=None)
    sms_campaign_id: None = None
    sms_assignment_status: None = None
    sms_assignment_updated_at: None = None
    setup_status: SetupStatus
    next_charge_at: None = None
    last_charged_at: None = None
    suspended_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AvailableNumber(CamelAnswer, frozen=True, kw_only=True):
    e164: str
    friendly_name: str
    monthly_cost_usd: float | None
    upfront_cost_usd: float | None
    features: tuple[str, ...]
    region: dict[str, str]


class Released(CamelAnswer, frozen=True, kw_only=True, omit_defaults=True):
    released: bool
    message: str | None = None
    """Said when there is no account at a provider to release it in."""


async def list_phone_numbers(ask: Ask[None, NumbersQuery]) -> Reply:
    """A bare list has no place for how many there are: headers say it, and where the next page is (RFC 8288)."""
    page, per_page = ask.query.page, ask.query.per_page
    found, total = ask.services.numbers.page(ask.organization_id, NumberFilter(page=page, per_page=per_page))
    headers = {"X-Total-Count": str(total)}
    if page * per_page < total:
        headers["Link"] = f'<{BASE}?page={page + 1}&perPage={per_page}>; rel="next"'
    return Reply(await shape(ask.services, found), headers=headers)


async def provision_phone_number(ask: Ask[NumberProvision, None]) -> PhoneNumber:
    body = ask.body
    wanted = BuyWanted(
        e164=body.e164,
        label=body.label,
        agent_id=body.agent_id,
        metadata=fields.metadata(body.dispatch_metadata_template or {}),
        **_directions(body.direction),
    )
    connected = ask.services.market.providers(ask.organization_id)
    if not connected:
        raise Invalid("provider_not_connected", "No account at a provider is connected.", field="e164")
    number = await ask.services.market.buy(ask.organization_id, connected[0], wanted)
    return (await shape(ask.services, [number]))[0]


async def search_available(ask: Ask[None, AvailableQuery]) -> list[AvailableNumber]:
    wanted = Search(area_code=ask.query.area_code, limit=ask.query.limit)
    return [
        AvailableNumber(
            e164=offer.e164,
            friendly_name=offer.e164,
            monthly_cost_usd=offer.monthly_cost,
            upfront_cost_usd=offer.upfront_cost,
            features=offer.capabilities,
            region={
                name: value
                for name, value in (("country", offer.country), ("region", offer.region), ("locality", offer.locality))
                if value is not None
            },
        )
        for _, offer in await ask.services.market.search(ask.organization_id, wanted)
    ]


async def import_phone_number(ask: Ask[TrunkNumberImport, None]) -> PhoneNumber:
    body = ask.body
    if (body.sip_trunk_id is None) == (body.sip_connection_installation_id is None):
        raise Invalid(
            "missing_required_field",
            "One of sipTrunkId and sipConnectionInstallationId is required.",
            field="sipTrunkId",
        )
    wanted = NumberWanted(
        e164=body.e164,
        trunk_id=UNSET if body.sip_trunk_id is None else body.sip_trunk_id,
        agent_id=UNSET if body.agent_id is None else body.agent_id,
        label=body.label,
        metadata=body.dispatch_metadata_template,
        **_directions(body.direction),
    )
    if body.sip_connection_installation_id is not None:
        number = await ask.services.accounts.import_(
            ask.organization_id, body.sip_connection_installation_id, wanted, field="sipConnectionInstallationId"
        )
    else:
        number = await ask.services.numbers.import_(ask.organization_id, wanted, counted=False)
    return (await shape(ask.services, [number]))[0]


async def get_phone_number(ask: Ask[None, None]) -> PhoneNumber:
    number = ask.services.numbers.get(ask.organization_id, ask.ids["id"])
    return (await shape(ask.services, [number]))[0]


async def update_routing(ask: Ask[NumberRouting, None]) -> PhoneNumber:
    body = ask.body
    connection = body.sip_connection_installation_id
    if isinstance(connection, str) and connection != _connection(
        ask.services.numbers.get(ask.organization_id, ask.ids["id"])
    ):
        raise Invalid(
            "invalid_parameter",
            "A number comes to another account by import alone; null takes it from the one it is of.",
            field="sipConnectionInstallationId",
            provided=connection,
        )
    wanted = NumberWanted(
        trunk_id=body.sip_trunk_id,
        connection_id=UNSET if connection is not None else None,
        agent_id=body.agent_id,
        label=body.label,
        metadata=body.dispatch_metadata_template,
        **({} if body.direction is UNSET else _directions(body.direction)),
    )
    number = await ask.services.numbers.change(ask.organization_id, ask.ids["id"], wanted)
    return (await shape(ask.services, [number]))[0]


async def release_phone_number(ask: Ask[None, None]) -> Released:
    note = await ask.services.releasing.release(ask.organization_id, ask.ids["id"])
    return Released(released=True, message=note)


async def shape(services: Services, numbers: list[Number]) -> list[PhoneNumber]:
    setups = await services.readiness.of(numbers)
    return [_shape(services, number, setups[number.id]) for number in numbers]


def _shape(services: Services, number: Number, setup: Setup) -> PhoneNumber:
    supply, agent = number.supply, services.numbers.agent(number)
    provider = services.numbers.provider(number)
    resource = None if supply is None else supply.resource_id
    return PhoneNumber(
        id=f"phone_{number.id}",
        organization_id=f"org_{services.state.catalogue.owner_of(number.organization_id)}",
        e164=number.e164,
        source="managed" if supply is not None and supply.managed else "sip_trunk",
        provider_resource_id=resource,
        telnyx_phone_number_id=resource if provider == "telnyx" else None,
        sip_trunk_id=shown("trunk", number.trunk_id),
        sip_connection_installation_id=_connection(number),
        sip_provider_name=provider,
        direction=_direction(number),
        dispatch_metadata_template=number.metadata,
        agent_id=agent_shown(agent) or shown("agent", number.agent_id),
        label=number.label,
        setup_status=SetupStatus(
            status=setup.status,
            inbound_ready=setup.inbound,
            outbound_ready=setup.outbound,
            agent_ready=setup.agent,
            forwarding_required=setup.forwarding,
            sip_connection_ready=setup.connection,
            issues=setup.issues,
        ),
        suspended_at=moment_or_none(number.suspended_at),
        created_at=moment(number.created_at),
        updated_at=moment(number.updated_at),
    )


def _connection(number: Number) -> str | None:
    serial = None if number.supply is None else number.supply.connection_id
    return None if serial is None else str(serial)


def _direction(number: Number) -> Direction | None:
    if number.supports_inbound:
        return "both" if number.supports_outbound else "inbound"
    return "outbound" if number.supports_outbound else None


def _directions(direction: Direction | None) -> dict[str, Any]:
    return {"supports_inbound": direction != "outbound", "supports_outbound": direction != "inbound"}


_route = Below(
    BASE,
    "phone-numbers",
    {"trunk_id": "sipTrunkId", "agent_id": "agentId", "metadata": "dispatchMetadataTemplate"},
)
_WRITE = ("agent_not_found", "engine_unavailable", "store_unavailable")
_NEW = ("invalid_phone_number", "phone_number_exists", *_WRITE)
_ASKED = ("provider_not_connected", "provider_failed", "credentials_rejected")

ROUTES = (
    _route(
        "GET",
        "",
        list_phone_numbers,
        f"List phone numbers, at most {MOST} at once: X-Total-Count says how many there are, Link leads to the next",
        "phone_numbers:read",
        query=NumbersQuery,
        response=list[PhoneNumber],
        errors=("store_unavailable",),
    ),
    _route(
        "POST",
        "",
        provision_phone_number,
        "Provision a managed number",
        "phone_numbers:create",
        request=NumberProvision,
        response=PhoneNumber,
        status=201,
        errors=(*_NEW, "purchase_in_progress", *_ASKED),
    ),
    _route(
        "GET",
        "/available",
        search_available,
        "Search numbers that can be provisioned",
        "phone_numbers:read",
        query=AvailableQuery,
        response=list[AvailableNumber],
        errors=_ASKED,
    ),
    _route(
        "POST",
        "/import",
        import_phone_number,
        "Import a number that comes by a SIP trunk, or from an account at a provider",
        "phone_numbers:create",
        request=TrunkNumberImport,
        response=PhoneNumber,
        status=201,
        errors=(*_NEW, "trunk_not_found", "connection_not_found", "phone_not_found", *_ASKED),
    ),
    _route(
        "GET",
        "/{id}",
        get_phone_number,
        "Get a phone number",
        "phone_numbers:read",
        response=PhoneNumber,
        errors=("store_unavailable",),
    ),
    _route(
        "PATCH",
        "/{id}",
        update_routing,
        "Update a number's routing; what is not said stays",
        "phone_numbers:write",
        request=NumberRouting,
        response=PhoneNumber,
        errors=("trunk_not_found", *_WRITE),
    ),
    _route(
        "DELETE",
        "/{id}",
        release_phone_number,
        "Release a number",
        "phone_numbers:write",
        response=Released,
        errors=("provider_failed", "engine_unavailable", "store_unavailable"),
    ),
)
