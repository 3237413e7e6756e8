"""The telephony surface, requirement by requirement, with the examples of its document in their order."""

from __future__ import annotations

import re
from datetime import date
from itertools import count
from typing import Any

import pytest

from tests.api.conftest import Client, Clock, Engine, Keys, status
from tests.store.samples import call
from trunkline.control.calls.usage import Period, cost, months_touched
from trunkline.control.ports import Health, TrunkTrial
from trunkline.control.services import Services
from trunkline.providers.values import Endpoint, Rates
from trunkline.store.store import Store

BASE = "/api/v1/telephony"
PBX: dict[str, Any] = {
    "name": "Acme Corporate PBX",
    "sipUri": "sip:trunk.acme.com:5060",
    "username": "trunk_user",
    "password": "s3cur3p@ssw0rd",
    "transport": "TLS",
    "codecs": ["PCMU", "PCMA", "G722"],
    "maxConcurrentCalls": 50,
}
LINE = {"phoneNumber": "+14155550100", "provider": "twilio", "friendlyName": "Acme Support Line"}


@pytest.fixture
async def test(client: Keys, organization: str) -> Client:
    """A test key: the sandbox answers as every provider."""
    return await client(organization, live=False)


@pytest.fixture
async def number(test: Client) -> str:
    return str((await test.post(f"{BASE}/numbers", LINE)).json["id"])


async def test_s1_01_a_key_is_needed(anybody: Client) -> None:
    for path in ("/numbers", "/sip-trunks", "/numbers/search"):
        assert (await anybody.get(BASE + path)).status == 401


async def test_s1_02_03_the_search_of_the_document(test: Client) -> None:
    answer = await test.get(f"{BASE}/numbers/search?country=US&areaCode=415&capabilities=voice,sms&limit=5")
    assert answer.status == 200, answer.raw
    found = answer.json["numbers"]
    assert 1 <= len(found) <= 5
    assert found[0] == {
        "phoneNumber": "+14155550100",
        "country": "US",
        "region": "California",
        "locality": "San Francisco",
        "provider": "twilio",
        "capabilities": ["voice", "sms"],
        "tollFree": False,
        "monthlyCostUsd": 1.15,
    }


async def test_s1_04_what_cannot_be_is_400_and_not_clamped(test: Client) -> None:
    for query, field in (
        ("limit=51", "limit"),
        ("limit=0", "limit"),
        ("country=XX", "country"),
        ("country=USA", "country"),
        ("provider=acme", "provider"),
        ("capabilities=voice,fax", "capabilities"),
        ("areaCode=41a", "areaCode"),
    ):
        answer = await test.get(f"{BASE}/numbers/search?{query}")
        assert (answer.status, answer.details["field"]) == (400, field), query
    assert (await test.get(f"{BASE}/numbers/search?colour=red")).code == "unknown_field"


async def test_r25_nothing_is_connected(admin: Client) -> None:
    assert (await admin.get(f"{BASE}/numbers/search")).json == {"numbers": []}
    for answer in (
        await admin.get(f"{BASE}/numbers/search?provider=twilio"),
        await admin.post(f"{BASE}/numbers", LINE),
        await admin.get(f"{BASE}/numbers/pricing"),
    ):
        assert (answer.status, answer.code) == (400, "provider_not_connected")


async def test_s1_05_r22_literals_are_never_ids(test: Client) -> None:
    assert "numbers" in (await test.get(f"{BASE}/numbers/search")).json
    assert "localNumber" in (await test.get(f"{BASE}/numbers/pricing/")).json
    assert (await test.delete(f"{BASE}/numbers/search")).status == 405


