"""`/api/v1/telephony/numbers`: found at providers, priced, bought and released."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from trunkline.api.body import CamelAnswer, CamelRequest
from trunkline.api.route import Ask
from trunkline.api.telephony.numbers import TelephonyNumber, route, shape
from trunkline.api.words import E164, any_case
from trunkline.control import fields
from trunkline.control.providers.market import BuyWanted
from trunkline.providers.values import Search

Telephone = Annotated[str, msgspec.Meta(pattern=E164, examples=["+14155550100"])]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2.", examples=["US"])]
ProviderWord = Annotated[str, msgspec.Meta(pattern=any_case("twilio", "vonage", "telnyx", "signalwire"))]
Capabilities = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(voice|sms|mms)(,(voice|sms|mms)){0,2}$", description="Comma-separated.", examples=["voice,sms"]
    ),
]


class NumberSearchQuery(CamelRequest, frozen=True, kw_only=True):
    country: Country = "US"
    area_code: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,10}$")] | None = None
    contains: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,15}$")] | None = None
    capabilities: Capabilities | None = None
    provider: ProviderWord | None = None
    toll_free: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


class PricingQuery(CamelRequest, frozen=True, kw_only=True):
    country: Country = "US"
    provider: ProviderWord | None = None
    toll_free: bool | None = None


class NumberBuy(CamelRequest, frozen=True, kw_only=True):
    phone_number: Telephone
    provider: ProviderWord
    friendly_name: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class FoundNumber(CamelAnswer, frozen=True, kw_only=True):
    phone_number: str
    country: str
    region: str | None
    locality: str | None
    provider: str
    capabilities: tuple[str, ...]
    toll_free: bool
    monthly_cost_usd: float | None


class FoundNumbers(CamelAnswer, frozen=True, kw_only=True):
    numbers: list[FoundNumber]


class NumberReleased(CamelAnswer, frozen=True, kw_only=True):
    id: str
    deleted: bool
    message: str
    """What becomes of its billing, or that there is no account at a provider to release it in."""


class PriceBlock(CamelAnswer, frozen=True, kw_only=True):
    monthly_cost_usd: float | None
    inbound_minute_cost_usd: float | None
    outbound_minute_cost_usd: float | None


class NumberPricing(CamelAnswer, frozen=True, kw_only=True):
    country: str
    provider: str | None
    local_number: PriceBlock
    toll_free_number: PriceBlock


async def search_numbers(ask: Ask[None, NumberSearchQuery]) -> FoundNumbers:
    query = ask.query
    wanted: Any = tuple(dict.fromkeys(query.capabilities.split(","))) if query.capabilities else ()
    found = await ask.services.market.search(
        ask.organization_id,
        Search(
            country=fields.known_country(query.country),
            area_code=query.area_code,
            contains=query.contains,
            capabilities=wanted,
            toll_free=query.toll_free,
            limit=query.limit,
        ),
        None if query.provider is None else query.provider.lower(),
    )
    return FoundNumbers(
        numbers=[
            FoundNumber(
                phone_number=offer.e164,
                country=offer.country,
                region=offer.region,
                locality=offer.locality,
                provider=provider,
                capabilities=offer.capabilities,
                toll_free=offer.toll_free,
                monthly_cost_usd=offer.monthly_cost,
            )
            for provider, offer in found
        ]
    )


async def number_pricing(ask: Ask[None, PricingQuery]) -> NumberPricing:
    query = ask.query
    provider, prices = await ask.services.market.prices(
        ask.organization_id,
        fields.known_country(query.country),
        None if query.provider is None else query.provider.lower(),
    )
    return NumberPricing(
        country=prices.country,
        provider=provider,
        local_number=_block(prices.local),
        toll_free_number=_block(prices.toll_free),
    )


async def buy_number(ask: Ask[NumberBuy, None]) -> TelephonyNumber:
    body = ask.body
    number = await ask.services.market.buy(
        ask.organization_id, body.provider.lower(), BuyWanted(e164=body.phone_number, label=body.friendly_name)
    )
    return shape(ask.services, number)


async def release_number(ask: Ask[None, None]) -> NumberReleased:
    id = ask.ids["numberId"]
    provider = ask.services.numbers.provider(ask.services.numbers.get(ask.organization_id, id))
    note = await ask.services.releasing.release(ask.organization_id, id)
    billing = f"Released at {provider}: monthly billing stops at its next billing cycle."
    return NumberReleased(id=f"num_{id}", deleted=True, message=note or billing)


def _block(rates: Any) -> PriceBlock:
    return PriceBlock(
        monthly_cost_usd=rates.monthly,
        inbound_minute_cost_usd=rates.inbound_minute,
        outbound_minute_cost_usd=rates.outbound_minute,
    )


_WRITE = ("engine_unavailable", "store_unavailable")
_ASKED = ("provider_not_connected", "provider_failed", "credentials_rejected")

ROUTES = (
    route(
        "GET",
        "/search",
        search_numbers,
        "Find numbers that can be bought",
        "phone_numbers:read",
        query=NumberSearchQuery,
        response=FoundNumbers,
        errors=_ASKED,
    ),
    route(
        "GET",
        "/pricing",
        number_pricing,
        "What numbers and minutes cost",
        "phone_numbers:read",
        query=PricingQuery,
        response=NumberPricing,
        errors=_ASKED,
    ),
    route(
        "POST",
        "",
        buy_number,
        "Buy a number from its provider",
        "phone_numbers:create",
        request=NumberBuy,
        response=TelephonyNumber,
        status=201,
        errors=("invalid_phone_number", "phone_number_exists", "purchase_in_progress", *_ASKED, *_WRITE),
    ),
    route(
        "DELETE",
        "/{numberId}",
        release_number,
        "Release a number at its provider and remove it; the provider's billing stops with its next cycle",
        "phone_numbers:write",
        response=NumberReleased,
        errors=("provider_failed", *_WRITE),
    ),
)
