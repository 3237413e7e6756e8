"""Trunks that are changed and removed: what follows them, what holds them, and that the next call obeys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ELEVENLABS, GENERIC, Client, Clock, Engine, Keys
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted
from trunkline.control.ports import Health
from trunkline.control.services import Services
from trunkline.model import ids


async def test_s2_12_patch_merges_deeply(admin: Client, clock: Clock, services: Services) -> None:
    id = (await admin.post("/v1/sip/trunks", GENERIC)).json["id"]
    clock.pass_(5)
    body = {"name": "Updated Trunk Name", "credentials": {"password": "new_password"}, "config": {"transport": "TLS"}}
    answer = await admin.patch(f"/v1/sip/trunks/{id}", body)
    assert answer.status == 200
    assert answer.json == {
        "id": id,
        "name": "Updated Trunk Name",
        "provider": "generic",
        "status": "active",
        "updated_at": "2024-01-15T10:30:05Z",
    }
    trunk = services.state.catalogue.trunks[str(ids.bare(id))]
    assert (trunk.username, trunk.host, trunk.port, trunk.transport) == ("sip_username", "sip.example.com", 5060, "tls")
    assert trunk.password is not None
    assert trunk.password.reveal() == "new_password"


async def test_s2_12_null_puts_a_default_back(admin: Client) -> None:
    made = await admin.post(
        "/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], "codecs": ["g722"], "max_concurrent_calls": 3}}
    )
    path = f"/v1/sip/trunks/{made.json['id']}"
    await admin.patch(path, {"config": {"codecs": None, "max_concurrent_calls": None, "transport": None}})
    config = (await admin.get(path)).json["config"]
    assert (config["codecs"], config["max_concurrent_calls"], config["transport"]) == ([], None, "udp")
    assert config["server"] == "sip.example.com"


async def test_s2_13_changed_credentials_are_seen_to_ask_for_provisioning(admin: Client) -> None:
    id = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    phone = (await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": id})).json["id"]
    await admin.patch(f"/v1/sip/trunks/{id}", {"name": "Renamed"})
    assert (await admin.get(f"/v1/phone-numbers/{phone}")).json["reprovision_required"] is False
    await admin.patch(f"/v1/sip/trunks/{id}", {"credentials": {"password": "other"}})
    detail = (await admin.get(f"/v1/phone-numbers/{phone}")).json
    assert (detail["reprovision_required"], detail["status"]) == (True, "provisioning")
    assert (await admin.get(f"/v1/sip/trunks/{id}")).json["reprovision_required"] is True


async def test_s2_13_a_number_that_was_told_since_then_is_not_stale(
    client: Keys, organization: str, clock: Clock
) -> None:
    test = await client(organization, live=False)
    id = (await test.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    wanted = {"trunk_id": id, "agent_id": "agent_def456"}
    phones = [
        (await test.post("/v1/phone-numbers/import", {**wanted, "phone_number": number})).json["id"]
        for number in ("+12125551234", "+12125551237")
    ]
    clock.pass_(1)
    await test.patch(f"/v1/sip/trunks/{id}", {"credentials": {"password": "other"}})
    clock.pass_(1)
    later = await test.post("/v1/phone-numbers/import", {**wanted, "phone_number": "+12125551238"})
    assert (await test.post(f"/v1/phone-numbers/{phones[0]}/provision")).json["status"] == "active"
    stale = [
        (await test.get(f"/v1/phone-numbers/{each}")).json["reprovision_required"]
        for each in (*phones, later.json["id"])
    ]
    assert stale == [False, True, False]
    assert (await test.get(f"/v1/sip/trunks/{id}")).json["reprovision_required"] is True


async def test_s2_14_delete(admin: Client, trunk: str) -> None:
    answer = await admin.delete(f"/v1/sip/trunks/{trunk}")
    assert (answer.status, answer.json) == (200, {"success": True, "message": "Trunk deleted successfully"})
    assert (await admin.delete(f"/v1/sip/trunks/{trunk}")).code == "trunk_not_found"


async def test_r3_active_numbers_hold_their_trunk(admin: Client, trunk: str, engine: Engine) -> None:
    for digit in range(2):
        await admin.post("/v1/phone-numbers/import", {"phone_number": f"+1212555123{digit}", "trunk_id": trunk})
    refused = await admin.delete(f"/v1/sip/trunks/{trunk}")
    assert (refused.status, refused.code) == (409, "trunk_has_active_numbers")
    assert refused.details["phone_numbers"] == ["+12125551230", "+12125551231"]
    assert (await admin.get(f"/v1/sip/trunks/{trunk}")).status == 200
    assert (await admin.delete(f"/v1/sip/trunks/{trunk}?cascade=true")).status == 200
    assert (await admin.get("/v1/phone-numbers")).json["data"] == []
    assert engine.table.number("+12125551230") is None


async def test_r3_numbers_that_are_not_active_go_with_it(admin: Client) -> None:
    id = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    body = {"phone_number": "+12125551234", "trunk_id": id, "agent_id": "agent_def456"}
    assert (await admin.post("/v1/phone-numbers/import", body)).json["status"] == "provisioning"
    assert (await admin.delete(f"/v1/sip/trunks/{id}")).status == 200
    assert (await admin.get("/v1/phone-numbers")).json["data"] == []
    assert (await admin.get("/v1/agents")).json["data"] == []


async def test_agents_hold_the_trunk_that_reaches_them(admin: Client, trunk: str) -> None:
    id = (await admin.post("/v1/sip/trunks", GENERIC)).json["id"]
    agent = (await admin.post("/v1/agents", {"name": "PBX", "kind": "sip", "trunk_id": id})).json["id"]
    number = {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": agent}
    phone = (await admin.post("/v1/phone-numbers/import", number)).json["id"]
    refused = await admin.delete(f"/v1/sip/trunks/{id}")
    assert (refused.status, refused.code) == (409, "trunk_has_agents")
    assert refused.details["agents"] == [agent]
    assert (await admin.delete(f"/v1/sip/trunks/{id}?cascade=true")).status == 200
    assert (await admin.get(f"/v1/phone-numbers/{phone}")).json["agent_id"] is None


async def test_r6_only_the_admin_state_blocks_calls(admin: Client, trunk: str, echo: str, engine: Engine) -> None:
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo})
    engine.health[str(ids.bare(trunk))] = Health(state="unreachable")
    assert (await admin.get(f"/v1/sip/trunks/{trunk}")).json["status"] == "active"
    assert isinstance(engine.invite("+12125551234"), Admitted)
    answer = await admin.patch(f"/v1/sip/trunks/{trunk}", {"status": "inactive"})
    assert answer.json["status"] == "inactive"
    refused = engine.invite("+12125551234")
    assert isinstance(refused, Refused)
    assert refused.cause == "trunk-disabled"


async def test_a_change_of_nothing_changes_nothing(admin: Client, trunk: str, engine: Engine, clock: Clock) -> None:
    before = len(engine.applied)
    clock.pass_(60)
    answer = await admin.patch(f"/v1/sip/trunks/{trunk}", {})
    assert answer.json["updated_at"] == "2024-01-15T10:30:00Z"
    assert len(engine.applied) == before


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"networks": ["10.0.0.0/8"]}, "unknown-source"),
        ({"transport": "tls"}, "wrong-transport"),
        ({"calls_per_second": 5}, None),
    ],
)
async def test_s2_12_the_next_invite_obeys(
    admin: Client, trunk: str, echo: str, engine: Engine, config: dict[str, Any], cause: str | None
) -> None:
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo})
    assert isinstance(engine.invite("+12125551234"), Admitted)
    assert (await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": config})).status == 200
    verdict = engine.invite("+12125551234")
    assert (verdict.cause if isinstance(verdict, Refused) else None) == cause


async def test_s2_14_calls_of_a_deleted_trunk_are_refused(admin: Client, trunk: str, echo: str, engine: Engine) -> None:
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo})
    await admin.delete(f"/v1/sip/trunks/{trunk}?cascade=1")
    verdict = engine.invite("+12125551234")
    assert isinstance(verdict, Refused)
    assert (verdict.status, verdict.cause) == (403, "unknown-source")