async def test_s1_06_07_a_number_is_bought_and_kept(test: Client) -> None:
    answer = await test.post(f"{BASE}/numbers", LINE)
    assert answer.status == 201, answer.raw
    made = answer.json
    assert re.fullmatch(r"num_[0-9a-z]{26}", made["id"])
    assert made == made | {
        "phoneNumber": "+14155550100",
        "friendlyName": "Acme Support Line",
        "country": "US",
        "provider": "twilio",
        "capabilities": ["voice", "sms"],
        "assignedAgentId": None,
        "status": "active",
        "monthlyCostUsd": 1.15,
        "provisionedAt": "2024-01-15T10:30:00Z",
    }
    again = await test.post(f"{BASE}/numbers", LINE)
    assert (again.status, again.code) == (409, "phone_number_exists")


async def test_s1_07_what_the_provider_does_not_sell_is_not_kept(test: Client) -> None:
    answer = await test.post(f"{BASE}/numbers", {**LINE, "phoneNumber": "+15555551235"})
    assert (answer.status, answer.code) == (502, "provider_failed")
    assert (await test.get(f"{BASE}/numbers")).json["total"] == 0


async def test_s1_08_the_list_joins_the_agents_name(test: Client, number: str) -> None:
    agent = (await test.post("/v1/agents", {"name": "Aria", "kind": "echo"})).json["id"]
    await test.post(f"{BASE}/numbers/{number}/assign/{agent}")
    listed = (await test.get(f"{BASE}/numbers")).json
    assert {key: listed[key] for key in ("page", "pageSize", "total", "totalPages")} == {
        "page": 1,
        "pageSize": 20,
        "total": 1,
        "totalPages": 1,
    }
    (item,) = listed["data"]
    assert (item["assignedAgentId"], item["assignedAgentName"]) == (agent.replace("agent_", "agt_"), "Aria")
    for query in ("page=0", "pageSize=101", "perPage=1"):
        assert (await test.get(f"{BASE}/numbers?{query}")).status == 400


async def test_s1_09_10_assignment_is_obeyed_by_the_next_invite(
    admin: Client, trunk: str, echo: str, engine: Engine
) -> None:
    made = await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk})
    number = made.json["id"].replace("phone_", "num_")
    assert status(engine, "+12125551234") == 480
    assigned = await admin.post(f"{BASE}/numbers/{number}/assign/{echo.replace('agent_', 'agt_')}")
    assert assigned.status == 200, assigned.raw
    assert assigned.json["assignedAgentName"] == "Echo"
    assert status(engine, "+12125551234") is None
    unassigned = await admin.post(f"{BASE}/numbers/{number}/unassign")
    assert unassigned.json["assignedAgentId"] is None
    assert status(engine, "+12125551234") == 480
    nobody = "agt_01hm6jv4qg0000000000000000"
    assert (await admin.post(f"{BASE}/numbers/{number}/assign/{nobody}")).code == "agent_not_found"
    assert (await admin.post(f"{BASE}/numbers/num_x/assign/{echo}")).code == "phone_not_found"


async def test_s1_11_released_at_the_provider_and_gone(test: Client, number: str, clock: Clock) -> None:
    clock.pass_(1)
    answer = await test.delete(f"{BASE}/numbers/{number}")
    assert (answer.status, answer.json["id"], answer.json["deleted"]) == (200, number, True)
    assert (await test.get(f"{BASE}/numbers/{number}")).code == "phone_not_found"
    entry = (await test.get("/v1/audit?resource=phone_number")).json["data"][0]
    assert (entry["action"], entry["note"]) == ("delete", "released at twilio")
    assert (await test.post(f"{BASE}/numbers", LINE)).status == 201


async def test_s1_12_billing_stops_at_the_next_cycle_and_nothing_is_prorated(
    test: Client, number: str, services: Services, clock: Clock
) -> None:
    whole = (await test.get(f"{BASE}/numbers/{number}/stats")).json["totalCostUsd"]
    clock.pass_(3 * 86_400)
    assert (await test.get(f"{BASE}/numbers/{number}/stats")).json["totalCostUsd"] == whole == 1.15
    answer = await test.delete(f"{BASE}/numbers/{number}")
    assert answer.json == {
        "id": number,
        "deleted": True,
        "message": "Released at twilio: monthly billing stops at its next billing cycle.",
    }


