"""Twilio: numbers, Elastic SIP Trunking and prices (its OpenAPI documents `api_v2010`, `trunking_v1`, `pricing_v1`).

Forms in, JSON out, HTTP Basic with the account's SID and token, or with an API key. A purchase has no idempotency key
at Twilio: one whose answer was lost is found by listing the account's numbers.

SignalWire's compatibility API has the same calls on numbers: `signalwire.py` builds on `TwilioNumbers`.
"""

from __future__ import annotations

from typing import Any

import msgspec

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
    "54.172.60.0/30",
    "54.244.51.0/30",
    "54.171.127.192/30",
    "35.156.191.128/30",
    "54.65.63.192/30",
    "54.169.127.128/30",
    "54.252.254.64/30",
    "177.71.206.192/30",
)
"""Where Elastic SIP Trunking signals from, by region."""
_TRUNK_NAME = "Trunkline"
_PAGES = 20


class _Available(msgspec.Struct):
    phone_number: str
    iso_country: str | None = None
    region: str | None = None
    locality: str | None = None
    capabilities: dict[str, bool] = {}


class _AvailablePage(msgspec.Struct):
    available_phone_numbers: list[_Available]


class _Incoming(msgspec.Struct):
    sid: str
    phone_number: str
    friendly_name: str | None = None
    capabilities: dict[str, bool] | None = None
    trunk_sid: str | None = None


class _IncomingPage(msgspec.Struct):
    incoming_phone_numbers: list[_Incoming]
    next_page_uri: str | None = None


class _AccountAnswer(msgspec.Struct):
    sid: str | None = None
    friendly_name: str | None = None
    status: str | None = None


class _Trunk(msgspec.Struct):
    sid: str
    friendly_name: str | None = None
    domain_name: str | None = None
    auth_type_set: list[str] | None = None


class _TrunkPage(msgspec.Struct):
    trunks: list[_Trunk]


class _Origination(msgspec.Struct):
    sip_url: str
    enabled: bool = True


class _OriginationPage(msgspec.Struct):
    origination_urls: list[_Origination]


class _Price(msgspec.Struct):
    number_type: str | None = None
    current_price: float | None = None


class _Prefix(msgspec.Struct):
    prefixes: list[str] = []
    current_price: float | None = None


class _NumberPrices(msgspec.Struct):
    phone_number_prices: list[_Price] = []
    price_unit: str | None = None


class _VoicePrices(msgspec.Struct):
    inbound_call_prices: list[_Price] = []
    outbound_prefix_prices: list[_Prefix] = []
    price_unit: str | None = None


