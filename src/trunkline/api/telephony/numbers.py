"""`/api/v1/telephony/numbers`: what is provisioned, assigned to agents and counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from trunkline.api.body import CamelAnswer, CamelRequest, moment, shown
from trunkline.api.route import Ask, Below
from trunkline.api.telephony.shape import Day, PageQuery, day, pages
from trunkline.control import fields
from trunkline.control.calls.usage import Period
from trunkline.control.routing.numbers import NumberFilter, NumberWanted, agent_shown
from trunkline.control.services import Services
from trunkline.model.number import Number


class StatsQuery(CamelRequest, frozen=True, kw_only=True):
    date_from: Day | None = None
    date_to: Day | None = None


class TelephonyNumber(CamelAnswer, frozen=True, kw_only=True):
    id: str
    phone_number: str
    friendly_name: str | None
    country: str | None
    provider: str | None
    capabilities: tuple[str, ...]
    toll_free: bool
    assigned_agent_id: str | None
    assigned_agent_name: str | None
    status: Literal["provisioning", "active", "inactive", "failed", "suspended"]
    monthly_cost_usd: float | None
    provisioned_at: datetime


class TelephonyNumberList(CamelAnswer, frozen=True, kw_only=True):
    data: list[TelephonyNumber]
    page: int
    page_size: int
    total: int
    total_pages: int


class StatsPeriod(CamelAnswer, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from")
    to: str


class NumberStats(CamelAnswer, frozen=True, kw_only=True):
    number_id: str
    phone_number: str
    period: StatsPeriod
    inbound_calls: int
    outbound_calls: int
    total_minutes: int
    """Each call's minutes rounded up, as they are billed, summed."""
    total_cost_usd: float | None
    """Months touched by the period and the number's life, and minutes by direction, at the provider's prices; null when
    these are not known."""


async def list_numbers(ask: Ask[None, PageQuery]) -> TelephonyNumberList:
    query = ask.query
    asked = NumberFilter(page=query.page, per_page=query.page_size)
    found, total = ask.services.numbers.page(ask.organization_id, asked)
    return TelephonyNumberList(
        data=[shape(ask.services, number) for number in found],
        page=query.page,
        page_size=query.page_size,
        total=total,
        total_pages=pages(total, query),
    )


async def get_number(ask: Ask[None, None]) -> TelephonyNumber:
    return shape(ask.services, ask.services.numbers.get(ask.organization_id, ask.ids["numberId"]))


async def assign_number(ask: Ask[None, None]) -> TelephonyNumber:
    numbers = ask.services.numbers
    numbers.get(ask.organization_id, ask.ids["numberId"])
    # What stands in a path is an id of ours, whatever the number's trunk might make of it.
    agent = ask.services.agents.get(ask.organization_id, ask.ids["agentId"])
    number = await numbers.change(ask.organization_id, ask.ids["numberId"], NumberWanted(agent_id=agent.id))
    return shape(ask.services, number)


async def unassign_number(ask: Ask[None, None]) -> TelephonyNumber:
    wanted = NumberWanted(agent_id=None)
    return shape(ask.services, await ask.services.numbers.change(ask.organization_id, ask.ids["numberId"], wanted))


async def number_stats(ask: Ask[None, StatsQuery]) -> NumberStats:
    number = ask.services.numbers.get(ask.organization_id, ask.ids["numberId"])
    period = _period(ask.query, ask.services.state.wall())
    usage = await ask.services.usage.of(number, period)
    return NumberStats(
        number_id=f"num_{number.id}",
        phone_number=number.e164,
        period=StatsPeriod(from_=period.first.isoformat(), to=period.last.isoformat()),
        inbound_calls=usage.inbound_calls,
        outbound_calls=usage.outbound_calls,
        total_minutes=usage.minutes,
        total_cost_usd=usage.cost,
    )


def shape(services: Services, number: Number) -> TelephonyNumber:
    agent, supply = services.numbers.agent(number), number.supply
    return TelephonyNumber(
        id=f"num_{number.id}",
        phone_number=number.e164,
        friendly_name=number.label,
        country=services.numbers.country(number),
        provider=services.numbers.provider(number),
        capabilities=("voice",) if supply is None or not supply.features else supply.features,
        toll_free=supply is not None and supply.toll_free,
        assigned_agent_id=agent_shown(agent) or shown("agt", number.agent_id),
        assigned_agent_name=None if agent is None else agent.name,
        status=number.state,
        monthly_cost_usd=None if supply is None else supply.monthly_cost,
        provisioned_at=moment(number.provisioned_at or number.created_at),
    )


def _period(query: StatsQuery, wall: float) -> Period:
    """As asked; else the month that it is, in UTC, up to today."""
    today = datetime.fromtimestamp(wall, UTC).date()
    last = today if query.date_to is None else day(query.date_to, "dateTo")
    first = last.replace(day=1) if query.date_from is None else day(query.date_from, "dateFrom")
    if first > last:
        fields.refuse("dateTo", "The period ends before it begins.", query.date_to)
    return Period(first, last)


route = Below("/api/v1/telephony/numbers", "numbers", {"e164": "phoneNumber", "label": "friendlyName"})

_WRITE = ("engine_unavailable", "store_unavailable")

ROUTES = (
    route(
        "GET",
        "",
        list_numbers,
        "List provisioned numbers",
        "phone_numbers:read",
        query=PageQuery,
        response=TelephonyNumberList,
    ),
    route("GET", "/{numberId}", get_number, "Get a number", "phone_numbers:read", response=TelephonyNumber),
    route(
        "POST",
        "/{numberId}/assign/{agentId}",
        assign_number,
        "Assign a number to an agent, from the next call on",
        "phone_numbers:write",
        response=TelephonyNumber,
        errors=_WRITE,
    ),
    route(
        "POST",
        "/{numberId}/unassign",
        unassign_number,
        "Take a number's agent away; calls that go on stay up",
        "phone_numbers:write",
        response=TelephonyNumber,
        errors=_WRITE,
    ),
    route(
        "GET",
        "/{numberId}/stats",
        number_stats,
        "A number's calls, minutes and cost in a period",
        "phone_numbers:read",
        query=StatsQuery,
        response=NumberStats,
        errors=("store_unavailable",),
    ),
)