async def test_s1_02_a_prefix_of_any_length(test: Client) -> None:
    for area, expected in (("415", "+14155550100"), ("4155550", "+14155550100"), ("4155550123", "+14155550123")):
        found = (await test.get(f"{BASE}/numbers/search?areaCode={area}&provider=twilio")).json["numbers"]
        assert found[0]["phoneNumber"] == expected
        assert all(each["phoneNumber"].startswith(f"+1{area}") for each in found)


async def test_s1_06_r8_a_number_that_is_none(test: Client) -> None:
    answer = await test.post(f"{BASE}/numbers", {**LINE, "phoneNumber": "2125551234"})
    assert (answer.status, answer.code) == (400, "invalid_phone_number")
    assert answer.json["error"]["message"] == "Phone number must be in E.164 format"
    assert answer.details == {"field": "phoneNumber", "provided": "2125551234"}


async def test_r4_without_an_account_it_says_so(
    admin: Client, trunk: str, engine: Engine, echo: str, clock: Clock
) -> None:
    wanted = {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo}
    made = (await admin.post("/v1/phone-numbers/import", wanted)).json["id"]
    assert status(engine, "+12125551234") is None
    clock.pass_(1)
    answer = await admin.delete(f"{BASE}/numbers/{made}")
    assert answer.json["message"] == "not released at provider"
    assert status(engine, "+12125551234") == 404
    entry = (await admin.get("/v1/audit?resource=phone_number")).json["data"][0]
    assert entry["note"] == "not released at provider"


async def test_s1_13_14_r18_the_documents_own_sum(
    test: Client, number: str, services: Services, store: Store, clock: Clock
) -> None:
    """842 calls in, 298 out, 4812 minutes, of which 1325 came in: 1.15 + 1325 × 0.0085 + 3487 × 0.013 = 57.74."""
    sandbox = next(each for each in services.state.catalogue.organizations.values() if each.sandbox_of)
    at = clock.wall
    each = count(1000)
    calls = [
        call(
            next(each),
            organization_id=sandbox.id,
            direction=direction,
            phone_number="+14155550100",
            started_at=at,
            answered_at=at,
            ended_at=at + 60 * minutes - 1,
        )
        for direction, calls_made, total in (("inbound", 842, 1325), ("outbound", 298, 3487))
        for minutes in _spread(calls_made, total)
    ]
    async with store.write() as unit:
        await unit.calls.write(calls)
    answer = await test.get(f"{BASE}/numbers/{number}/stats?dateFrom=2024-01-01&dateTo=2024-01-31")
    assert answer.json == {
        "numberId": number,
        "phoneNumber": "+14155550100",
        "period": {"from": "2024-01-01", "to": "2024-01-31"},
        "inboundCalls": 842,
        "outboundCalls": 298,
        "totalMinutes": 4812,
        "totalCostUsd": 57.74,
    }
    before = await test.get(f"{BASE}/numbers/{number}/stats?dateFrom=2023-12-01&dateTo=2023-12-31")
    assert (before.json["totalMinutes"], before.json["totalCostUsd"]) == (0, 0.0)
    now = (await test.get(f"{BASE}/numbers/{number}/stats")).json
    assert now["period"] == {"from": "2024-01-01", "to": "2024-01-15"}
    for query in ("dateFrom=2024-02-30", "dateFrom=2024-1-1", "dateFrom=2024-02-01&dateTo=2024-01-01"):
        assert (await test.get(f"{BASE}/numbers/{number}/stats?{query}")).status == 400


def _spread(calls: int, total: int) -> list[int]:
    """So many calls that take `total` minutes."""
    return [1] * (calls - 1) + [total - calls + 1]


def test_r18_months_and_unknown_prices() -> None:
    assert months_touched(Period(date(2024, 1, 31), date(2024, 3, 1))) == 3
    assert months_touched(Period(date(2024, 1, 2), date(2024, 1, 1))) == 0
    assert cost(Rates(), 0, 0, 0) == 0.0
    assert cost(Rates(monthly=1.0), 1, 5, 0) is None
    assert cost(Rates(monthly=1.0, inbound_minute=0.005), 1, 1, 0) == 1.01


