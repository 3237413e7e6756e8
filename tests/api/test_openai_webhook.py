"""OpenAI's webhook: verified, matched to our INVITE, and answered with the agent's own instructions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from yarl import URL

from tests.api.conftest import OPENAI, Answer, Client, Clock, Engine
from tests.control.conftest import build
from tests.providers.carrier import Carrier
from tests.providers.conftest import carrier, providers
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.call import CallRecord, LegRecord
from trunkline.providers.registry import Providers
from trunkline.store.store import Store

__all__ = ["carrier", "providers"]

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CALL = ids.mint(1.0, bytes(10))


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock, providers: Providers) -> Services:
    made = build(store, engine, clock, providers=providers)
    await made.load()
    return made


class Stage:
    """An organization whose number goes to a prompt at OpenAI, and a call of it that rings there."""

    def __init__(self, anybody: Client, admin: Client, clock: Clock, agent: str) -> None:
        self._anybody = anybody
        self.admin = admin
        self._clock = clock
        self.agent = agent

    async def tell(
        self, data: dict[str, Any], kind: str = "realtime.call.incoming", id: str = "wh_1", *, late: float = 0.0,
        key: bytes = KEY, headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        raw = msgspec.json.encode({"object": "event", "id": "evt_1", "type": kind, "created_at": 1, "data": data})
        at = str(int(self._clock.wall - late))
        made = base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + raw, hashlib.sha256).digest()).decode()
        sent = {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{'A' * 44} v1,{made}",
        }
        return await self._anybody.post("/v1/engines/openai/webhook", raw=raw, headers={**sent, **(headers or {})})


def incoming(call: str = CALL, **more: Any) -> dict[str, Any]:
    headers = [{"name": "From", "value": "sip:+13035559876@example"}, {"name": "x-trunkline-call-id", "value": call}]
    return {"call_id": "rtc_abc", "sip_headers": headers, **more}


def session(**more: Any) -> dict[str, Any]:
    data = incoming(**more)
    del data["call_id"]
    return {"type": "sip", "session_id": "live_abc", **data}


@pytest.fixture
async def stage(anybody: Client, admin: Client, clock: Clock, engine: Engine, organization: str) -> Stage:
    credentials = {**OPENAI["credentials"], "webhook_secret": SECRET, "api_key": "sk-good"}
    trunk = (await admin.post("/v1/sip/trunks", {**OPENAI, "credentials": credentials})).json["id"]
    wanted = {"name": "Prompt", "kind": "openai", "trunk_id": trunk, "instructions": "You answer for Acme."}
    agent = (await admin.post("/v1/agents", wanted)).json["id"]
    config = {"first_message": "Hello, this is Acme.", "language": "en-US"}
    phone = await admin.post(
        "/v1/phone-numbers/import",
        {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": agent, "config": config},
    )
    engine.live[CALL] = CallRecord(
        id=CALL,
        organization_id=organization,
        direction="inbound",
        number_id=phone.json["id"].partition("_")[2],
        phone_number="+12125551234",
        agent_id=agent.partition("_")[2],
        status="in-progress",
        started_at=1.0,
        legs=(LegRecord(side="agent", agent_id=agent.partition("_")[2], started_at=1.0),),
    )
    return Stage(anybody, admin, clock, agent)


async def test_a_call_is_accepted_with_its_numbers_own_instructions(stage: Stage, carrier: Carrier) -> None:
    answer = await stage.tell(incoming())
    assert (answer.status, answer.json) == (200, {"outcome": "accepted"})
    [(path, session)] = carrier.accepted
    assert path == "/v1/realtime/calls/rtc_abc/accept"
    assert session == {
        "type": "realtime",
        "model": "gpt-realtime",
        "instructions": "You answer for Acme.\n\nSpeak the language en-US.\n\n"
        "Begin the conversation by saying: Hello, this is Acme.",
    }


async def test_a_message_is_taken_once(stage: Stage, carrier: Carrier) -> None:
    assert (await stage.tell(incoming())).json["outcome"] == "accepted"
    assert (await stage.tell(incoming())).json["outcome"] == "repeated"
    assert len(carrier.accepted) == 1


async def test_a_message_that_comes_again_while_it_is_answered_is_taken_once(stage: Stage, carrier: Carrier) -> None:
    answers = await asyncio.gather(*[stage.tell(incoming()) for _ in range(4)])
    assert sorted(answer.json["outcome"] for answer in answers) == ["accepted", *["repeated"] * 3]
    assert len(carrier.accepted) == 1


@pytest.mark.parametrize("at", ["9" * 400, "9" * 5000, "-1", "1e9", ""])
async def test_a_time_that_is_none_is_nobodys_signature(stage: Stage, at: str) -> None:
    answer = await stage.tell(incoming(), headers={"webhook-timestamp": at})
    assert (answer.status, answer.code) == (403, "invalid_signature")


@pytest.mark.parametrize("header", ["webhook-id", "webhook-signature"])
async def test_words_that_are_no_utf_8_are_nobodys_signature(stage: Stage, clock: Clock, header: str) -> None:
    sent = {"webhook-id": b"wh_1", "webhook-timestamp": b"%d" % clock.wall, "webhook-signature": b"v1,a"}
    sent[header] += b"\xff"
    lines = [name.encode() + b": " + value for name, value in sent.items()]
    url = URL(stage.admin.base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = [b"POST /v1/engines/openai/webhook HTTP/1.1", b"Host: edge", b"Connection: close", b"Content-Length: 2"]
    writer.write(b"\r\n".join([*head, b"Content-Type: application/json", *lines, b"", b"{}"]))
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 403 "), answer
    writer.close()
    await writer.wait_closed()


async def test_a_message_that_could_not_be_acted_upon_may_come_again(stage: Stage, carrier: Carrier) -> None:
    carrier.fail("/accept", *["500"] * 3)
    answer = await stage.tell(incoming())
    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_failed")
    assert (await stage.tell(incoming())).json["outcome"] == "accepted"


async def test_of_the_two_messages_about_one_call_one_is_acted_upon(stage: Stage, carrier: Carrier) -> None:
    assert (await stage.tell(session(), "live.transport.incoming", "wh_1")).json["outcome"] == "accepted"
    assert (await stage.tell(incoming(), id="wh_2")).json["outcome"] == "ignored"
    [(path, body)] = carrier.accepted
    assert (path, body["session"]["type"], body["session"]["model"]) == (
        "/v1/live/sessions/live_abc/accept",
        "live",
        "gpt-live-1",
    )


async def test_the_agents_model_says_which_of_the_two(stage: Stage, carrier: Carrier) -> None:
    wanted = {"model": "gpt-realtime-mini", "voice": "marin"}
    assert (await stage.admin.patch(f"/v1/agents/{stage.agent}", wanted)).status == 200
    assert (await stage.tell(session(), "live.transport.incoming", "wh_1")).json["outcome"] == "ignored"
    assert (await stage.tell(incoming(), id="wh_2")).json["outcome"] == "accepted"
    [(_, body)] = carrier.accepted
    assert (body["model"], body["audio"]) == ("gpt-realtime-mini", {"output": {"voice": "marin"}})


@pytest.mark.parametrize("call", ["", "nothing", ids.mint(2.0, bytes(10)), "../../etc"])
async def test_a_call_that_is_none_of_ours_is_rejected(stage: Stage, carrier: Carrier, call: str) -> None:
    assert (await stage.tell(incoming(call))).json["outcome"] == "rejected"
    assert carrier.accepted == [("/v1/realtime/calls/rtc_abc/reject", {"status_code": 404})]


async def test_an_agent_without_instructions_takes_no_call(stage: Stage, carrier: Carrier) -> None:
    await stage.admin.patch(f"/v1/agents/{stage.agent}", {"instructions": None})
    assert (await stage.tell(incoming())).json["outcome"] == "rejected"
    assert carrier.accepted == [("/v1/realtime/calls/rtc_abc/reject", {"status_code": 603})]


async def test_a_call_of_another_organization_is_rejected(
    stage: Stage, carrier: Carrier, engine: Engine, services: Services
) -> None:
    other = (await services.organizations.create("Other")).id
    engine.live[CALL] = msgspec.structs.replace(engine.live[CALL], organization_id=other)
    assert (await stage.tell(incoming())).json["outcome"] == "rejected"


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": b"another key of the same length!!"},
        {"late": 301.0},
        {"late": -301.0},
        {"headers": {"webhook-id": "wh_other"}},
        {"headers": {"webhook-signature": "v1,"}},
        {"headers": {"webhook-signature": "v2,abc"}},
        {"headers": {"webhook-timestamp": "soon"}},
    ],
)
async def test_what_nobody_known_has_signed_is_refused(stage: Stage, carrier: Carrier, wrong: dict[str, Any]) -> None:
    answer = await stage.tell(incoming(), **wrong)
    assert (answer.status, answer.json["error"]["code"]) == (403, "invalid_signature")
    assert carrier.accepted == []


async def test_other_messages_and_paths_from_a_message_do_nothing(stage: Stage, carrier: Carrier) -> None:
    assert (await stage.tell({}, "response.completed", "wh_1")).json["outcome"] == "ignored"
    data = {**incoming(), "call_id": "../../v1/models"}
    assert (await stage.tell(data, id="wh_2")).json["outcome"] == "ignored"
    assert carrier.accepted == []
    answer = await stage.tell({"sip_headers": 7}, id="wh_3")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_json")
