"""Telling engines of numbers on a socket, over HTTP: S2-15, 16, 28, 37, 50, 51 under R14, R21, R24."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.api.conftest import ELEVENLABS, OPENAI, Answer, Client, Clock, Engine, Keys
from tests.control.conftest import build
from tests.providers.carrier import Carrier
from tests.providers.conftest import carrier, providers
from trunkline.control.ports import TrunkTrial
from trunkline.control.services import Services
from trunkline.providers.registry import Providers
from trunkline.providers.values import Endpoint
from trunkline.store.store import Store

__all__ = ["carrier", "providers"]

NUMBER = "+12125551234"
WITH_KEY: dict[str, Any] = {**ELEVENLABS, "credentials": {**ELEVENLABS["credentials"], "api_key": "xi-key"}}
GOOD_OPENAI: dict[str, Any] = {**OPENAI, "credentials": {**OPENAI["credentials"], "api_key": "sk-good"}}


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock, providers: Providers) -> AsyncIterator[Services]:
    made = build(store, engine, clock, providers=providers, patience=0.15)
    await made.load()
    yield made
    await made.provisioning.close()


async def trunk_of(client: Client, body: dict[str, Any]) -> str:
    answer = await client.post("/v1/sip/trunks", body)
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


async def imported(client: Client, trunk: str, number: str = NUMBER, **more: Any) -> str:
    answer = await client.post("/v1/phone-numbers/import", {"phone_number": number, "trunk_id": trunk, **more})
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def status(client: Client, phone: str) -> str:
    return str((await client.get(f"/v1/phone-numbers/{phone}")).json["status"])


async def idle(services: Services) -> None:
    await asyncio.gather(*services.provisioning._running.values())


async def test_s2_28_elevenlabs_is_told_of_a_number(admin: Client, carrier: Carrier) -> None:
    phone = await imported(admin, await trunk_of(admin, WITH_KEY), agent_id="agent_abc123")
    assert await status(admin, phone) == "provisioning"
    answer = await admin.post(f"/v1/phone-numbers/{phone}/provision")
    assert answer.status == 200, answer.raw
    assert answer.json == {"success": True, "status": "active", "provisioned_at": "2024-01-15T10:30:00Z"}
    [told] = carrier.engine["numbers"].values()
    assert (told["provider"], told["phone_number"], told["agent_id"]) == ("sip_trunk", NUMBER, "agent_abc123")
    assert told["inbound_trunk_config"]["credentials"]["username"] == "your_elevenlabs_username"
    assert told["outbound_trunk_config"]["address"] == "sip.example.net:5060"
    assert await status(admin, phone) == "active"


async def test_an_edge_that_is_reached_by_an_ipv6_address_is_told_of_as_one(
    admin: Client, carrier: Carrier, engine: Engine
) -> None:
    engine.endpoints = (Endpoint(host="2606:4700::1", port=5060),)
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).status == 200
    [told] = carrier.engine["numbers"].values()
    assert told["outbound_trunk_config"]["address"] == "[2606:4700::1]:5060"


@pytest.mark.parametrize("fault", ["done-silence", "done-cut", "done-500"])
async def test_s2_28_a_number_is_made_once_there_whatever_becomes_of_the_answer(
    admin: Client, carrier: Carrier, services: Services, clock: Clock, fault: str
) -> None:
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    carrier.fail("POST /v1/convai", fault)
    answer = await admin.post(f"/v1/phone-numbers/{phone}/provision")
    assert (answer.status, answer.json["status"]) == (202, "provisioning")
    await idle(services)
    clock.pass_(6)
    await services.provisioning._begin_due()
    await idle(services)
    assert await status(admin, phone) == "active"
    assert len(carrier.engine["numbers"]) == 1


async def test_s2_51_what_is_left_by_a_process_is_done_by_the_next(
    admin: Client, carrier: Carrier, services: Services, store: Store, engine: Engine, clock: Clock,
    providers: Providers,
) -> None:  # fmt: skip
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    carrier.fail("/v1/convai", "silence", "silence", "silence")
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).status == 202
    await services.provisioning.close()
    carrier.faults.clear()
    again = build(store, engine, clock, providers=providers)
    await again.load()
    await again.provisioning._begin_due()
    await idle(again)
    assert again.state.catalogue.numbers[phone.partition("_")[2]].state == "active"


async def test_a_number_that_is_moved_while_its_engine_is_told_is_not_done(
    admin: Client, carrier: Carrier, services: Services
) -> None:
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    other = await trunk_of(admin, {**WITH_KEY, "name": "Another", "config": {"server": "sip.eu.example.com"}})
    carrier.fail("POST /v1/convai", "held")
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).status == 202
    moved = await admin.patch(f"/v1/phone-numbers/{phone}", {"trunk_id": other})
    assert (moved.status, moved.json["status"]) == (200, "provisioning")
    carrier.go_on.set()
    await idle(services)
    shown = (await admin.get(f"/v1/phone-numbers/{phone}")).json
    assert (shown["trunk_id"], shown["status"]) == (other, "provisioning")
    again = await admin.post(f"/v1/phone-numbers/{phone}/provision")
    assert (again.status, again.json["status"]) == (200, "active")


async def test_r24_a_refusal_is_final_until_somebody_asks_again(admin: Client, carrier: Carrier) -> None:
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    carrier.fail("POST /v1/convai", "422")
    answer = await admin.post(f"/v1/phone-numbers/{phone}/provision")
    assert code(answer) == (500, "provisioning_failed")
    assert "answered 422" in answer.json["error"]["message"]
    assert await status(admin, phone) == "failed"
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).status == 200
    assert await status(admin, phone) == "active"


async def test_r24_without_a_key_it_is_a_check_over_sip(admin: Client, engine: Engine, carrier: Carrier) -> None:
    phone = await imported(admin, await trunk_of(admin, ELEVENLABS))
    engine.tried = TrunkTrial(status="auth_failed", latency=0.1, registration="failed", detail="403 Forbidden")
    answer = await admin.post(f"/v1/phone-numbers/{phone}/provision")
    assert code(answer) == (500, "provisioning_failed")
    assert "403 Forbidden" in answer.json["error"]["message"]
    engine.tried = TrunkTrial(status="reachable", latency=0.1, registration="verified")
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).json["status"] == "active"
    assert carrier.asked == []


async def test_s2_15_an_openai_project_is_provisioned_as_a_whole(admin: Client, carrier: Carrier) -> None:
    trunk = await trunk_of(admin, GOOD_OPENAI)
    first = await imported(admin, trunk)
    assert await status(admin, first) == "provisioning"
    assert code(await admin.post(f"/v1/phone-numbers/{first}/provision")) == (400, "provisioning_not_supported")
    answer = await admin.post(f"/v1/sip/trunks/{trunk}/provision")
    assert answer.json == {"success": True, "status": "provisioned", "provisioned_at": "2024-01-15T10:30:00Z"}
    assert await status(admin, first) == "active"
    assert await status(admin, await imported(admin, trunk, "+12125551235")) == "active"


async def test_r14_credentials_that_openai_refuses(admin: Client) -> None:
    trunk = await trunk_of(admin, OPENAI)
    phone = await imported(admin, trunk)
    assert code(await admin.post(f"/v1/sip/trunks/{trunk}/provision")) == (400, "invalid_credentials")
    assert await status(admin, phone) == "provisioning"


async def test_s2_15_other_trunks_are_not(admin: Client, trunk: str) -> None:
    for each in (trunk, await trunk_of(admin, ELEVENLABS)):
        answer = await admin.post(f"/v1/sip/trunks/{each}/provision")
        assert code(answer) == (400, "provisioning_not_supported")


async def test_s2_16_all_numbers_are_told_of_anew_after_credentials_changed(admin: Client, carrier: Carrier) -> None:
    trunk = await trunk_of(admin, WITH_KEY)
    phones = [await imported(admin, trunk, f"+1212555120{place}") for place in range(5)]
    for phone in phones:
        await admin.post(f"/v1/phone-numbers/{phone}/provision")
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"credentials": {"password": "another"}})
    assert (await admin.get(f"/v1/phone-numbers/{phones[0]}")).json["reprovision_required"] is True
    answer = await admin.post(f"/v1/sip/trunks/{trunk}/reprovision-all")
    assert answer.json == {"success": True, "total_numbers": 5, "provisioned": 5, "failed": 0}
    told = carrier.engine["numbers"].values()
    assert {each["inbound_trunk_config"]["credentials"]["password"] for each in told} == {"another"}
    assert len(told) == 5
    assert (await admin.get(f"/v1/phone-numbers/{phones[0]}")).json["reprovision_required"] is False
    carrier.fail("PATCH /v1/convai/phone-numbers/phnum_2", "422")
    answer = await admin.post(f"/v1/sip/trunks/{trunk}/reprovision-all")
    assert answer.json == {"success": False, "total_numbers": 5, "provisioned": 4, "failed": 1}
    # A number that works goes on working as the engine knows it.
    assert [await status(admin, phone) for phone in phones] == ["active"] * 5


async def test_s2_51_provisioning_is_told_to_webhooks_once(admin: Client) -> None:
    hook = {"url": "https://example.com/hook", "events": ["number.provisioned"], "secret": "whisper"}
    webhook = (await admin.post("/v1/webhooks", hook)).json["id"]
    phone = await imported(admin, await trunk_of(admin, WITH_KEY))
    for _ in range(2):
        await admin.post(f"/v1/phone-numbers/{phone}/provision")
    [sent] = (await admin.get(f"/v1/webhooks/{webhook}/deliveries")).json["data"]
    assert (sent["event"], sent["payload"]["data"]["phone_number_id"]) == ("number.provisioned", phone)


async def test_s2_50_the_sandboxes_three_numbers(
    client: Keys, organization: str, carrier: Carrier, services: Services
) -> None:
    tester = await client(organization, live=False)
    credentials = {"username": "test_user", "password": "test_pass"}
    trunk = await trunk_of(tester, {**ELEVENLABS, "credentials": credentials})
    good, bad, slow = [await imported(tester, trunk, f"+1555555123{last}") for last in "456"]
    assert (await tester.post(f"/v1/phone-numbers/{good}/provision")).json["status"] == "active"
    assert code(await tester.post(f"/v1/phone-numbers/{bad}/provision")) == (500, "provisioning_failed")
    answer = await tester.post(f"/v1/phone-numbers/{slow}/provision")
    assert (answer.status, answer.json["success"], answer.json["status"]) == (202, False, "provisioning")
    await idle(services)
    assert [await status(tester, phone) for phone in (good, bad, slow)] == ["active", "failed", "active"]
    assert carrier.asked == []


async def test_s2_50_the_sandboxes_account_has_a_password(client: Keys, organization: str) -> None:
    tester = await client(organization, live=False)
    trunk = await trunk_of(tester, {**ELEVENLABS, "credentials": {"username": "test_user", "password": "wrong"}})
    phone = await imported(tester, trunk, "+15555551234")
    assert code(await tester.post(f"/v1/phone-numbers/{phone}/provision")) == (500, "provisioning_failed")
    await tester.patch(f"/v1/sip/trunks/{trunk}", {"credentials": {"password": "test_pass"}})
    assert (await tester.post(f"/v1/phone-numbers/{phone}/provision")).json["status"] == "active"


async def test_s2_37_a_webhook_is_made_as_the_document_shows(admin: Client) -> None:
    hook = {
        "url": "https://your-app.com/webhooks/voxpria",
        "events": ["call.started", "call.ended"],
        "secret": "your_webhook_secret",
    }
    answer = await admin.post("/v1/webhooks", hook)
    assert answer.status == 201
    made = answer.json
    assert made["id"].startswith("webhook_")
    assert (made["url"], made["events"], made["status"]) == (hook["url"], hook["events"], "active")
    assert b"your_webhook_secret" not in answer.raw
    assert code(await admin.post("/v1/webhooks", {**hook, "events": ["call.rang"]}))[0] == 400
    for field in hook:
        lacking = {name: value for name, value in hook.items() if name != field}
        assert code(await admin.post("/v1/webhooks", lacking)) == (400, "missing_required_field")
    path = f"/v1/webhooks/{made['id']}"
    disabled = (await admin.patch(path, {"status": "disabled"})).json
    assert disabled["status"] == "disabled"
    assert (await admin.get("/v1/webhooks")).json["data"] == [disabled]
    assert (await admin.delete(path)).json["success"] is True
    assert code(await admin.get(path)) == (404, "webhook_not_found")


async def test_a_delivery_is_shown_and_sent_again(admin: Client, trunk: str) -> None:
    hook = {"url": "https://example.com/hook", "events": ["trunk.updated"], "secret": "whisper"}
    webhook = (await admin.post("/v1/webhooks", hook)).json["id"]
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"name": "Renamed"})
    listed = (await admin.get(f"/v1/webhooks/{webhook}/deliveries?event=trunk.updated&status=pending")).json
    [sent] = listed["data"]
    assert msgspec.json.encode(sent["payload"]).startswith(b'{"event":"trunk.updated"')
    again = await admin.post(f"/v1/webhooks/{webhook}/deliveries/{sent['id']}/replay")
    assert (again.status, again.json["status"]) == (200, "pending")
    assert code(await admin.post(f"/v1/webhooks/{webhook}/deliveries/delivery_999/replay")) == (
        404,
        "delivery_not_found",
    )