async def test_s1_15_pricing(test: Client) -> None:
    answer = await test.get(f"{BASE}/numbers/pricing?country=US&provider=twilio&tollFree=false")
    assert answer.json == {
        "country": "US",
        "provider": "twilio",
        "localNumber": {"monthlyCostUsd": 1.15, "inboundMinuteCostUsd": 0.0085, "outboundMinuteCostUsd": 0.013},
        "tollFreeNumber": {"monthlyCostUsd": 2.15, "inboundMinuteCostUsd": 0.022, "outboundMinuteCostUsd": 0.013},
    }


async def test_s1_16_17_19_the_trunk_of_the_document(admin: Client, engine: Engine) -> None:
    engine.endpoints = (Endpoint(host="edge.example.com", port=5061, transport="tls"),)
    answer = await admin.post(f"{BASE}/sip-trunks", PBX)
    assert answer.status == 201, answer.raw
    made = answer.json
    assert re.fullmatch(r"sip_[0-9a-z]{26}", made["id"])
    assert made == {
        "id": made["id"],
        "name": "Acme Corporate PBX",
        "sipUri": "sip:trunk.acme.com:5060",
        "transport": "TLS",
        "status": "pending_verification",
        "maxConcurrentCalls": 50,
        "codecs": ["PCMU", "PCMA", "G722"],
        "trunklineSipEndpoint": "sip:edge.example.com:5061;transport=tls",
        "createdAt": "2024-01-15T10:30:00Z",
    }
    assert b"s3cur3p@ssw0rd" not in answer.raw
    assert b"trunk_user" not in answer.raw
    put = engine.table.trunks[made["id"].removeprefix("sip_")]
    assert (put.host, put.port, put.transport, put.max_concurrent_calls) == ("trunk.acme.com", 5060, "tls", 50)
    assert put.codecs == ("PCMU", "PCMA", "G722")
    assert put.username == "trunk_user"


async def test_s1_16_r13_what_a_trunk_cannot_be(admin: Client) -> None:
    for change, field in (
        ({"sipUri": "trunk.acme.com"}, "sipUri"),
        ({"sipUri": "sip:someone@trunk.acme.com"}, "sipUri"),
        ({"sipUri": "sip:trunk.acme.com:70000"}, "sipUri"),
        ({"transport": "SCTP"}, "transport"),
        ({"codecs": ["OPUS"]}, "codecs[0]"),
        ({"maxConcurrentCalls": 0}, "maxConcurrentCalls"),
        ({"password": ""}, "password"),
    ):
        answer = await admin.post(f"{BASE}/sip-trunks", {**PBX, **change})
        assert (answer.status, answer.details["field"]) == (400, field), change
    lower = await admin.post(f"{BASE}/sip-trunks", {**PBX, "transport": "tcp", "codecs": ["pcma"]})
    assert (lower.json["transport"], lower.json["codecs"]) == ("TCP", ["PCMA"])
    assert (await admin.post(f"{BASE}/sip-trunks", PBX)).code == "trunk_name_exists"


async def test_s1_22_status_follows_what_was_found_out(admin: Client, engine: Engine, clock: Clock) -> None:
    made = (await admin.post(f"{BASE}/sip-trunks", PBX)).json["id"]
    path = f"{BASE}/sip-trunks/{made}"
    await admin.post(f"{path}/test")
    assert (await admin.get(path)).json["status"] == "active"
    clock.pass_(10)
    engine.tried = TrunkTrial(status="auth_failed", latency=0.1, registration="failed", detail="401")
    await admin.post(f"{path}/test")
    assert (await admin.get(path)).json["status"] == "failed"
    engine.health[made.removeprefix("sip_")] = Health(state="reachable", since=clock.wall + 1)
    assert (await admin.get(path)).json["status"] == "active"


