"""The import surface, requirement by requirement, with the examples of its document."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Answer, Client, Engine, Keys, status
from trunkline.control.services import Services

PATH = "/api/phone-numbers"
SIP: dict[str, Any] = {
    "phone_number": "+15559876543",
    "provider": "sip",
    "supports_inbound": True,
    "supports_outbound": True,
    "sip_trunk_name": "my-trunk",
    "sip_server_address": "sip.example.com",
    "sip_username": "user",
    "sip_password": "pass",
    "media_encryption": "require",
}


async def ask(client: Client, body: object, **more: str) -> Answer:
    headers = {"X-Organization-Id": f"org_{client.organization_id}", **more}
    return await client.post(PATH, body, headers=headers)


async def connected(client: Client) -> str:
    """An account at Twilio in the sandbox; how this surface calls it."""
    account = {"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "0" * 32}}
    tested = await client.post("/v1/voip-connections/test", account)
    assert tested.status == 200, tested.raw
    evidence = tested.json["verification_evidence_id"]
    made = await client.post("/v1/voip-connections", {**account, "verification_evidence_id": evidence})
    assert made.status == 201, made.raw
    return f"intg_{made.json['id']}"


@pytest.fixture
async def test(client: Keys, organization: str) -> Client:
    return await client(organization, live=False)


async def test_s5_01_the_body_is_json(admin: Client) -> None:
    answer = await ask(admin, None, **{"Content-Type": "text/plain"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert answer.json["success"] is False


async def test_s5_02_both_headers_are_needed(admin: Client, anybody: Client, organization: str) -> None:
    nameless = await admin.post(PATH, SIP)
    assert (nameless.status, nameless.json["error"]["details"]["field"]) == (400, "X-Organization-Id")
    keyless = await anybody.post(PATH, SIP, headers={"X-Organization-Id": f"org_{organization}"})
    assert (keyless.status, keyless.code) == (401, "api_key_missing")
    own = {"X-API-Key": str(admin.key), "X-Organization-Id": f"org_{organization}"}
    assert (await anybody.post(PATH, SIP, headers=own)).status == 201


async def test_s5_03_roles(client: Keys, organization: str) -> None:
    manager, viewer = await client(organization, "agent_manager"), await client(organization, "viewer")
    assert (await ask(manager, SIP)).status == 201
    refused = await ask(viewer, SIP)
    assert (refused.status, refused.code) == (403, "insufficient_permissions")


async def test_s5_04_what_must_be_there(admin: Client) -> None:
    for change, field in (
        ({"phone_number": "5559876543"}, "phone_number"),
        ({"provider": "vonage"}, "provider"),
        ({"sip_server_address": None}, "sip_server_address"),
        ({"inbound_pin": "123"}, "inbound_pin"),
        ({"inbound_pin": "12345678901"}, "inbound_pin"),
        ({"inbound_pin": "abcd"}, "inbound_pin"),
        ({"media_encryption": "maybe"}, "media_encryption"),
        ({"integration_id": "intg_1"}, "integration_id"),
        ({"sip_server_address": "not a host"}, "sip_server_address"),
    ):
        answer = await ask(admin, {**SIP, **change})
        assert (answer.status, answer.json["error"]["details"]["field"]) == (400, field), change
        assert b"pass" not in answer.raw.replace(b"sip_password", b"")


async def test_s5_05_an_account_is_needed_and_ones_own(test: Client, client: Keys, services: Services) -> None:
    body = {"phone_number": "+15555551234", "provider": "twilio", "supports_inbound": True}
    missing = await ask(test, body)
    assert (missing.status, missing.json["error"]["details"]["field"]) == (400, "integration_id")
    for id in ("intg_99", "intg_a1b2c3d4e5f6"):
        assert (await ask(test, {**body, "integration_id": id})).status == 404


async def test_s5_05_08_the_twilio_example(test: Client) -> None:
    integration = await connected(test)
    body = {
        "phone_number": "+15555551234",
        "provider": "twilio",
        "supports_inbound": True,
        "supports_outbound": True,
        "integration_id": integration,
    }
    answer = await ask(test, body)
    assert answer.status == 201, answer.raw
    data = answer.json["data"]
    assert answer.json == {
        "success": True,
        "message": "Phone number imported successfully with twilio",
        "data": {
            "phone_number_id": data["phone_number_id"],
            "phone_number": "+15555551234",
            "provider": "twilio",
            "status": "free",
            "supports_inbound": True,
            "supports_outbound": True,
            "integration_id": integration,
            "created_at": "2024-01-15T10:30:00Z",
            "updated_at": "2024-01-15T10:30:00Z",
        },
    }
    assert data["phone_number_id"].startswith("phon_")


async def test_s5_06_07_08_the_sip_example(admin: Client, engine: Engine) -> None:
    answer = await ask(admin, SIP)
    assert answer.status == 201, answer.raw
    assert answer.json["message"] == "Phone number imported successfully with sip"
    assert answer.json["data"]["status"] == "free"
    number = engine.table.number("+15559876543")
    assert number is not None
    trunk = engine.table.trunks[number.trunk_id or ""]
    assert (trunk.name, trunk.host, trunk.username, trunk.media_encryption) == (
        "my-trunk",
        "sip.example.com",
        "user",
        "require",
    )
    assert (number.supports_inbound, number.supports_outbound) == (True, True)


async def test_s5_07_the_trunk_and_the_number_or_neither(admin: Client) -> None:
    await ask(admin, SIP)
    again = await ask(admin, {**SIP, "sip_trunk_name": "another", "sip_username": "other"})
    assert (again.status, again.code) == (409, "phone_number_exists")
    assert [trunk["name"] for trunk in (await admin.get("/v1/sip/trunks")).json["data"]] == ["my-trunk"]


async def test_r27_a_trunk_of_the_same_settings_is_used_again(admin: Client) -> None:
    await ask(admin, SIP)
    await ask(admin, {**SIP, "phone_number": "+15559876544"})
    other = await ask(admin, {**SIP, "phone_number": "+15559876545", "sip_username": "other"})
    assert other.status == 201, other.raw
    trunks = (await admin.get("/v1/sip/trunks")).json["data"]
    assert [(trunk["name"], trunk["phone_numbers_count"]) for trunk in trunks] == [("my-trunk", 2), ("my-trunk 2", 1)]


async def test_s5_09_a_number_is_in_the_system_once(admin: Client, client: Keys, services: Services) -> None:
    await ask(admin, SIP)
    stranger = await client((await services.organizations.create("Other")).id)
    answer = await ask(stranger, SIP)
    assert (answer.status, answer.code) == (409, "phone_number_exists")
    assert answer.json["message"] == "Phone number already exists in the system."


@pytest.mark.parametrize(("said", "meant"), [("disabled", "disable"), ("ALLOW", "allow"), ("required", "require")])
async def test_s5_10_r13_the_words_of_encryption(admin: Client, engine: Engine, said: str, meant: str) -> None:
    assert (await ask(admin, {**SIP, "media_encryption": said})).status == 201
    (trunk,) = engine.table.trunks.values()
    assert trunk.media_encryption == meant


async def test_s5_11_r20_a_number_with_a_pin_is_kept_sealed(admin: Client, engine: Engine) -> None:
    answer = await ask(admin, {**SIP, "inbound_pin": "2468"})
    assert answer.status == 201
    assert b"2468" not in answer.raw
    number = engine.table.number("+15559876543")
    assert number is not None
    assert number.inbound_pin is not None
    assert number.inbound_pin.reveal() == "2468"


async def test_s5_12_inbound_is_off_unless_it_is_said(admin: Client, echo: str, engine: Engine) -> None:
    body = {"phone_number": "+15559876543", "provider": "sip", "sip_server_address": "127.0.0.1"}
    made = (await ask(admin, body)).json["data"]
    assert (made["supports_inbound"], made["supports_outbound"]) == (False, False)
    await admin.patch(f"/v1/phone-numbers/{made['phone_number_id']}", {"agent_id": echo})
    assert status(engine, "+15559876543") == 403


async def test_s5_06_the_room_is_a_template(admin: Client, engine: Engine) -> None:
    assert (await ask(admin, {**SIP, "inbound_room_name": "call-{{caller}}"})).status == 201
    number = engine.table.number("+15559876543")
    assert number is not None
    assert number.room_name == "call-{{caller}}"
