"""What no document holds: SignalWire's shapes as its client libraries read them, and refusals that come as 200."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.providers.conftest import at_once
from tests.web import everywhere, serving
from trunkline.model.secret import Secret
from trunkline.providers.rest import Rest
from trunkline.providers.signalwire import SignalWire
from trunkline.providers.values import Endpoint, Line, Owned, ProviderError, Search
from trunkline.providers.vonage import Vonage

SIGNALWIRE = {"space": Secret("acme"), "project_id": Secret("11111111-2222"), "api_token": Secret("PTtoken")}
VONAGE = {"api_key": Secret("abcd1234"), "api_secret": Secret("ABCDEFGH01234abc")}
SPACES = "https://{space}.signalwire.com"
ENDPOINT = Endpoint(host="sip.example.net", port=5060)
NUMBER: dict[str, Any] = {
    "sid": "55f4ee1b",
    "phone_number": "+12125550100",
    "friendly_name": "Support",
    "capabilities": {"voice": True, "SMS": True, "MMS": False, "fax": False},
    "voice_url": None,
}


@pytest.fixture
async def rest() -> AsyncIterator[Rest]:
    made = Rest(timeout=1.0, sleep=at_once)
    yield made
    await made.close()


async def test_signalwire_has_twilios_calls_without_json(rest: Rest) -> None:
    asked: list[str] = []

    async def space(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        assert request.headers["Authorization"].startswith("Basic ")
        if request.path.endswith("/11111111-2222"):
            return web.json_response({"sid": "11111111-2222", "friendly_name": "Acme", "status": "active"})
        if "AvailablePhoneNumbers" in request.path:
            return web.json_response({"available_phone_numbers": [{**NUMBER, "iso_country": "US", "region": "NY"}]})
        if request.method == "DELETE":
            return web.Response(status=204)
        if request.path.endswith("/IncomingPhoneNumbers") and request.method == "GET":
            return web.json_response({"incoming_phone_numbers": [NUMBER], "next_page_uri": None})
        return web.json_response(NUMBER, status=201 if request.path.endswith("Numbers") else 200)

    async with serving(everywhere(space)) as base:
        client = SignalWire(rest, base)
        assert (await client.test(SIGNALWIRE)).name == "Acme"
        [offer] = await client.search(SIGNALWIRE, Search(area_code="212", limit=1))
        assert (offer.e164, offer.region, offer.capabilities) == ("+12125550100", "NY", ("voice", "sms"))
        bought = await client.buy(SIGNALWIRE, offer.e164, "handle", "Support")
        assert await client.owned(SIGNALWIRE, offer.e164) == [bought]
        line = await client.line(SIGNALWIRE, ENDPOINT, Line())
        assert line.host == "acme.sip.signalwire.com"
        check = await client.pointed(SIGNALWIRE, bought, ENDPOINT, line)
        assert (check.ok, "LaML" in str(check.detail)) == (False, True)
        assert (await client.outbound(SIGNALWIRE, line)).ok is False
        await client.release(SIGNALWIRE, bought)
    account = "/api/laml/2010-04-01/Accounts/11111111-2222"
    assert asked[:3] == [
        f"GET {account}",
        f"GET {account}/AvailablePhoneNumbers/US/Local",
        f"POST {account}/IncomingPhoneNumbers",
    ]


@pytest.mark.parametrize(
    "space", ["evil.example.com", "a/b", "a@b", "127.0.0.1", "", "-a", "a.signalwire.com.evil.org"]
)
def test_a_space_is_a_name_and_no_host(space: str) -> None:
    wrong = SignalWire(Rest(), SPACES).wrong({**SIGNALWIRE, "space": Secret(space)})
    assert wrong is not None
    assert wrong[0] == "space"


def test_a_space_may_be_written_whole() -> None:
    assert SignalWire(Rest(), SPACES).wrong({**SIGNALWIRE, "space": Secret("Acme.signalwire.com")}) is None


@pytest.mark.parametrize(("code", "fault"), [("401", "credentials"), ("420", "refused")])
async def test_vonage_says_no_with_status_200(rest: Rest, code: str, fault: str) -> None:
    async def refusing(request: web.Request) -> web.Response:
        label = f"method failed for {request.query['api_secret']}"
        return web.json_response({"error-code": code, "error-code-label": label})

    async with serving(everywhere(refusing)) as base:
        with pytest.raises(ProviderError) as raised:
            await Vonage(rest, base).buy(VONAGE, "+447700900000", "handle")
    assert raised.value.fault == fault
    assert "method failed for •••" in raised.value.message


async def test_vonage_is_asked_whether_a_number_that_it_does_not_cancel_is_there(rest: Rest) -> None:
    there = [{"country": "GB", "msisdn": "447700900000", "features": ["VOICE"]}]

    async def refusing(request: web.Request) -> web.Response:
        if request.path == "/number/cancel":
            return web.json_response({"error-code": "420", "error-code-label": "method failed"})
        return web.json_response({"count": len(there), "numbers": there})

    number = Owned(e164="+447700900000", resource_id="447700900000", country="GB")
    async with serving(everywhere(refusing)) as base:
        with pytest.raises(ProviderError, match="method failed"):
            await Vonage(rest, base).release(VONAGE, number)
        there.clear()
        await Vonage(rest, base).release(VONAGE, number)