async def test_s1_23_24_25_list_patch_delete(admin: Client, engine: Engine) -> None:
    made = (await admin.post(f"{BASE}/sip-trunks", PBX)).json
    listed = (await admin.get(f"{BASE}/sip-trunks")).json
    assert (listed["data"], listed["total"], listed["totalPages"]) == ([made], 1, 1)
    path = f"{BASE}/sip-trunks/{made['id']}"
    changed = await admin.patch(path, {"maxConcurrentCalls": 5, "sipUri": "sips:pbx.acme.com"})
    assert changed.json == made | {"maxConcurrentCalls": 5, "sipUri": "sip:pbx.acme.com"}
    assert engine.table.trunks[made["id"].removeprefix("sip_")].max_concurrent_calls == 5
    wanted = {"phone_number": "+12125551234", "trunk_id": made["id"]}
    assert (await admin.post("/v1/phone-numbers/import", wanted)).status == 201
    refused = await admin.delete(path)
    assert (refused.status, refused.code) == (409, "trunk_has_active_numbers")
    assert refused.details["phone_numbers"] == ["+12125551234"]
    assert (await admin.delete(f"{path}?cascade=true")).json == {"id": made["id"], "deleted": True}
    assert (await admin.get(path)).code == "trunk_not_found"


async def test_s1_26_the_test_of_the_document(admin: Client, engine: Engine) -> None:
    made = (await admin.post(f"{BASE}/sip-trunks", PBX)).json["id"]
    assert (await admin.post(f"{BASE}/sip-trunks/{made}/test")).json == {
        "trunkId": made,
        "status": "reachable",
        "latencyMs": 42,
        "testedAt": "2024-01-15T10:30:00Z",
        "registration": "verified",
        "error": None,
    }
    engine.tried = TrunkTrial(status="unreachable", latency=None, registration="skipped", detail="no answer")
    failed = await admin.post(f"{BASE}/sip-trunks/{made}/test")
    assert (failed.status, failed.json["status"], failed.json["error"]) == (200, "unreachable", "no answer")
    engine.gone = True
    assert (await admin.post(f"{BASE}/sip-trunks/{made}/test")).code == "engine_unavailable"


async def test_r21_a_test_keys_trunk_is_tried_in_the_sandbox(test: Client, engine: Engine) -> None:
    engine.gone = True
    made = (await test.post(f"{BASE}/sip-trunks", {**PBX, "username": "test_user", "password": "test_pass"})).json
    tried = (await test.post(f"{BASE}/sip-trunks/{made['id']}/test")).json
    assert (tried["status"], tried["registration"]) == ("reachable", "verified")


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("test_user", "test_pass", ("reachable", "verified")),
        ("test_user", "wrong", ("auth_failed", "failed")),
        ("voisnap_trunk_user", "s3cur3p@ssw0rd", ("reachable", "verified")),
        ("voisnap_trunk_user", "invalid", ("auth_failed", "failed")),
    ],
)
async def test_s2_50_r21_the_sandboxes_peer_knows_its_account(
    test: Client, username: str, password: str, expected: tuple[str, str]
) -> None:
    made = (await test.post(f"{BASE}/sip-trunks", {**PBX, "username": username, "password": password})).json
    tried = (await test.post(f"{BASE}/sip-trunks/{made['id']}/test")).json
    assert (tried["status"], tried["registration"]) == expected


async def test_s1_27_r1_any_prefix_of_the_same_resource_is_read(admin: Client, trunk: str) -> None:
    bare = trunk.removeprefix("trunk_")
    for id in (bare, f"sip_{bare}", f"trunk_{bare}"):
        assert (await admin.get(f"{BASE}/sip-trunks/{id}")).status == 200
        assert (await admin.get(f"/v1/sip/trunks/{id}")).status == 200
    for id in (f"num_{bare}", "sip_x", "x"):
        assert (await admin.get(f"{BASE}/sip-trunks/{id}")).code == "trunk_not_found"