class TwilioNumbers:
    """Numbers by the 2010-04-01 API, which SignalWire has too."""

    name = "twilio"
    settles_within = 3600.0
    suffix = ".json"
    account_field = "account_sid"

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def _api(self, credentials: Credentials) -> str:
        """Base of the API, with the version in it."""
        raise NotImplementedError

    def _origin(self, credentials: Credentials) -> str:
        """What `next_page_uri` is appended to."""
        raise NotImplementedError

    def _basic(self, credentials: Credentials) -> tuple[str, str]:
        raise NotImplementedError

    async def test(self, credentials: Credentials) -> Account:
        """Whose account it is. Changes nothing and costs nothing. Raises `ProviderError`."""
        reply = await self._send(credentials, "GET", self._account(credentials) + self.suffix)
        account = read(self.name, reply, _AccountAnswer)
        if account.status not in (None, "active"):
            raise ProviderError("refused", f"The account is {account.status}.", provider=self.name)
        return Account(name=account.friendly_name, id=account.sid)

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        query = {"PageSize": str(wanted.limit)}
        if wanted.area_code is not None:
            query["AreaCode"] = wanted.area_code
        if wanted.contains is not None:
            query["Contains"] = wanted.contains
        for capability in wanted.capabilities:
            query[f"{capability.capitalize()}Enabled"] = "true"
        kind = "TollFree" if wanted.toll_free else "Local"
        path = f"{self._account(credentials)}/AvailablePhoneNumbers/{wanted.country}/{kind}{self.suffix}"
        try:
            reply = await self._send(credentials, "GET", path, query=query)
        except ProviderError as error:
            if error.status == 404:  # the country has none of this kind
                return []
            raise
        found = read(self.name, reply, _AvailablePage).available_phone_numbers[: wanted.limit]
        return [
            Offer(
                e164=each.phone_number,
                country=each.iso_country or wanted.country,
                region=each.region or None,
                locality=each.locality or None,
                capabilities=capabilities_of([name for name, has in each.capabilities.items() if has]),
                toll_free=wanted.toll_free,
            )
            for each in found
        ]

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        """Raises `ProviderError`; `uncertain` when it may have been bought."""
        path = f"{self._account(credentials)}/IncomingPhoneNumbers{self.suffix}"
        form = {"PhoneNumber": e164, "FriendlyName": label or e164}
        reply = await self._send(credentials, "POST", path, form=form)
        return _owned(read(self.name, reply, _Incoming, changed=True))

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        """All numbers of the account, or this one if it is there."""
        path = f"{self._account(credentials)}/IncomingPhoneNumbers{self.suffix}"
        query: dict[str, str] | None = {"PageSize": "1000"}
        if e164 is not None:
            query = {"PhoneNumber": e164, "PageSize": "50"}
        found: list[Owned] = []
        for _ in range(_PAGES):
            page = read(self.name, await self._send(credentials, "GET", path, query=query), _IncomingPage)
            found += map(_owned, page.incoming_phone_numbers)
            if not page.next_page_uri:
                break
            # A path of its own server: no page may lead elsewhere.
            path, query = self._origin(credentials) + "/" + page.next_page_uri.lstrip("/"), None
        return [each for each in found if e164 in (None, each.e164)]

    async def release(self, credentials: Credentials, number: Owned) -> None:
        """Give it back. One that is not there any more is released."""
        path = f"{self._account(credentials)}/IncomingPhoneNumbers/{number.resource_id}{self.suffix}"
        try:
            done(self.name, await self._send(credentials, "DELETE", path, safe=True))
        except ProviderError as error:
            if error.status != 404:
                raise

    async def _pointed(self, credentials: Credentials, number: Owned, form: dict[str, str]) -> None:
        path = f"{self._account(credentials)}/IncomingPhoneNumbers/{number.resource_id}{self.suffix}"
        await self._send(credentials, "POST", path, form=form, safe=True)

    def _account(self, credentials: Credentials) -> str:
        return f"{self._api(credentials)}/Accounts/{credentials[self.account_field].reveal()}"

    async def _send(self, credentials: Credentials, method: str, url: str, **more: Any) -> Reply:
        return await self._rest.send(
            self.name,
            method,
            url,
            basic=self._basic(credentials),
            hide=_hidden(credentials),
            words=_words,
            **more,
        )


