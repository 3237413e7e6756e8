"""Bulk import (S2-29, S2-30, R12), with the example of its document."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ELEVENLABS, Client, Clock
from trunkline.control.services import Services
from trunkline.model.ids import mint
from trunkline.model.number import Number
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores

PATH = "/v1/phone-numbers/bulk-import"


async def example(admin: Client) -> dict[str, Any]:
    trunk = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    return {
        "trunk_id": trunk,
        "engine": "elevenlabs",
        "numbers": [
            {"phone_number": "+12125551234", "agent_id": "agent_def456"},
            {"phone_number": "+12125555678", "agent_id": "agent_def456"},
        ],
    }


async def test_s2_29_the_example(admin: Client) -> None:
    answer = await admin.post(PATH, await example(admin))
    assert answer.status == 201, answer.raw
    first, second = (each["id"] for each in answer.json["results"])
    assert answer.json == {
        "success": True,
        "imported": 2,
        "failed": 0,
        "results": [
            {"phone_number": "+12125551234", "status": "success", "id": first},
            {"phone_number": "+12125555678", "status": "success", "id": second},
        ],
    }
    assert (await admin.get(f"/v1/phone-numbers/{first}")).json["agent_id"] == "agent_def456"


async def test_s2_30_good_rows_are_kept_and_failed_ones_say_why(admin: Client) -> None:
    body = await example(admin)
    body["numbers"] += [{"phone_number": "2125551234"}, {"phone_number": "+12125551234"}]
    answer = await admin.post(PATH, body)
    assert (answer.status, answer.json["success"]) == (201, False)
    assert (answer.json["imported"], answer.json["failed"]) == (2, 2)
    codes = [each["error"]["code"] for each in answer.json["results"][2:]]
    assert codes == ["invalid_phone_number", "phone_number_exists"]
    # What failed spent nothing.
    assert answer.headers["X-RateLimit-Remaining"] == "8"


async def test_s2_30_r12_as_many_as_the_budget_allows(admin: Client, clock: Clock) -> None:
    body = await example(admin)
    body["numbers"] = [{"phone_number": f"+121255500{number:02d}"} for number in range(12)]
    answer = await admin.post(PATH, body)
    assert (answer.status, answer.json["imported"], answer.json["failed"]) == (201, 10, 2)
    last = answer.json["results"][-1]
    assert (last["status"], last["id"], last["error"]["code"]) == ("failed", None, "import_limit_exceeded")
    body["numbers"] = [{"phone_number": "+12125550099"}]
    refused = await admin.post(PATH, body)
    assert (refused.status, refused.code) == (429, "import_limit_exceeded")
    assert int(refused.headers["Retry-After"]) <= 60
    clock.pass_(60)
    assert (await admin.post(PATH, body)).status == 201


async def test_s2_29_a_trunk_that_is_not_there_fails_all(admin: Client) -> None:
    body = await example(admin)
    for change, status in (({"trunk_id": "trunk_x"}, 404), ({"engine": "openai"}, 400), ({"numbers": []}, 400)):
        assert (await admin.post(PATH, {**body, **change})).status == status


async def test_many_are_imported_in_few_transactions_and_each_alone_when_one_is_taken_elsewhere(
    admin: Client, services: Services, store: Store, organization: str
) -> None:
    services.numbers.imports.limit = 1000
    body = await example(admin)
    body["numbers"] = [{"phone_number": f"+1212555{number:04d}", "agent_id": "agent_new"} for number in range(150)]
    # Another process has one of them, which this one does not know of yet.
    there = Number(id=mint(1.0, bytes(10)), organization_id=organization, e164="+12125550007", created_at=1.0)
    async with store.write() as unit:
        await unit.numbers.insert_all([there])
    answer = await admin.post(PATH, body)
    assert (answer.status, answer.json["imported"], answer.json["failed"]) == (201, 149, 1)
    failed = [each for each in answer.json["results"] if each["status"] == "failed"]
    assert [(each["phone_number"], each["error"]["code"]) for each in failed] == [
        ("+12125550007", "phone_number_exists")
    ]
    assert services.numbers.budget(organization).remaining == 1000 - 149
    # One agent was made for the engine's id, however many name it.
    assert len([agent for agent in services.state.catalogue.agents.values() if agent.external_id == "agent_new"]) == 1
