"""Telnyx: numbers, SIP connections and prices (its OpenAPI document, `telnyx_spec3`).

JSON both ways, a bearer key. A purchase is an order that is done later; it bears our handle as `customer_reference`, so
that an order whose answer was lost is found again instead of placed twice.

Guided set-up makes all that calls need in the account: an FQDN connection that leads to us, and an outbound voice
profile. Each part bears our name and is looked for first, so that a set-up which broke off half-way goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import structs

from trunkline.model.secret import Secret
from trunkline.providers.rest import Reply, Rest, done, read
from trunkline.providers.values import (
    Account,
    Check,
    Credentials,
    Endpoint,
    Line,
    Offer,
    Owned,
    Pricing,
    ProviderError,
    Rates,
    Search,
    capabilities_of,
)

NETWORKS = (
    "192.76.120.10/32",
    "64.16.250.10/32",
    "185.246.41.140/32",
    "185.246.41.141/32",
    "103.115.244.145/32",
    "103.115.244.146/32",
    "192.76.120.31/32",
    "64.16.250.13/32",
)
"""Where its SIP signals from, by region."""
_HOST = "sip.telnyx.com"
_NAME = "Trunkline"
_PAGES = 40
_POLLS = 6
_POLL_EVERY = 1.0


class _Region(msgspec.Struct):
    region_type: str | None = None
    region_name: str | None = None


class _Cost(msgspec.Struct):
    upfront_cost: float | None = None
    monthly_cost: float | None = None
    currency: str | None = None


class _Feature(msgspec.Struct):
    name: str | None = None


class _Available(msgspec.Struct):
    phone_number: str
    region_information: list[_Region] = []
    cost_information: _Cost | None = None
    features: list[_Feature] = []


class _AvailablePage(msgspec.Struct):
    data: list[_Available]


class _Number(msgspec.Struct):
    id: str
    phone_number: str
    country_iso_alpha2: str | None = None
    status: str | None = None
    connection_id: str | None = None
    connection_name: str | None = None


class _Meta(msgspec.Struct, frozen=True):
    total_pages: int = 1


class _NumberPage(msgspec.Struct):
    data: list[_Number]
    meta: _Meta = _Meta()


class _OneNumber(msgspec.Struct):
    data: _Number


class _Ordered(msgspec.Struct):
    phone_number: str | None = None
    status: str | None = None


class _Order(msgspec.Struct):
    id: str
    status: str | None = None
    phone_numbers: list[_Ordered] = []
    customer_reference: str | None = None


class _OneOrder(msgspec.Struct):
    data: _Order


class _OrderPage(msgspec.Struct):
    data: list[_Order]


class _Outbound(msgspec.Struct):
    outbound_voice_profile_id: str | None = None


class _Connection(msgspec.Struct):
    id: str
    connection_name: str | None = None
    active: bool = True
    outbound: _Outbound | None = None


class _OneConnection(msgspec.Struct):
    data: _Connection


class _ConnectionPage(msgspec.Struct):
    data: list[_Connection]


class _Fqdn(msgspec.Struct):
    id: str
    fqdn: str | None = None
    port: int | None = None


class _FqdnPage(msgspec.Struct):
    data: list[_Fqdn]


class _Profile(msgspec.Struct):
    id: str
    name: str | None = None
    enabled: bool = True


class _OneProfile(msgspec.Struct):
    data: _Profile


class _ProfilePage(msgspec.Struct):
    data: list[_Profile]


class Telnyx:
    name = "telnyx"
    settles_within = 7 * 86_400.0
    fields: tuple[tuple[str, bool], ...] = (("api_key", True),)

    def __init__(
        self,
        rest: Rest,
        base: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rest = rest
        self._base = base
        self._sleep = sleep

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        return None

    async def test(self, credentials: Credentials) -> Account:
        """Whether the key is good. Telnyx does not say whose it is."""
        await self._send(credentials, "GET", "/balance")
        return Account()

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        query = {
            "filter[country_code]": wanted.country,
            "filter[limit]": str(wanted.limit),
            "filter[phone_number_type]": "toll_free" if wanted.toll_free else "local",
        }
        if wanted.area_code is not None:
            query["filter[national_destination_code]"] = wanted.area_code
        if wanted.contains is not None:
            query["filter[phone_number][contains]"] = wanted.contains
        if wanted.capabilities:
            query["filter[features]"] = ",".join(wanted.capabilities)
        page = read(
            self.name, await self._send(credentials, "GET", "/available_phone_numbers", query=query), _AvailablePage
        )
        return [_offer(each, wanted) for each in page.data[: wanted.limit]]

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        """Order it, and wait a little for the order. Raises `ProviderError`; `uncertain` when it may still come."""
        order = await self._ordered(credentials, handle)
        if order is None:
            reply = await self._send(
                credentials,
                "POST",
                "/number_orders",
                json={"phone_numbers": [{"phone_number": e164}], "customer_reference": handle},
            )
            order = read(self.name, reply, _OneOrder, changed=True).data
        for _ in range(_POLLS):
            status = _order_status(order)
            if status == "failure":
                raise ProviderError("refused", f"Telnyx did not fill the order {order.id}.", provider=self.name)
            try:
                if status == "success":
                    owned = await self.owned(credentials, e164)
                    if owned:
                        return owned[0]
                await self._sleep(_POLL_EVERY)
                reply = await self._send(credentials, "GET", f"/number_orders/{order.id}")
                order = read(self.name, reply, _OneOrder).data
            except ProviderError as error:
                # It is ordered, whatever becomes of the question how it stands.
                raise ProviderError("uncertain", error.message, provider=self.name, status=error.status) from None
        raise ProviderError("uncertain", f"Telnyx has not filled the order {order.id} yet.", provider=self.name)

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        found: list[Owned] = []
        for number in range(1, _PAGES + 1):
            query = {"page[number]": str(number), "page[size]": "250"}
            if e164 is not None:
                query["filter[phone_number]"] = e164.lstrip("+")
            page = read(self.name, await self._send(credentials, "GET", "/phone_numbers", query=query), _NumberPage)
            found += [
                Owned(
                    e164=each.phone_number,
                    resource_id=each.id,
                    country=each.country_iso_alpha2,
                    capabilities=("voice",),
                )
                for each in page.data
                if each.status not in ("purchase-failed", "purchase-pending", "deleted", "ported-out", "port-failed")
            ]
            if number >= page.meta.total_pages:
                break
        return [each for each in found if e164 in (None, each.e164)]

    async def release(self, credentials: Credentials, number: Owned) -> None:
        try:
            path = f"/phone_numbers/{number.resource_id}"
            done(self.name, await self._send(credentials, "DELETE", path, safe=True))
        except ProviderError as error:
            if error.status != 404:
                raise

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        """Telnyx has no price list in its API: what its offers cost, and nothing of minutes."""

        async def monthly(toll_free: bool) -> float | None:
            offers = await self.search(credentials, Search(country=country, toll_free=toll_free, limit=1))
            return offers[0].monthly_cost if offers else None

        return Pricing(
            country=country, local=Rates(monthly=await monthly(False)), toll_free=Rates(monthly=await monthly(True))
        )

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        """The account's SIP connection: the one that `settings` names, else ours, made when it is not there."""
        settings = dict(wanted.settings)
        if "connection_id" not in settings and endpoint is not None:
            settings["connection_id"] = await self._connection(credentials, endpoint)
        return structs.replace(
            wanted, host=wanted.host or _HOST, networks=wanted.networks or NETWORKS, settings=settings
        )

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        json = {"connection_id": line.settings["connection_id"]}
        await self._send(credentials, "PATCH", f"/phone_numbers/{number.resource_id}", json=json, safe=True)

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        reply = await self._send(credentials, "GET", f"/phone_numbers/{number.resource_id}")
        there = read(self.name, reply, _OneNumber).data
        wanted = line.settings.get("connection_id")
        if wanted is None or there.connection_id != wanted:
            return Check(ok=False, detail="At Telnyx the number is not on this connection's SIP connection.")
        if there.status not in (None, "active"):
            return Check(ok=False, detail=f"At Telnyx the number is {there.status}.")
        return Check(ok=True)

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        """Whether the account may call out over the connection."""
        id = line.settings.get("connection_id")
        if id is None:
            return Check(ok=False, detail="The connection has no SIP connection at Telnyx.")
        try:
            there = read(self.name, await self._send(credentials, "GET", f"/connections/{id}"), _OneConnection).data
        except ProviderError as error:
            if error.status == 404:
                return Check(ok=False, detail="The SIP connection is gone at Telnyx.")
            raise
        if not there.active:
            return Check(ok=False, detail="The SIP connection is not active at Telnyx.")
        return Check(ok=True)

    async def _connection(self, credentials: Credentials, endpoint: Endpoint) -> str:
        query = {"filter[connection_name][contains]": _NAME}
        page = read(self.name, await self._send(credentials, "GET", "/fqdn_connections", query=query), _ConnectionPage)
        ours = [each for each in page.data if each.connection_name == _NAME]
        if ours:
            id = ours[0].id
        else:
            profile = await self._profile(credentials)
            json: dict[str, Any] = {
                "connection_name": _NAME,
                "transport_protocol": endpoint.transport.upper(),
                "inbound": {"ani_number_format": "+E.164", "dnis_number_format": "+e164"},
                "outbound": {"outbound_voice_profile_id": profile},
            }
            made = await self._send(credentials, "POST", "/fqdn_connections", json=json)
            id = read(self.name, made, _OneConnection, changed=True).data.id
        fqdns = read(
            self.name,
            await self._send(credentials, "GET", "/fqdns", query={"filter[connection_id]": id}),
            _FqdnPage,
        )
        if not any(each.fqdn == endpoint.host and each.port == endpoint.port for each in fqdns.data):
            fqdn = {"connection_id": id, "fqdn": endpoint.host, "port": endpoint.port, "dns_record_type": "a"}
            await self._send(credentials, "POST", "/fqdns", json=fqdn)
        return id

    async def _profile(self, credentials: Credentials) -> str:
        query = {"filter[name][contains]": _NAME}
        page = read(
            self.name, await self._send(credentials, "GET", "/outbound_voice_profiles", query=query), _ProfilePage
        )
        for each in page.data:
            if each.name == _NAME:
                return each.id
        made = await self._send(credentials, "POST", "/outbound_voice_profiles", json={"name": _NAME})
        return read(self.name, made, _OneProfile, changed=True).data.id

    async def _ordered(self, credentials: Credentials, handle: str) -> _Order | None:
        """The order that bears the handle."""
        query = {"filter[customer_reference]": handle}
        page = read(self.name, await self._send(credentials, "GET", "/number_orders", query=query), _OrderPage)
        return next((each for each in page.data if each.customer_reference == handle), None)

    async def _send(self, credentials: Credentials, method: str, path: str, **more: Any) -> Reply:
        key = credentials["api_key"]
        return await self._rest.send(
            self.name,
            method,
            self._base + path,
            headers={"Authorization": f"Bearer {key.reveal()}"},
            hide=_hidden(credentials),
            words=_words,
            **more,
        )


def _order_status(order: _Order) -> str | None:
    states = {each.status for each in order.phone_numbers if each.status}
    if order.status == "failure" or "failure" in states:
        return "failure"
    return order.status


def _offer(found: _Available, wanted: Search) -> Offer:
    regions = {each.region_type: each.region_name for each in found.region_information}
    cost = found.cost_information
    dollars = cost is not None and cost.currency in (None, "USD")
    return Offer(
        e164=found.phone_number,
        country=regions.get("country_code") or wanted.country,
        region=regions.get("state"),
        locality=regions.get("location") or regions.get("rate_center"),
        capabilities=capabilities_of([each.name for each in found.features]),
        toll_free=wanted.toll_free,
        monthly_cost=cost.monthly_cost if cost is not None and dollars else None,
        upfront_cost=cost.upfront_cost if cost is not None and dollars else None,
    )


def _hidden(credentials: Credentials) -> list[Secret]:
    return list(credentials.values())


def _words(error: Any) -> str | None:
    first = error["errors"][0]
    return f"{first['title']}: {first['detail']}" if first.get("detail") else str(first["title"])