class Twilio(TwilioNumbers):
    fields: tuple[tuple[str, bool], ...] = (
        ("account_sid", True),
        ("auth_token", False),
        ("api_key_sid", False),
        ("api_key_secret", False),
    )

    def __init__(
        self,
        rest: Rest,
        api: str,
        trunking: str,
        pricing: str,
    ) -> None:
        super().__init__(rest)
        self._base, self._trunking, self._pricing = api, trunking, pricing

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        """The credential that is lacking or cannot be, and why."""
        sid = credentials["account_sid"].reveal()
        if len(sid) != 34 or not sid.startswith("AC") or not sid.isalnum():
            return "account_sid", "An account SID is AC and 32 characters."
        if "auth_token" not in credentials and not {"api_key_sid", "api_key_secret"} <= set(credentials):
            return "auth_token", "auth_token is required, or api_key_sid with api_key_secret."
        return None

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        send = self._send
        numbers = read(
            self.name,
            await send(credentials, "GET", f"{self._pricing}/v1/PhoneNumbers/Countries/{country}"),
            _NumberPrices,
        )
        voice = read(
            self.name, await send(credentials, "GET", f"{self._pricing}/v1/Voice/Countries/{country}"), _VoicePrices
        )
        out = [each.current_price for each in voice.outbound_prefix_prices if each.current_price is not None]
        outbound = min(out, default=None)

        def rates(kind: str) -> Rates:
            return Rates(
                monthly=_price(numbers.phone_number_prices, kind),
                inbound_minute=_price(voice.inbound_call_prices, kind),
                outbound_minute=outbound,
            )

        return Pricing(country=country, local=rates("local"), toll_free=rates("toll free"))

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        """Our Elastic SIP Trunk in the account, made when it is not there, with its origination led to us."""
        sid = wanted.settings.get("trunk_sid")
        trunks = f"{self._trunking}/v1/Trunks"
        if sid is None:
            page = read(self.name, await self._send(credentials, "GET", trunks, query={"PageSize": "1000"}), _TrunkPage)
            named = [each for each in page.trunks if each.friendly_name == _TRUNK_NAME]
            if named:
                trunk = named[0]
            else:
                made = await self._send(credentials, "POST", trunks, form={"FriendlyName": _TRUNK_NAME})
                trunk = read(self.name, made, _Trunk, changed=True)
        else:
            trunk = read(self.name, await self._send(credentials, "GET", f"{trunks}/{sid}"), _Trunk)
        if endpoint is not None:
            await self._led(credentials, trunk.sid, endpoint)
        return msgspec.structs.replace(
            wanted,
            host=wanted.host or trunk.domain_name or None,
            networks=wanted.networks or NETWORKS,
            settings={**wanted.settings, "trunk_sid": trunk.sid},
        )

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        """Send its calls to us, over the account's trunk."""
        await self._pointed(credentials, number, {"TrunkSid": line.settings["trunk_sid"]})

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        """Whether its calls come to us."""
        path = f"{self._account(credentials)}/IncomingPhoneNumbers/{number.resource_id}{self.suffix}"
        there = read(self.name, await self._send(credentials, "GET", path), _Incoming)
        sid = line.settings.get("trunk_sid")
        if sid is None or there.trunk_sid != sid:
            return Check(ok=False, detail="At Twilio the number is not on this connection's SIP trunk.")
        urls = await self._originations(credentials, sid)
        if not any(each.enabled and _same(each.sip_url, endpoint) for each in urls):
            return Check(ok=False, detail=f"Add {endpoint.uri} as an origination URI of the SIP trunk at Twilio.")
        return Check(ok=True)

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        sid = line.settings.get("trunk_sid")
        if sid is None:
            return Check(ok=False, detail="This connection has no SIP trunk at Twilio yet.")
        trunk = read(self.name, await self._send(credentials, "GET", f"{self._trunking}/v1/Trunks/{sid}"), _Trunk)
        if not trunk.domain_name:
            return Check(ok=False, detail="Give the SIP trunk a termination URI at Twilio.")
        if not trunk.auth_type_set:
            return Check(
                ok=False,
                detail="At Twilio, let the SIP trunk's termination accept this edge's address, or a user of it.",
            )
        return Check(ok=True)

    async def _led(self, credentials: Credentials, sid: str, endpoint: Endpoint) -> None:
        if any(_same(each.sip_url, endpoint) for each in await self._originations(credentials, sid)):
            return
        form = {
            "FriendlyName": _TRUNK_NAME,
            "SipUrl": endpoint.uri,
            "Weight": "1",
            "Priority": "1",
            "Enabled": "true",
        }
        await self._send(credentials, "POST", f"{self._trunking}/v1/Trunks/{sid}/OriginationUrls", form=form)

    async def _originations(self, credentials: Credentials, sid: str) -> list[_Origination]:
        url = f"{self._trunking}/v1/Trunks/{sid}/OriginationUrls"
        return read(self.name, await self._send(credentials, "GET", url), _OriginationPage).origination_urls

    def _api(self, credentials: Credentials) -> str:
        return f"{self._base}/2010-04-01"

    def _origin(self, credentials: Credentials) -> str:
        return self._base

    def _basic(self, credentials: Credentials) -> tuple[str, str]:
        if "api_key_sid" in credentials and "api_key_secret" in credentials:
            return credentials["api_key_sid"].reveal(), credentials["api_key_secret"].reveal()
        return credentials["account_sid"].reveal(), credentials["auth_token"].reveal()


def _owned(number: _Incoming) -> Owned:
    return Owned(
        e164=number.phone_number,
        resource_id=number.sid,
        label=number.friendly_name,
        capabilities=capabilities_of([name for name, has in (number.capabilities or {}).items() if has]),
    )


def _price(prices: list[_Price], kind: str) -> float | None:
    return next((each.current_price for each in prices if each.number_type == kind), None)


def _same(url: str, endpoint: Endpoint) -> bool:
    """Whether a provider's URL leads to the endpoint, however it writes it."""
    text = url.lower().replace("sip://", "sip:").replace("sips:", "sip:")
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    rest = text.removeprefix("sip:").partition(";")[0].rpartition("@")[2]
    return rest in (f"{host}:{endpoint.port}".lower(), *([host.lower()] if endpoint.port in (5060, 5061) else []))


def _hidden(credentials: Credentials) -> list[Secret]:
    return list(credentials.values())


def _words(error: Any) -> str | None:
    code = f" (error {error['code']})" if error.get("code") else ""
    return f"{error['message']}{code}"
