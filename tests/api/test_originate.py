"""`POST /v1/calls`: an agent connected with a telephone, as far as the control plane goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Engine, Keys
from trunkline.api import app
from trunkline.api.native.progress import state
from trunkline.model.call import CallRecord, LegRecord

CALLING, TO = "+12125551234", "+13035550142"


@pytest.fixture
async def ready(admin: Client, echo: str, organization: str) -> dict[str, str]:
    """A carrier, a number on it, and an agent."""
    made = await admin.post(
        "/v1/sip/trunks", {"name": "Carrier", "provider": "generic", "config": {"server": "carrier.example.com"}}
    )
    assert made.status == 201, made.raw
    phone = await admin.post(
        "/v1/phone-numbers/import", {"phone_number": CALLING, "trunk_id": made.json["id"], "agent_id": echo}
    )
    assert phone.status == 201, phone.raw
    return {"trunk": made.json["id"], "phone": phone.json["id"], "agent": echo, "organization": f"org_{organization}"}


def body(ready: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"from": CALLING, "to": TO, "agent_id": ready["agent"], **fields}


async def test_r32_it_begins(admin: Client, engine: Engine, ready: dict[str, str]) -> None:
    answer = await admin.post("/v1/calls", body(ready, metadata={"campaign": "7"}, timeout=25))
    assert answer.status == 201, answer.raw
    call = answer.json
    assert call["id"].startswith("call_")
    assert (call["status"], call["state"], call["direction"]) == ("in-progress", "dialling", "outbound")
    assert (call["from"], call["to"], call["agent_id"]) == (CALLING, TO, ready["agent"])
    (placed,) = engine.placed
    assert (placed.timeout, placed.metadata) == (25.0, {"campaign": "7"})
    assert (await admin.get(f"/v1/calls/{call['id']}")).json == call
    (live,) = (await admin.get("/v1/calls/live")).json["data"]
    assert (live["id"], live["state"]) == (call["id"], "dialling")


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"from": "+12125550000"}, 404, "phone_not_found", "from"),
        ({"from": "2125551234"}, 400, "invalid_phone_number", "from"),
        ({"to": "911"}, 400, "invalid_phone_number", "to"),
        ({"to": "+442071234567"}, 403, "destination_not_allowed", "to"),
        ({"to": "+19005551234"}, 403, "destination_not_allowed", "to"),
        ({"agent_id": "agent_01hm6jv4qg0000000000000000"}, 404, "agent_not_found", "agent_id"),
        ({"timeout": 1}, 400, "invalid_parameter", "timeout"),
        ({"metadata": {"a b": "c"}}, 400, "invalid_parameter", "metadata"),
        ({"colour": "red"}, 400, "unknown_field", "colour"),
    ],
)
async def test_what_it_refuses(
    admin: Client, engine: Engine, ready: dict[str, str], fields: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = await admin.post("/v1/calls", body(ready, **fields))
    assert (answer.status, answer.code, answer.details["field"]) == (status, code, field)
    assert engine.placed == []


@pytest.mark.parametrize("change", [{"supports_outbound": False}, {"status": "inactive"}])
async def test_r32_a_number_that_cannot_call_out(admin: Client, ready: dict[str, str], change: dict[str, Any]) -> None:
    assert (await admin.patch(f"/v1/phone-numbers/{ready['phone']}", change)).status == 200
    answer = await admin.post("/v1/calls", body(ready))
    assert (answer.status, answer.code, answer.details["field"]) == (422, "number_not_voip_backed", "from")


async def test_r32_a_number_whose_trunk_takes_no_calls_out(admin: Client, ready: dict[str, str]) -> None:
    await admin.patch(f"/v1/sip/trunks/{ready['trunk']}", {"config": {"outbound": False}})
    answer = await admin.post("/v1/calls", body(ready))
    assert (answer.status, answer.code) == (422, "number_not_voip_backed")
    assert "outbound" in answer.json["error"]["message"]


async def test_an_agent_that_cannot_be_called(admin: Client, ready: dict[str, str]) -> None:
    bots = await admin.post(
        "/v1/sip/trunks", {"name": "Bots", "provider": "generic", "config": {"server": "bots.example.com"}}
    )
    made = await admin.post("/v1/agents", {"name": "Bot", "kind": "sip", "trunk_id": bots.json["id"]})
    assert made.status == 201, made.raw
    await admin.patch(f"/v1/sip/trunks/{bots.json['id']}", {"status": "inactive"})
    answer = await admin.post("/v1/calls", body(ready, agent_id=made.json["id"]))
    assert (answer.status, answer.code) == (409, "agent_unreachable")
    assert "Enable trunk Bots" in answer.json["error"]["message"]


async def test_a_limit_that_is_reached(client: Keys, admin: Client, ready: dict[str, str]) -> None:
    operator = await client(None, "operator")
    changed = await operator.patch(
        f"/v1/organizations/{ready['organization']}", {"outbound": {"concurrent_calls": 0, "allow": ["us", "+44"]}}
    )
    assert changed.status == 200, changed.raw
    assert changed.json["outbound"]["allow"] == ["US", "+44"]
    answer = await admin.post("/v1/calls", body(ready))
    assert (answer.status, answer.code) == (429, "outbound_limit_reached")
    assert "Retry-After" not in answer.headers, "the budget of requests is another"


@pytest.mark.parametrize("options", [app.Options(requests_per_hour=0)])
async def test_a_limit_that_is_reached_where_requests_have_none(
    client: Keys, admin: Client, ready: dict[str, str]
) -> None:
    operator = await client(None, "operator")
    await operator.patch(f"/v1/organizations/{ready['organization']}", {"outbound": {"concurrent_calls": 0}})
    answer = await admin.post("/v1/calls", body(ready))
    assert (answer.status, answer.code) == (429, "outbound_limit_reached")


async def test_without_an_engine_nothing_begins(admin: Client, engine: Engine, ready: dict[str, str]) -> None:
    engine.gone = True
    answer = await admin.post("/v1/calls", body(ready))
    assert (answer.status, answer.code) == (503, "engine_unavailable")


@pytest.mark.parametrize(
    ("outbound", "field"),
    [
        ({"allow": ["XX"]}, "outbound.allow"),
        ({"allow": ["44"]}, "outbound.allow"),
        ({"daily_limit": -1}, "outbound.daily_limit"),
        ({"max_duration": 0}, "outbound.max_duration"),
        ({"colour": 1}, "outbound.colour"),
    ],
)
async def test_rules_that_cannot_be(client: Keys, ready: dict[str, str], outbound: Any, field: str) -> None:
    operator = await client(None, "operator")
    answer = await operator.patch(f"/v1/organizations/{ready['organization']}", {"outbound": outbound})
    assert answer.status == 400
    assert answer.details["field"].startswith(field)


async def test_rules_are_changed_one_by_one_and_null_takes_a_limit_away(client: Keys, ready: dict[str, str]) -> None:
    operator = await client(None, "operator")
    path = f"/v1/organizations/{ready['organization']}"
    assert (await operator.get(path)).json["outbound"] == {
        "allow": [],
        "premium": False,
        "emergency": False,
        "calls_per_second": 2.0,
        "concurrent_calls": 20,
        "minute_price": 0.05,
        "daily_limit": 50.0,
        "max_duration": 7200,
    }
    await operator.patch(path, {"outbound": {"premium": True, "daily_limit": None}})
    changed = (await operator.patch(path, {"outbound": {"premium": None, "max_duration": 60}})).json["outbound"]
    assert (changed["premium"], changed["daily_limit"], changed["max_duration"]) == (False, None, 60)
    assert (await operator.patch(path, {"outbound": None})).json["outbound"]["daily_limit"] == 50.0


def test_how_far_a_call_has_come() -> None:
    call = CallRecord(id="c", organization_id="o", direction="outbound", status="in-progress", started_at=1.0)
    waiting = LegRecord(side="edge", started_at=1.0)
    reached = {"started_at": 1.0, "ringing_at": 2.0, "answered_at": 3.0}

    def how(**fields: Any) -> str:
        return state(CallRecord(**{**{name: getattr(call, name) for name in call.__struct_fields__}, **fields}))

    assert how() == "dialling"
    assert how(ringing_at=2.0) == "ringing"
    assert how(**reached, legs=(waiting,)) == "agent-ringing"
    assert how(**reached, legs=(LegRecord(side="edge", started_at=1.0, ended_at=4.0),)) == "answered"
    assert how(**reached, legs=(LegRecord(side="agent", started_at=1.0),)) == "answered"
    assert how(status="failed") == "ended"
