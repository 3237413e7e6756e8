"""Vonage: numbers and prices (its OpenAPI documents `numbers`, `account`, `pricing`).

Key and secret stand in the query, as its documents ask, so no URL of this client may ever be shown. A refusal may come
with status 200 and an `error-code` inside. There is no SIP trunk to make: each number is led to a SIP URI by itself.
Prices of its API are in euro, so they are not told.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from trunkline.model.secret import Secret
from trunkline.providers.plan import calling_code, country_of
from trunkline.providers.rest import Reply, Rest, clean, read
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
    Search,
    capabilities_of,
)

NETWORKS = ("216.147.0.0/18", "168.100.64.0/18")
"""Where its SIP signals from."""
_HOST = "sip.nexmo.com"
_SIZE = 100
_PAGES = 100


class _Number(msgspec.Struct):
    msisdn: str
    country: str | None = None
    type: str | None = None
    features: list[str] = []
    voice_type: str | None = msgspec.field(name="voiceCallbackType", default=None)
    voice_value: str | None = msgspec.field(name="voiceCallbackValue", default=None)


class _Page(msgspec.Struct):
    count: int = 0
    numbers: list[_Number] = []


class _Done(msgspec.Struct):
    code: str = msgspec.field(name="error-code", default="")
    label: str = msgspec.field(name="error-code-label", default="")


class Vonage:
    name = "vonage"
    settles_within = 3600.0
    fields: tuple[tuple[str, bool], ...] = (("api_key", True), ("api_secret", True))

    def __init__(self, rest: Rest, base: str) -> None:
        self._rest = rest
        self._base = base

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        return None

    async def test(self, credentials: Credentials) -> Account:
        await self._send(credentials, "GET", "/account/get-balance")
        return Account()

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        query = {"country": wanted.country, "size": str(_SIZE if wanted.contains else wanted.limit)}
        query["type"] = "landline-toll-free" if wanted.toll_free else "landline"
        if wanted.area_code is not None:
            query |= {"pattern": f"{calling_code(wanted.country)}{wanted.area_code}", "search_pattern": "0"}
        elif wanted.contains is not None:
            query |= {"pattern": wanted.contains, "search_pattern": "1"}
        if wanted.capabilities:
            query["features"] = ",".join(
                [each.upper() for each in ("sms", "mms", "voice") if each in wanted.capabilities]
            )
        page = read(self.name, await self._send(credentials, "GET", "/number/search", query=query), _Page)
        return [
            Offer(
                e164=f"+{each.msisdn}",
                country=each.country or wanted.country,
                capabilities=capabilities_of(each.features),
                toll_free=wanted.toll_free,
            )
            for each in page.numbers
            if wanted.contains is None or wanted.contains in each.msisdn
        ][: wanted.limit]

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        country = _country(e164)
        await self._do(credentials, "/number/buy", {"country": country, "msisdn": e164[1:]})
        return Owned(e164=e164, resource_id=e164[1:], country=country, capabilities=("voice",))

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        found: list[Owned] = []
        for index in range(1, _PAGES + 1):
            page = await self._numbers(credentials, e164, index)
            found += [
                Owned(
                    e164=f"+{each.msisdn}",
                    resource_id=each.msisdn,
                    country=each.country,
                    capabilities=capabilities_of(each.features),
                )
                for each in page.numbers
            ]
            if not page.numbers or index * _SIZE >= page.count:
                break
        return [each for each in found if e164 in (None, each.e164)]

    async def release(self, credentials: Credentials, number: Owned) -> None:
        country = number.country or _country(number.e164)
        try:
            await self._do(credentials, "/number/cancel", {"country": country, "msisdn": number.e164[1:]})
        except ProviderError:
            # It says the same of a number that is not ours any more as of many other things: look.
            if await self.owned(credentials, number.e164):
                raise

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        return Pricing(country=country)

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        return structs.replace(
            wanted,
            host=wanted.host or _HOST,
            networks=wanted.networks or NETWORKS,
            username=wanted.username or credentials["api_key"].reveal(),
            password=wanted.password or credentials["api_secret"],
        )

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        form = {
            "country": number.country or _country(number.e164),
            "msisdn": number.e164[1:],
            "voiceCallbackType": "sip",
            "voiceCallbackValue": _callback(number.e164, endpoint),
        }
        await self._do(credentials, "/number/update", form, safe=True)

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        page = await self._numbers(credentials, number.e164, 1)
        there = next((each for each in page.numbers if f"+{each.msisdn}" == number.e164), None)
        if there is None:
            return Check(ok=False, detail="The number is not in the Vonage account any more.")
        callback = _callback(number.e164, endpoint)
        if there.voice_type != "sip" or there.voice_value != callback:
            return Check(ok=False, detail=f"At Vonage, forward the number's voice to {callback}.")
        return Check(ok=True)

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        """By the account's own key and secret, which are good when it answers."""
        await self.test(credentials)
        return Check(ok=True)

    async def _numbers(self, credentials: Credentials, e164: str | None, index: int) -> _Page:
        query = {"size": str(_SIZE), "index": str(index)}
        if e164 is not None:
            query |= {"country": _country(e164), "pattern": e164[1:], "search_pattern": "0"}
        return read(self.name, await self._send(credentials, "GET", "/account/numbers", query=query), _Page)

    async def _do(self, credentials: Credentials, path: str, form: dict[str, str], safe: bool = False) -> None:
        reply = await self._send(credentials, "POST", path, form=form, safe=safe)
        done = read(self.name, reply, _Done, changed=not safe)
        if done.code != "200":
            fault = "credentials" if done.code == "401" else "refused"
            words = clean(done.label, list(credentials.values()))
            raise ProviderError(
                fault,  # type: ignore[arg-type]
                f"vonage answered {clean(done.code)}: {words}",
                provider=self.name,
                status=reply.status,
            )

    async def _send(
        self, credentials: Credentials, method: str, path: str, query: dict[str, str] | None = None, **more: Any
    ) -> Reply:
        key, secret = credentials["api_key"], credentials["api_secret"]
        hide: list[Secret] = [key, secret]
        return await self._rest.send(
            self.name,
            method,
            self._base + path,
            query={**(query or {}), "api_key": key.reveal(), "api_secret": secret.reveal()},
            hide=hide,
            words=_words,
            **more,
        )


def _country(e164: str) -> str:
    """Raises `ProviderError` when it cannot be told."""
    country = country_of(e164)
    if country is None:
        raise ProviderError("refused", f"The country of {e164} cannot be told.", provider="vonage")
    return country


def _callback(e164: str, endpoint: Endpoint) -> str:
    return endpoint.uri.replace("sip:", f"sip:{e164[1:]}@", 1)


def _words(error: Any) -> str | None:
    return str(error.get("error-code-label") or error.get("title") or error["error_title"])
