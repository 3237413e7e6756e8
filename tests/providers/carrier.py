"""Small carriers on a real socket: they keep accounts and numbers as Twilio, Telnyx, Vonage and ElevenLabs do, and fail
in the ways that a test asks for. Their answers are cut to what the documents of each say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.web import Handler, serving

SID = "AC" + "a" * 32
TOKEN = "twilio-token-of-a-test"
KEY = "KEY0123456789-telnyx"


class Carrier:
    """`faults` holds, by a part of the path, what happens to the next requests there: `500`, `429`, `401`, `silence`,
    `cut` (an answer that breaks off), `garbage`; after `done-` the request is carried out first."""

    def __init__(self) -> None:
        self.owned: dict[str, dict[str, Any]] = {}
        self.sold: list[str] = []
        """Each purchase that was carried out."""
        self.faults: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.originations: list[str] = []
        self.trunks: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.pending_orders = False
        self.engine: dict[str, dict[str, Any]] = {}
        self.accepted: list[tuple[str, dict[str, Any]]] = []
        self.base = ""
        self.go_on = asyncio.Event()
        """What a request that is `held` waits for."""
        self.faults_at: dict[int, str] = {}
        """The same by which request it is: 1 is the next after `asked` was cleared."""

    def fail(self, path: str, *faults: str) -> None:
        self.faults.setdefault(path, []).extend(faults)

    @web.middleware
    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        line = f"{request.method} {request.path}"
        self.asked.append(line)
        fault = self.faults_at.pop(len(self.asked), "")
        for part, waiting in self.faults.items():
            if part in line and waiting:
                fault = waiting.pop(0)
                break
        if fault == "held":
            await self.go_on.wait()
            fault = ""
        answer: web.StreamResponse | None = None
        if not fault or fault.startswith("done-"):
            answer = await handler(request)
            fault = fault.removeprefix("done-")
        if not fault and answer is not None:
            return answer
        return await self._failed(request, fault)

    async def _failed(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "silence":
            await asyncio.sleep(30)
        if fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"sid": "PN')
            assert request.transport is not None
            request.transport.abort()
            return response
        if fault == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        message = f"Something is wrong with {_proof(request)}"
        return web.json_response(
            {"code": 20003, "message": message, "errors": [{"code": "1", "title": message}], "detail": message},
            status=int(fault),
            headers={"Retry-After": "0"} if fault == "429" else {},
        )

    # ── Twilio ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _authorized(self, request: web.Request) -> None:
        if request.headers.get("Authorization") is None:
            raise web.HTTPUnauthorized
        user, password = _basic(request)
        if (user, password) != (SID, TOKEN):
            raise web.HTTPUnauthorized(text='{"code": 20003, "message": "Authenticate"}')

    async def account(self, request: web.Request) -> web.Response:
        self._authorized(request)
        return web.json_response({"sid": SID, "friendly_name": "Acme's account", "status": "active"})

    async def offered(self, request: web.Request) -> web.Response:
        self._authorized(request)
        area = request.query.get("AreaCode", "415")
        numbers = [
            {
                "phone_number": f"+1{area}55501{tail:02d}",
                "iso_country": "US",
                "region": "CA",
                "locality": "San Francisco",
                "capabilities": {"voice": True, "SMS": True, "MMS": False},
            }
            for tail in range(int(request.query.get("PageSize", "50")))
        ]
        return web.json_response({"available_phone_numbers": numbers})

    async def incoming(self, request: web.Request) -> web.Response:
        self._authorized(request)
        if request.method == "POST":
            form = await request.post()
            e164 = str(form["PhoneNumber"])
            if e164 in self.owned:
                return web.json_response({"code": 21422, "message": f"{e164} is not available"}, status=400)
            self.sold.append(e164)
            return web.json_response(self.own(e164, str(form["FriendlyName"])), status=201)
        wanted = request.query.get("PhoneNumber")
        found = [each for each in self.owned.values() if wanted in (None, each["phone_number"])]
        return web.json_response({"incoming_phone_numbers": found, "next_page_uri": None})

    def own(self, e164: str, label: str = "") -> dict[str, Any]:
        self.owned[e164] = {
            "sid": f"PN{len(self.owned):032x}",
            "phone_number": e164,
            "friendly_name": label,
            "capabilities": {"voice": True, "sms": True, "mms": False},
            "trunk_sid": None,
        }
        return self.owned[e164]

    async def one_incoming(self, request: web.Request) -> web.Response:
        self._authorized(request)
        sid = request.match_info["sid"].removesuffix(".json")
        found = next((each for each in self.owned.values() if each["sid"] == sid), None)
        if found is None:
            return web.json_response({"code": 20404, "message": "not found"}, status=404)
        if request.method == "DELETE":
            del self.owned[found["phone_number"]]
            return web.Response(status=204)
        if request.method == "POST":
            form = await request.post()
            found["trunk_sid"] = str(form["TrunkSid"])
        return web.json_response(found)

    async def sip_trunks(self, request: web.Request) -> web.Response:
        self._authorized(request)
        if request.method == "POST":
            form = await request.post()
            made = {
                "sid": f"TK{len(self.trunks):032x}",
                "friendly_name": str(form["FriendlyName"]),
                "domain_name": "acme.pstn.twilio.com",
                "auth_type_set": ["IP_ACL"],
            }
            self.trunks.append(made)
            return web.json_response(made, status=201)
        return web.json_response({"trunks": self.trunks})

    async def sip_trunk(self, request: web.Request) -> web.Response:
        found = next((each for each in self.trunks if each["sid"] == request.match_info["sid"]), None)
        return web.json_response(found or {"message": "gone"}, status=200 if found else 404)

    async def urls(self, request: web.Request) -> web.Response:
        self._authorized(request)
        if request.method == "POST":
            self.originations.append(str((await request.post())["SipUrl"]))
            return web.json_response({"sip_url": self.originations[-1], "enabled": True}, status=201)
        urls = [{"sip_url": each, "enabled": True} for each in self.originations]
        return web.json_response({"origination_urls": urls})

    async def number_prices(self, request: web.Request) -> web.Response:
        prices = [
            {"number_type": "local", "base_price": "1.15", "current_price": "1.15"},
            {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
        ]
        return web.json_response({"phone_number_prices": prices, "price_unit": "USD"})

    async def voice_prices(self, request: web.Request) -> web.Response:
        inbound = [
            {"number_type": "local", "current_price": "0.0085", "base_price": "0.0085"},
            {"number_type": "toll free", "current_price": "0.022", "base_price": "0.022"},
        ]
        outbound = [{"prefixes": ["1"], "current_price": "0.013", "base_price": "0.013", "friendly_name": "US"}]
        return web.json_response(
            {"inbound_call_prices": inbound, "outbound_prefix_prices": outbound, "price_unit": "USD"}
        )

    # ── Telnyx ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def order(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"errors": [{"code": "10009", "title": "Authentication failed"}]}, status=401)
        if request.method == "POST":
            body = await request.json()
            e164 = body["phone_numbers"][0]["phone_number"]
            reference = body["customer_reference"]
            self.sold.append(e164)
            id = f"00000000-0000-4000-8000-{len(self.orders):012d}"
            self.orders[id] = {
                "id": id,
                "customer_reference": reference,
                "status": "pending",
                "phone_numbers": [{"phone_number": e164, "status": "pending"}],
            }
            return web.json_response({"data": self.orders[id]})
        wanted = request.query.get("filter[customer_reference]")
        found = [each for each in self.orders.values() if each["customer_reference"] == wanted]
        return web.json_response({"data": found, "meta": {"total_pages": 1}})

    async def one_order(self, request: web.Request) -> web.Response:
        order = self.orders[request.match_info["id"]]
        if not self.pending_orders:
            self.fill(order)
        return web.json_response({"data": order})

    def fill(self, order: dict[str, Any]) -> None:
        order["status"] = order["phone_numbers"][0]["status"] = "success"
        e164 = order["phone_numbers"][0]["phone_number"]
        self.owned.setdefault(
            e164, {"id": str(1293384261075731499 + len(self.owned)), "phone_number": e164, "status": "active"}
        )

    async def telnyx_numbers(self, request: web.Request) -> web.Response:
        wanted = request.query.get("filter[phone_number]")
        found = [each for each in self.owned.values() if wanted is None or wanted in each["phone_number"]]
        return web.json_response({"data": found, "meta": {"total_pages": 1}})

    async def telnyx_number(self, request: web.Request) -> web.Response:
        found = next((each for each in self.owned.values() if each["id"] == request.match_info["id"]), None)
        if found is None:
            return web.json_response({"errors": [{"code": "10005", "title": "Resource not found"}]}, status=404)
        if request.method == "PATCH":
            found |= await request.json()
        if request.method == "DELETE":
            del self.owned[found["phone_number"]]
        return web.json_response({"data": found})

    async def made(self, request: web.Request) -> web.Response:
        kind = request.path.split("/")[-1]
        known = self.engine.setdefault(kind, {"all": []})["all"]
        if request.method == "POST":
            known.append({**await request.json(), "id": str(len(known) + 1)})
            return web.json_response({"data": known[-1]}, status=200 if "profiles" in kind else 201)
        return web.json_response({"data": known, "meta": {"total_pages": 1}})

    async def telnyx_connection(self, request: web.Request) -> web.Response:
        return web.json_response({"data": {"id": request.match_info["id"], "active": True}})

    async def balance(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"errors": [{"code": "10009", "title": "Authentication failed"}]}, status=401)
        return web.json_response({"data": {"balance": "1.00", "currency": "USD"}})

    # ── Vonage ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def vonage(self, request: web.Request) -> web.Response:
        if (request.query.get("api_key"), request.query.get("api_secret")) != (SID, TOKEN):
            return web.json_response({"error-code": "401", "error-code-label": "authentication failed"}, status=401)
        verb = request.path.split("/")[-1]
        if verb == "get-balance":
            return web.json_response({"value": 10.0})
        if verb == "numbers":
            wanted = request.query.get("pattern", "")
            found = [each for each in self.owned.values() if wanted in each["msisdn"]]
            return web.json_response({"count": len(found), "numbers": found})
        form = await request.post()
        e164 = "+" + str(form["msisdn"])
        if verb == "buy" and e164 not in self.owned:
            self.sold.append(e164)
            self.owned[e164] = {"msisdn": e164[1:], "country": str(form["country"]), "features": ["VOICE"]}
        elif verb == "cancel" and e164 in self.owned:
            del self.owned[e164]
        elif verb == "update" and e164 in self.owned:
            self.owned[e164] |= {key: str(value) for key, value in form.items() if key.startswith("voice")}
        else:
            return web.json_response({"error-code": "420", "error-code-label": "method failed"})
        return web.json_response({"error-code": "200", "error-code-label": "success"})

    # ── engines ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def eleven(self, request: web.Request) -> web.Response:
        if request.headers.get("xi-api-key") != "xi-key":
            return web.json_response(
                {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, status=401
            )
        numbers = self.engine.setdefault("numbers", {})
        if request.method == "GET":
            return web.json_response(list(numbers.values()))
        body = await request.json()
        id = f"phnum_{len(numbers) + 1}"
        numbers[id] = {"phone_number_id": id, **body}
        return web.json_response({"phone_number_id": id})

    async def eleven_one(self, request: web.Request) -> web.Response:
        numbers = self.engine.setdefault("numbers", {})
        id = request.match_info["id"]
        if id not in numbers:
            return web.json_response({"detail": "not found"}, status=404)
        numbers[id] |= await request.json()
        return web.json_response(numbers[id])

    async def models(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sk-good":
            return web.json_response({"error": {"message": "Incorrect API key provided: sk-bad"}}, status=401)
        return web.json_response({"data": []})

    async def call(self, request: web.Request) -> web.Response:
        self.accepted.append((request.path, await request.json()))
        return web.json_response({})

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.meet])
        api = "/2010-04-01/Accounts"
        app.add_routes(
            [
                web.get(f"{api}/{SID}.json", self.account),
                web.get(f"{api}/{{any}}.json", _unknown),
                web.get(f"{api}/{SID}/AvailablePhoneNumbers/{{country}}/{{kind}}", self.offered),
                web.route("*", f"{api}/{SID}/IncomingPhoneNumbers.json", self.incoming),
                web.route("*", f"{api}/{SID}/IncomingPhoneNumbers/{{sid}}", self.one_incoming),
                web.route("*", "/v1/Trunks", self.sip_trunks),
                web.get("/v1/Trunks/{sid}", self.sip_trunk),
                web.route("*", "/v1/Trunks/{sid}/OriginationUrls", self.urls),
                web.get("/v1/PhoneNumbers/Countries/{country}", self.number_prices),
                web.get("/v1/Voice/Countries/{country}", self.voice_prices),
                web.route("*", "/v2/number_orders", self.order),
                web.get("/v2/number_orders/{id}", self.one_order),
                web.get("/v2/phone_numbers", self.telnyx_numbers),
                web.route("*", "/v2/phone_numbers/{id}", self.telnyx_number),
                web.route("*", "/v2/fqdn_connections", self.made),
                web.route("*", "/v2/fqdns", self.made),
                web.route("*", "/v2/outbound_voice_profiles", self.made),
                web.route("*", "/account/{verb}", self.vonage),
                web.route("*", "/number/{verb}", self.vonage),
                web.get(f"/api/laml{api}/{SID}", self.account),
                web.route("*", f"/api/laml{api}/{SID}/IncomingPhoneNumbers", self.incoming),
                web.route("*", f"/api/laml{api}/{SID}/IncomingPhoneNumbers/{{sid}}", self.one_incoming),
                web.get("/v2/connections/{id}", self.telnyx_connection),
                web.get("/v2/balance", self.balance),
                web.route("*", "/v1/convai/phone-numbers", self.eleven),
                web.route("*", "/v1/convai/phone-numbers/{id}", self.eleven_one),
                web.get("/v1/models", self.models),
                web.post("/v1/realtime/calls/{id}/{verb}", self.call),
                web.post("/v1/live/sessions/{id}/{verb}", self.call),
            ]
        )
        return app


@contextlib.asynccontextmanager
async def open_for_business() -> AsyncIterator[Carrier]:
    carrier = Carrier()
    async with serving(carrier.application()) as carrier.base:
        yield carrier


async def _unknown(request: web.Request) -> web.Response:
    return web.json_response({"code": 20003, "message": "Authenticate"}, status=401)


def _proof(request: web.Request) -> str:
    """The credential that a request bears: some carriers repeat it."""
    scheme, _, proof = request.headers.get("Authorization", "").partition(" ")
    return _basic(request)[1] if scheme == "Basic" else proof or request.headers.get("xi-api-key", "")


def _basic(request: web.Request) -> tuple[str, str]:
    import base64

    user, _, password = base64.b64decode(request.headers["Authorization"].split()[1]).decode().partition(":")
    return user, password
