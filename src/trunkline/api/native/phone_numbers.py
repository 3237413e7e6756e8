"""`/v1/phone-numbers`: what carriers' calls ask for, each with the agent that answers it."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from trunkline.api.body import moment, moment_or_none, shown
from trunkline.api.native.phone_number_shapes import (
    Capabilities,
    DetailCapabilities,
    Engine,
    PhoneChange,
    PhoneChanged,
    PhoneConfig,
    PhoneConfigShown,
    PhoneDetail,
    PhoneImport,
    PhoneImported,
    PhoneItem,
    PhoneList,
    PhoneQuery,
    PhoneStats,
    Status,
)
from trunkline.api.native.shape import Done, Pagination
from trunkline.api.route import Ask, Route
from trunkline.control.routing.numbers import ConfigWanted, NumberFilter, Numbers, NumberWanted, agent_shown
from trunkline.model import ids
from trunkline.model.number import Number

_STATES: dict[str, tuple[str, ...]] = {
    "active": ("active",),
    "inactive": ("inactive", "suspended"),
    "provisioning": ("provisioning",),
    "failed": ("failed",),
}


def _connection_id(number: Number) -> int | None:
    return None if number.supply is None else number.supply.connection_id


async def list_phone_numbers(ask: Ask[None, PhoneQuery]) -> PhoneList:
    query, numbers = ask.query, ask.services.numbers
    trunk_id = None if query.trunk_id is None else ids.bare(query.trunk_id) or ""
    asked = NumberFilter(
        trunk_id=trunk_id,
        states=None if query.status is None else _STATES[query.status],
        engine=query.engine,
        page=query.page,
        per_page=query.per_page,
    )
    found, total = numbers.page(ask.organization_id, asked)
    return PhoneList(
        data=[
            PhoneItem(
                id=f"phone_{number.id}",
                number=number.e164,
                trunk_id=shown("trunk", number.trunk_id),
                engine=_engine(numbers, number),
                status=_status(number),
                agent_id=_agent_id(numbers, number),
                capabilities=Capabilities(
                    inbound=number.supports_inbound,
                    outbound=number.supports_outbound,
                    campaigns=number.supports_outbound,
                ),
                label=number.label,
                voip_connection_id=_connection_id(number),
                created_at=moment(number.created_at),
            )
            for number in found
        ],
        pagination=Pagination(query.page, query.per_page, total),
    )


async def import_phone_number(ask: Ask[PhoneImport, None]) -> PhoneImported:
    body, numbers = ask.body, ask.services.numbers
    wanted = _wanted(body, e164=body.phone_number, engine=body.engine)
    number = await numbers.import_(ask.organization_id, wanted)
    return PhoneImported(
        id=f"phone_{number.id}",
        number=number.e164,
        trunk_id=shown("trunk", number.trunk_id),
        engine=_engine(numbers, number),
        status=_status(number),
        agent_id=_agent_id(numbers, number),
        created_at=moment(number.created_at),
    )


async def get_phone_number(ask: Ask[None, None]) -> PhoneDetail:
    numbers = ask.services.numbers
    number = numbers.get(ask.organization_id, ask.ids["phone_id"])
    stats = await ask.services.calls.stats(number)
    trunk, agent = numbers.trunk(number), numbers.agent(number)
    return PhoneDetail(
        id=f"phone_{number.id}",
        number=number.e164,
        trunk_id=shown("trunk", number.trunk_id),
        trunk_name=None if trunk is None else trunk.name,
        engine=_engine(numbers, number),
        status=_status(number),
        agent_id=_agent_id(numbers, number),
        agent_name=None if agent is None else agent.name,
        config=PhoneConfigShown(
            first_message=number.config.first_message,
            max_duration=number.config.max_duration,
            language=number.config.language,
        ),
        capabilities=DetailCapabilities(
            inbound=number.supports_inbound,
            outbound=number.supports_outbound,
            campaigns=number.supports_outbound,
            recordings=False,
        ),
        stats=PhoneStats(
            total_calls=stats.total,
            total_minutes=round(stats.seconds / 60, 1),
            last_call_at=moment_or_none(stats.last_call_at),
        ),
        metadata=number.metadata,
        inbound_pin_set=number.inbound_pin is not None,
        label=number.label,
        voip_connection_id=_connection_id(number),
        reprovision_required=numbers.stale(number),
        provisioned_at=moment_or_none(number.provisioned_at),
        created_at=moment(number.created_at),
        updated_at=moment(number.updated_at),
    )


async def change_phone_number(ask: Ask[PhoneChange, None]) -> PhoneChanged:
    body, numbers = ask.body, ask.services.numbers
    wanted = _wanted(body, state=body.status)
    number = await numbers.change(ask.organization_id, ask.ids["phone_id"], wanted, operator=ask.caller.operator)
    return PhoneChanged(
        id=f"phone_{number.id}",
        number=number.e164,
        status=_status(number),
        agent_id=_agent_id(numbers, number),
        updated_at=moment(number.updated_at),
    )


async def delete_phone_number(ask: Ask[None, None]) -> Done:
    await ask.services.numbers.delete(ask.organization_id, ask.ids["phone_id"])
    return Done(True, "Phone number deleted successfully")


def _wanted(body: PhoneImport | PhoneChange, **more: Any) -> NumberWanted:
    """What both may say; `more`: what only one of them does."""
    return NumberWanted(
        trunk_id=body.trunk_id,
        agent_id=body.agent_id,
        supports_inbound=body.supports_inbound,
        supports_outbound=body.supports_outbound,
        config=_config(body.config),
        metadata=body.metadata,
        inbound_pin=body.inbound_pin,
        label=body.label,
        **more,
    )


def _config(body: PhoneConfig | UnsetType | None) -> ConfigWanted | UnsetType | None:
    if isinstance(body, PhoneConfig):
        return ConfigWanted(first_message=body.first_message, max_duration=body.max_duration, language=body.language)
    return body


def _status(number: Number) -> Status:
    return "inactive" if number.state == "suspended" else number.state


def _engine(numbers: Numbers, number: Number) -> Engine | None:
    engine: Any = numbers.engine(number)
    return engine  # type: ignore[no-any-return]


def _agent_id(numbers: Numbers, number: Number) -> str | None:
    return agent_shown(numbers.agent(number)) or shown("agent", number.agent_id)


_FIELDS = {"e164": "phone_number", "state": "status"}
_WRITE = ("trunk_not_found", "agent_not_found", "engine_unavailable", "store_unavailable")
ROUTES = (
    Route(
        method="GET",
        path="/v1/phone-numbers",
        handler=list_phone_numbers,
        summary="List phone numbers",
        tag="phone-numbers",
        permission="phone_numbers:read",
        query=PhoneQuery,
        response=PhoneList,
    ),
    Route(
        method="POST",
        path="/v1/phone-numbers/import",
        handler=import_phone_number,
        summary="Import a phone number",
        tag="phone-numbers",
        permission="phone_numbers:create",
        request=PhoneImport,
        response=PhoneImported,
        status=201,
        errors=("invalid_phone_number", "phone_number_exists", "import_limit_exceeded", *_WRITE),
        fields=_FIELDS,
        budget="import",
    ),
    Route(
        method="GET",
        path="/v1/phone-numbers/{phone_id}",
        handler=get_phone_number,
        summary="Get a phone number and its calls in sum",
        tag="phone-numbers",
        permission="phone_numbers:read",
        response=PhoneDetail,
        errors=("store_unavailable",),
    ),
    Route(
        method="PATCH",
        path="/v1/phone-numbers/{phone_id}",
        handler=change_phone_number,
        summary="Change a phone number; what is not said stays",
        tag="phone-numbers",
        permission="phone_numbers:write",
        request=PhoneChange,
        response=PhoneChanged,
        errors=_WRITE,
        fields=_FIELDS,
    ),
    Route(
        method="DELETE",
        path="/v1/phone-numbers/{phone_id}",
        handler=delete_phone_number,
        summary="Remove a phone number here; nothing is cancelled at the provider",
        tag="phone-numbers",
        permission="phone_numbers:write",
        response=Done,
        errors=("engine_unavailable", "store_unavailable"),
    ),
)
