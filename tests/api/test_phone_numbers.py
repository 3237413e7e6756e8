"""`/v1/phone-numbers`, requirement by requirement."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import ELEVENLABS, GENERIC, OPENAI, Client, Clock, Engine, Keys
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.call import CallRecord
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores

NUMBER = "+12125551234"


async def imported(client: Client, trunk: str, number: str = NUMBER, **more: Any) -> str:
    answer = await client.post("/v1/phone-numbers/import", {"phone_number": number, "trunk_id": trunk, **more})
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


async def test_s2_17_list(admin: Client, trunk: str, echo: str) -> None:
    id = await imported(admin, trunk, agent_id=echo)
    answer = await admin.get("/v1/phone-numbers")
    assert answer.json == {
        "data": [
            {
                "id": id,
                "number": NUMBER,
                "trunk_id": trunk,
                "engine": None,
                "status": "active",
                "agent_id": echo,
                "capabilities": {"inbound": True, "outbound": True, "campaigns": True},
                "label": None,
                "voip_connection_id": None,
                "created_at": "2024-01-15T10:30:00Z",
            }
        ],
        "pagination": {"page": 1, "per_page": 20, "total": 1},
    }
    assert id.startswith("phone_")


async def test_s2_18_filters(admin: Client, trunk: str) -> None:
    eleven = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    openai = (await admin.post("/v1/sip/trunks", OPENAI)).json["id"]
    first = await imported(admin, trunk, "+12125550001")
    await imported(admin, trunk, "+12125550002")
    await imported(admin, eleven, "+12125550003")
    await imported(admin, openai, "+12125550004")
    await admin.patch(f"/v1/phone-numbers/{first}", {"status": "inactive"})

    async def found(query: str) -> list[str]:
        answer = await admin.get(f"/v1/phone-numbers?{query}")
        assert answer.json["pagination"]["total"] >= len(answer.json["data"])
        return [item["number"][-1] for item in answer.json["data"]]

    assert await found(f"trunk_id={trunk}") == ["1", "2"]
    assert await found(f"trunk_id={trunk}&status=active") == ["2"]
    assert await found("status=inactive") == ["1"]
    assert await found("status=provisioning") == ["3", "4"]
    assert await found("engine=elevenlabs") == ["3"]
    assert await found("engine=openai&status=active") == []
    assert await found("per_page=2&page=2") == ["3", "4"]
    assert await found("trunk_id=trunk_01hm6jv4qg0000000000000000") == []


@pytest.mark.parametrize("query", ["status=free", "status=null", "engine=acme", "page=0", "per_page=101", "agent=x"])
async def test_r2_unknown_filters_are_400(admin: Client, query: str) -> None:
    answer = await admin.get(f"/v1/phone-numbers?{query}")
    assert (answer.status, answer.details["field"]) == (400, query.partition("=")[0])


async def test_s2_19_20_the_documents_import(admin: Client) -> None:
    trunk = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    body = {
        "phone_number": NUMBER,
        "trunk_id": trunk,
        "engine": "elevenlabs",
        "agent_id": "agent_def456",
        "config": {"first_message": "Hello! How can I help you today?", "max_duration": 3600, "language": "en-US"},
    }
    answer = await admin.post("/v1/phone-numbers/import", body)
    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "number": NUMBER,
        "trunk_id": trunk,
        "engine": "elevenlabs",
        "status": "provisioning",
        "agent_id": "agent_def456",
        "created_at": "2024-01-15T10:30:00Z",
    }
    detail = (await admin.get(f"/v1/phone-numbers/{answer.json['id']}")).json
    assert (detail["config"], detail["agent_id"]) == (body["config"], "agent_def456")


@pytest.mark.parametrize(
    "number", ["2125551234", "+0125551234", "+1212555123456789", "+1 212 555 1234", "", "+123456", NUMBER + "\n"]
)
async def test_s2_21_r23_only_e164(admin: Client, trunk: str, number: str) -> None:
    answer = await admin.post("/v1/phone-numbers/import", {"phone_number": number, "trunk_id": trunk})
    assert (answer.status, answer.code) == (400, "invalid_phone_number")
    assert answer.details == {"field": "phone_number", "provided": number}


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"phone_number": ...}, 400, "missing_required_field", "phone_number"),
        ({"trunk_id": ...}, 400, "missing_required_field", "trunk_id"),
        ({"trunk_id": "trunk_01hm6jv4qg0000000000000000"}, 404, "trunk_not_found", "trunk_id"),
        ({"agent_id": "agent_01hm6jv4qg0000000000000000"}, 404, "agent_not_found", "agent_id"),
        ({"agent_id": "agent_def456"}, 404, "agent_not_found", "agent_id"),
        ({"config": {"max_duration": 0}}, 400, "invalid_parameter", "config.max_duration"),
        ({"config": {"language": "english please"}}, 400, "invalid_parameter", "config.language"),
        ({"config": {"first_message": "Hello\r\nX-Evil: 1"}}, 400, "invalid_parameter", "config.first_message"),
        ({"inbound_pin": "12a4"}, 400, "invalid_parameter", "inbound_pin"),
        ({"metadata": {"bad name": "x"}}, 400, "invalid_parameter", "metadata"),
        ({"engine": "acme"}, 400, "invalid_parameter", "engine"),
        ({"agent": "x"}, 400, "unknown_field", "agent"),
    ],
)
async def test_a_field_that_cannot_be_is_named(
    admin: Client, trunk: str, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    body = {
        name: value for name, value in {"phone_number": NUMBER, "trunk_id": trunk, **change}.items() if value is not ...
    }
    answer = await admin.post("/v1/phone-numbers/import", body)
    assert (answer.status, answer.code, answer.details["field"]) == (status, code, field)
    assert b"12a4" not in answer.raw


async def test_an_engine_that_is_not_the_trunks_is_400(admin: Client) -> None:
    trunk = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    body = {"phone_number": NUMBER, "trunk_id": trunk, "engine": "openai"}
    answer = await admin.post("/v1/phone-numbers/import", body)
    assert (answer.status, answer.details["field"]) == (400, "engine")


async def test_s2_22_a_number_is_live_once_in_the_system(
    admin: Client, trunk: str, client: Keys, services: Services
) -> None:
    await imported(admin, trunk)
    again = await admin.post("/v1/phone-numbers/import", {"phone_number": NUMBER, "trunk_id": trunk})
    assert (again.status, again.code) == (409, "phone_number_exists")
    other = await client((await services.organizations.create("Other")).id)
    theirs = (await other.post("/v1/sip/trunks", GENERIC)).json["id"]
    refused = await other.post("/v1/phone-numbers/import", {"phone_number": NUMBER, "trunk_id": theirs})
    assert (refused.status, refused.code) == (409, "phone_number_exists")
    foreign = await other.post("/v1/phone-numbers/import", {"phone_number": "+12125559999", "trunk_id": trunk})
    assert (foreign.status, foreign.code) == (404, "trunk_not_found")


async def test_s2_22_of_ten_at_once_one_wins(admin: Client, trunk: str) -> None:
    body = {"phone_number": NUMBER, "trunk_id": trunk}
    answers = await asyncio.gather(*(admin.post("/v1/phone-numbers/import", body) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 9


async def test_s2_23_ten_imports_a_minute_and_what_fails_is_free(
    admin: Client, trunk: str, clock: Clock, client: Keys, organization: str
) -> None:
    first = await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125550000", "trunk_id": trunk})
    assert [first.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == [
        "10",
        "9",
        "1705314660",
    ]
    for digit in range(1, 10):
        duplicate = await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125550000", "trunk_id": trunk})
        assert duplicate.status == 409
        await imported(admin, trunk, f"+1212555000{digit}")
    colleague = await client(organization, "agent_manager")
    body = {"phone_number": "+12125550010", "trunk_id": trunk}
    refused = await admin.post("/v1/phone-numbers/import", body)
    for key in (admin, colleague):
        refused = await key.post("/v1/phone-numbers/import", body)
        assert (refused.status, refused.code) == (429, "import_limit_exceeded")
        assert refused.headers["X-RateLimit-Remaining"] == "0"
    reset = int(refused.headers["X-RateLimit-Reset"])
    assert 0 < reset - clock.wall <= 60
    assert int(refused.headers["Retry-After"]) >= reset - clock.wall
    clock.pass_(reset - clock.wall)
    assert (await admin.post("/v1/phone-numbers/import", body)).status == 201


async def test_s2_24_detail_with_stats(
    admin: Client, trunk: str, echo: str, store: Store, organization: str, clock: Clock
) -> None:
    id = await imported(admin, trunk, agent_id=echo)
    common: dict[str, Any] = {"organization_id": organization, "direction": "inbound", "phone_number": NUMBER}
    began = clock.wall
    calls = [
        CallRecord(
            id=ids.mint(began + n, bytes(10)),
            status="completed",
            started_at=began + n,
            answered_at=began + n + 1,
            ended_at=began + n + 1 + length,
            **common,
        )
        for n, length in ((10, 127.4), (20, 60.0))
    ]
    calls.append(
        CallRecord(
            id=ids.mint(began + 30, bytes(10)), status="failed", started_at=began + 30, ended_at=began + 31, **common
        )
    )
    async with store.write() as unit:
        await unit.calls.write(calls)
    detail = (await admin.get(f"/v1/phone-numbers/{id}")).json
    assert detail["stats"] == {"total_calls": 3, "total_minutes": 3.1, "last_call_at": "2024-01-15T10:30:30Z"}
    assert (detail["trunk_name"], detail["agent_name"]) == ("Carrier", "Echo")
    assert detail["capabilities"] == {"inbound": True, "outbound": True, "campaigns": True, "recordings": False}
    assert detail["config"] == {"first_message": None, "max_duration": None, "language": None}
    assert detail["updated_at"] == "2024-01-15T10:30:00Z"


async def test_s2_24_no_such_number(admin: Client) -> None:
    answer = await admin.get("/v1/phone-numbers/phone_abc123")
    assert (answer.status, answer.code) == (404, "phone_not_found")


async def test_s2_25_patch_is_partial_and_the_next_invite_obeys(
    admin: Client, trunk: str, echo: str, engine: Engine, clock: Clock
) -> None:
    id = await imported(admin, trunk, config={"first_message": "Hi", "max_duration": 60, "language": "en"})
    refused = engine.invite(NUMBER)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.cause) == (480, "no-agent")
    clock.pass_(9)
    body = {"agent_id": echo, "config": {"first_message": "Updated greeting message", "max_duration": 1800}}
    answer = await admin.patch(f"/v1/phone-numbers/{id}", body)
    assert answer.json == {
        "id": id,
        "number": NUMBER,
        "status": "active",
        "agent_id": echo,
        "updated_at": "2024-01-15T10:30:09Z",
    }
    admitted = engine.invite(NUMBER)
    assert isinstance(admitted, Admitted)
    assert admitted.number.config.first_message == "Updated greeting message"
    assert admitted.number.config.language == "en"
    await admin.patch(f"/v1/phone-numbers/{id}", {"agent_id": None})
    assert isinstance(engine.invite(NUMBER), Refused)


@pytest.mark.parametrize(
    ("change", "status", "cause"),
    [
        ({"status": "inactive"}, 480, "inactive"),
        ({"supports_inbound": False}, 403, "inbound-not-supported"),
        ({"inbound_pin": "1234"}, 480, "pin-unsupported"),
    ],
)
async def test_r5_r11_r20_what_a_number_says_is_what_an_invite_gets(
    admin: Client, trunk: str, echo: str, engine: Engine, change: dict[str, Any], status: int, cause: str
) -> None:
    id = await imported(admin, trunk, agent_id=echo)
    assert isinstance(engine.invite(NUMBER), Admitted)
    answer = await admin.patch(f"/v1/phone-numbers/{id}", change)
    assert answer.status == 200, answer.raw
    refused = engine.invite(NUMBER)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.cause) == (status, cause)


async def test_s2_27_delete(admin: Client, trunk: str, echo: str, engine: Engine) -> None:
    id = await imported(admin, trunk, agent_id=echo)
    answer = await admin.delete(f"/v1/phone-numbers/{id}")
    assert (answer.status, answer.json) == (200, {"success": True, "message": "Phone number deleted successfully"})
    refused = engine.invite(NUMBER)
    assert isinstance(refused, Refused)
    assert refused.status == 404
    assert (await admin.delete(f"/v1/phone-numbers/{id}")).code == "phone_not_found"
    await imported(admin, trunk)


async def test_r9_an_engines_own_agent_is_made_once_and_echoed(admin: Client) -> None:
    trunk = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    first = await imported(admin, trunk, "+12125550001", agent_id="agent_def456")
    await imported(admin, trunk, "+12125550002", agent_id="agent_def456")
    (agent,) = (await admin.get("/v1/agents")).json["data"]
    assert (agent["kind"], agent["external_id"], agent["trunk_id"]) == ("elevenlabs", "agent_def456", trunk)
    shown = (await admin.patch(f"/v1/phone-numbers/{first}", {"agent_id": agent["id"]})).json["agent_id"]
    assert shown == "agent_def456"


async def test_r22_import_is_no_id(admin: Client) -> None:
    answer = await admin.get("/v1/phone-numbers/import")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert (await admin.delete("/v1/phone-numbers/import")).status == 405


async def test_r22_both_slash_forms(admin: Client, trunk: str) -> None:
    id = await imported(admin, trunk)
    for path in ("/v1/phone-numbers/", "/v1/sip/trunks/", f"/v1/phone-numbers/{id}/"):
        assert (await admin.get(path)).status == 200
    assert (await admin.get("/v1/phone-numbers//")).status == 404


async def test_r24_states_on_import(admin: Client, trunk: str) -> None:
    eleven = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    openai = (await admin.post("/v1/sip/trunks", OPENAI)).json["id"]
    ends = {trunk: "active", eleven: "provisioning", openai: "provisioning"}
    made: list[str] = []
    for last, (on, status) in enumerate(ends.items()):
        made.append(await imported(admin, on, f"+1212555000{last}"))
        assert (await admin.get(f"/v1/phone-numbers/{made[-1]}")).json["status"] == status
    refused = await admin.patch(f"/v1/phone-numbers/{made[-1]}", {"status": "active"})
    assert (refused.status, refused.details["field"]) == (400, "status")


async def test_on_another_trunk_a_number_begins_as_imported(
    admin: Client, trunk: str, echo: str, engine: Engine
) -> None:
    eleven = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    path = f"/v1/phone-numbers/{await imported(admin, eleven, agent_id=echo)}"
    assert (await admin.patch(path, {"trunk_id": trunk})).json["status"] == "active"
    assert isinstance(engine.invite(NUMBER), Admitted)
    assert (await admin.patch(path, {"trunk_id": eleven})).json["status"] == "provisioning"
    await admin.patch(path, {"trunk_id": trunk})
    await admin.patch(path, {"status": "inactive"})
    assert (await admin.patch(path, {"trunk_id": eleven})).json["status"] == "inactive"
