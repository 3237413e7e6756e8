"""`/v1/sip/trunks`, requirement by requirement."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.conftest import ELEVENLABS, GENERIC, OPENAI, Client, Clock, Engine, Keys
from tests.databases import contents
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted
from trunkline.control.ports import Health, Registration
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.binding import Binding
from trunkline.sip.flow import Flow
from trunkline.store.store import Store


async def test_s2_03_list_shows_trunks_with_their_numbers_counted(admin: Client, trunk: str, echo: str) -> None:
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo})
    answer = await admin.get("/v1/sip/trunks")
    assert answer.status == 200
    assert answer.json["pagination"] == {"page": 1, "per_page": 20, "total": 1}
    (item,) = answer.json["data"]
    expected = {
        "id": trunk,
        "name": "Carrier",
        "provider": "generic",
        "status": "active",
        "created_at": "2024-01-15T10:30:00Z",
        "phone_numbers_count": 1,
    }
    assert {name: item[name] for name in expected} == expected
    assert re.fullmatch(r"trunk_[0-9a-z]{26}", trunk)


async def test_s2_04_pages_and_provider(admin: Client) -> None:
    for number in range(3):
        await admin.post("/v1/sip/trunks", {**GENERIC, "name": f"Generic {number}"})
    await admin.post("/v1/sip/trunks", ELEVENLABS)
    first = await admin.get("/v1/sip/trunks?page=1&per_page=2")
    second = await admin.get("/v1/sip/trunks?page=2&per_page=2")
    names = [item["name"] for answer in (first, second) for item in answer.json["data"]]
    assert names == ["Generic 0", "Generic 1", "Generic 2", "Production ElevenLabs"]
    assert second.json["pagination"] == {"page": 2, "per_page": 2, "total": 4}
    beyond = await admin.get("/v1/sip/trunks?page=9&per_page=100")
    assert (beyond.status, beyond.json["data"], beyond.json["pagination"]["total"]) == (200, [], 4)
    filtered = await admin.get("/v1/sip/trunks?provider=elevenlabs")
    assert [item["name"] for item in filtered.json["data"]] == ["Production ElevenLabs"]


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=101", "per_page=0", "page=x", "provider=acme", "pgae=2", "page="]
)
async def test_r2_a_page_or_filter_that_cannot_be_is_400(admin: Client, query: str) -> None:
    answer = await admin.get(f"/v1/sip/trunks?{query}")
    assert answer.status == 400
    assert answer.details["field"] == query.partition("=")[0]


@pytest.mark.parametrize("body", [ELEVENLABS, OPENAI, GENERIC], ids=lambda body: str(body["provider"]))
async def test_s2_05_06_07_08_the_documents_bodies_make_trunks(admin: Client, body: dict[str, Any]) -> None:
    answer = await admin.post("/v1/sip/trunks", body)
    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "name": body["name"],
        "provider": body["provider"],
        "status": "active",
        "created_at": "2024-01-15T10:30:00Z",
    }
    assert ids.bare(answer.json["id"]) is not None


async def test_s2_06_an_engines_address_is_known(admin: Client) -> None:
    made = await admin.post("/v1/sip/trunks", OPENAI)
    config = (await admin.get(f"/v1/sip/trunks/{made.json['id']}")).json["config"]
    assert (config["server"], config["transport"]) == ("sip.api.openai.com", "tls")
    without = {name: value for name, value in ELEVENLABS.items() if name != "config"}
    made = await admin.post("/v1/sip/trunks", without)
    config = (await admin.get(f"/v1/sip/trunks/{made.json['id']}")).json["config"]
    assert (config["server"], config["port"], config["transport"]) == ("sip.rtc.elevenlabs.io", 5061, "tls")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": ""}, "invalid_parameter", "name"),
        ({"name": None}, "invalid_parameter", "name"),
        ({"name": 7}, "invalid_parameter", "name"),
        ({"provider": "acme"}, "invalid_parameter", "provider"),
        ({"provider": ...}, "missing_required_field", "provider"),
        ({"name": ...}, "missing_required_field", "name"),
        ({"config": ...}, "missing_required_field", "config.server"),
        ({"config": {"server": "sip:example.com:5060"}}, "invalid_parameter", "config.server"),
        ({"config": {"server": "sip.example.com", "port": 0}}, "invalid_parameter", "config.port"),
        ({"config": {"server": "sip.example.com", "port": 70000}}, "invalid_parameter", "config.port"),
        ({"config": {"server": "sip.example.com", "transport": "sctp"}}, "invalid_parameter", "config.transport"),
        ({"config": {"server": "sip.example.com", "codecs": ["opus"]}}, "invalid_parameter", "config.codecs[0]"),
        (
            {"config": {"server": "sip.example.com", "networks": ["10.0.0.0/33"]}},
            "invalid_parameter",
            "config.networks",
        ),
        ({"config": {"server": "sip.example.com", "prot": 5060}}, "unknown_field", "config.prot"),
        ({"config": {"server": "sip.example.com", "max_concurrent_calls": 0}}, "invalid_parameter", None),
        ({"colour": "red"}, "unknown_field", "colour"),
        ({"credentials": {"username": "alice"}}, "missing_required_field", "credentials.password"),
        ({"credentials": {"username": "", "password": "x"}}, "invalid_credentials", "credentials.username"),
        ({"credentials": {"username": "alice", "password": ""}}, "invalid_credentials", "credentials.password"),
        ({"credentials": {"username": "a\r\nVia: x", "password": "y"}}, "invalid_credentials", "credentials.username"),
        ({"credentials": {"username": 5, "password": "y"}}, "invalid_credentials", "credentials.username"),
        ({"provider": "elevenlabs", "credentials": ...}, "missing_required_field", "credentials.username"),
        ({"provider": "openai"}, "missing_required_field", "credentials.project_id"),
    ],
)
async def test_s2_09_a_body_that_cannot_be_is_400_and_names_the_field(
    admin: Client, change: dict[str, Any], code: str, field: str | None
) -> None:
    body = {name: value for name, value in {**GENERIC, **change}.items() if value is not ...}
    answer = await admin.post("/v1/sip/trunks", body)
    assert (answer.status, answer.code) == (400, code), answer.raw
    if field is not None:
        assert answer.details["field"] == field
    assert (await admin.get("/v1/sip/trunks")).json["pagination"]["total"] == 0


async def test_s2_09_a_name_is_taken_once_in_an_organization(admin: Client, client: Keys, services: Services) -> None:
    assert (await admin.post("/v1/sip/trunks", GENERIC)).status == 201
    again = await admin.post("/v1/sip/trunks", GENERIC)
    assert (again.status, again.code) == (409, "trunk_name_exists")
    assert again.details == {"field": "name", "provided": "Custom SIP Provider"}
    elsewhere = await client((await services.organizations.create("Other")).id)
    assert (await elsewhere.post("/v1/sip/trunks", GENERIC)).status == 201


async def test_s2_10_detail(admin: Client, engine: Engine, clock: Clock) -> None:
    id = (await admin.post("/v1/sip/trunks", GENERIC)).json["id"]
    number = await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": id})
    engine.health[str(ids.bare(id))] = Health(
        state="reachable", since=clock.wall, checked_at=clock.wall, latency=0.0123
    )
    detail = (await admin.get(f"/v1/sip/trunks/{id}")).json
    assert detail["id"] == id
    assert (detail["name"], detail["provider"], detail["status"]) == ("Custom SIP Provider", "generic", "active")
    assert detail["config"].items() >= GENERIC["config"].items()
    assert detail["phone_numbers"] == [{"id": number.json["id"], "number": "+12125551234", "status": "active"}]
    assert (detail["created_at"], detail["updated_at"]) == ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z")
    assert detail["reachability"]["state"] == "reachable"
    assert detail["reachability"]["latency_ms"] == 12.3


@pytest.mark.parametrize(
    "id", ["trunk_abc123", "01hm6jv4qg0000000000000000", "live", "phone_01hm6jv4qg0000000000000000", "%2e%2e"]
)
async def test_s2_10_no_such_trunk(admin: Client, id: str) -> None:
    answer = await admin.get(f"/v1/sip/trunks/{id}")
    assert (answer.status, answer.code) == (404, "trunk_not_found")


async def test_a_trunk_that_registers_says_how_it_stands(admin: Client, engine: Engine, clock: Clock) -> None:
    config = {"server": "sip.carrier.example", "register": True, "register_expires": 600, "keepalive": 0}
    credentials = {"username": "alice", "password": "secret"}
    body = {"name": "Registered", "provider": "generic", "credentials": credentials, "config": config}
    id = (await admin.post("/v1/sip/trunks", body)).json["id"]
    other = (await admin.post("/v1/sip/trunks", GENERIC)).json["id"]
    detail = (await admin.get(f"/v1/sip/trunks/{id}")).json
    assert detail["registration"] is None
    assert detail["config"].items() >= config.items()
    engine.registrations[str(ids.bare(id))] = Registration(
        state="registered",
        since=clock.wall,
        expires_at=clock.wall + 600,
        status=200,
        detail="OK",
        contact="sip:x@192.0.2.5",
    )
    detail = (await admin.get(f"/v1/sip/trunks/{id}")).json
    shown = detail["registration"]
    assert (shown["state"], shown["last_status"], shown["contact"]) == ("registered", 200, "sip:x@192.0.2.5")
    assert shown["expires_at"] == "2024-01-15T10:40:00Z"
    assert (await admin.get(f"/v1/sip/trunks/{other}")).json["registration"] is None
    listed = (await admin.get("/v1/registrations")).json
    assert [item["trunk_id"] for item in listed["data"]] == [id]
    assert listed["data"][0]["registration"] == shown
    assert (await admin.get("/v1/registrations?state=failed")).json["data"] == []


async def test_devices_that_registered_are_listed(admin: Client, engine: Engine, clock: Clock) -> None:
    credentials = {"username": "anna", "password": "secret"}
    body = {"name": "Phones", "provider": "generic", "config": {"accepts_registration": True}}
    assert (await admin.post("/v1/sip/trunks", body)).code == "missing_required_field"
    id = (await admin.post("/v1/sip/trunks", {**body, "credentials": credentials})).json["id"]
    flow = Flow("udp", ("192.0.2.5", 5060), ("192.0.2.40", 41234))
    for trunk in (str(ids.bare(id)), "01hm6jv4qg0000000000000000"):
        engine.devices.append(
            Binding(
                trunk_id=trunk, key="k", contact="sip:anna@10.0.0.7", call_id="c", cseq=1, expires_at=clock.wall + 60,
                flow=flow, nat=True, registered_at=clock.wall,
            )
        )  # fmt: skip
    answer = (await admin.get("/v1/bindings")).json
    (device,) = answer["data"]
    assert (device["trunk_id"], device["contact"], device["source"]) == (id, "sip:anna@10.0.0.7", "192.0.2.40:41234")
    assert (device["behind_nat"], device["instance"], device["expires_at"]) == (True, None, "2024-01-15T10:31:00Z")
    assert (await admin.get(f"/v1/bindings?trunk_id={id}")).json == answer
    assert (await admin.get("/v1/bindings?trunk_id=trunk_01hm6jv4qg0000000000000000")).json["data"] == []


async def test_a_trunk_may_be_known_by_its_certificate_alone(admin: Client) -> None:
    fingerprint = "SHA256:" + ":".join(["AB"] * 32)
    body = {"name": "PBX", "provider": "generic", "config": {"transport": "tls", "client_certificate": fingerprint}}
    id = (await admin.post("/v1/sip/trunks", body)).json["id"]
    assert (await admin.get(f"/v1/sip/trunks/{id}")).json["config"]["client_certificate"] == "ab" * 32
    named = {"config": {"client_certificate": "PBX.example.com"}}
    assert (await admin.patch(f"/v1/sip/trunks/{id}", named)).status == 200
    assert (await admin.get(f"/v1/sip/trunks/{id}")).json["config"]["client_certificate"] == "pbx.example.com"
    wrong = {"config": {"client_certificate": "no name at all"}}
    assert (await admin.patch(f"/v1/sip/trunks/{id}", wrong)).status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("register_expires", 59),
        ("register_expires", 86_401),
        ("register_aor", "tel:+1"),
        ("keepalive", 4),
        ("keepalive", -1),
    ],
)
async def test_how_a_trunk_registers_is_bounded(admin: Client, field: str, value: object) -> None:
    answer = await admin.post("/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], field: value}})
    assert answer.status == 400
    assert answer.json["error"].get("field", f"config.{field}") == f"config.{field}"


async def test_r1_any_prefix_of_the_resource_is_read(admin: Client, trunk: str) -> None:
    bare = trunk.removeprefix("trunk_")
    for shown in (bare, f"sip_{bare}", trunk):
        assert (await admin.get(f"/v1/sip/trunks/{shown}")).json["id"] == trunk
    assert (await admin.get(f"/v1/sip/trunks/agent_{bare}")).status == 404


async def test_s2_11_credentials_are_never_answered_nor_kept_in_the_open(
    admin: Client, services: Services, store: Store
) -> None:
    secrets = ("s3cret-user-nobody-sees", "s3cret-word-nobody-sees")
    body = {**GENERIC, "credentials": {"username": secrets[0], "password": secrets[1]}}
    id = (await admin.post("/v1/sip/trunks", body)).json["id"]
    await admin.patch(f"/v1/sip/trunks/{id}", {"credentials": {"password": secrets[1] + "!"}})
    await admin.get(f"/v1/sip/trunks/{id}")
    await admin.get("/v1/sip/trunks")
    await admin.post("/v1/sip/trunks", body)
    await admin.post(
        "/v1/sip/trunks", {**body, "name": "B", "credentials": {"username": secrets[0] + "\n", "password": secrets[1]}}
    )
    await admin.post("/v1/sip/trunks", {**body, "name": "B", "credentials": secrets[1]})
    await admin.post("/v1/sip/trunks", {**body, "name": "B", "credentials": {"username": [secrets[1]]}})
    assert len(admin.seen) == 8
    for secret in secrets:
        assert not [seen for seen in admin.seen if secret.encode() in seen]
    assert secrets[1] not in await contents(store)
    kept = services.state.catalogue.trunks[str(ids.bare(id))].password
    assert kept is not None
    assert kept.reveal() == secrets[1] + "!"


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


async def test_r13_words_in_any_case_and_both_forms(admin: Client) -> None:
    config = {**GENERIC["config"], "transport": "Tls", "codecs": ["pcma", "G722"], "media_encryption": "Required"}
    id = (await admin.post("/v1/sip/trunks", {**GENERIC, "config": config})).json["id"]
    shown = (await admin.get(f"/v1/sip/trunks/{id}")).json["config"]
    assert (shown["transport"], shown["codecs"], shown["media_encryption"]) == ("tls", ["PCMA", "G722"], "require")


async def test_two_trunks_that_no_request_could_tell_apart_are_409(admin: Client, trunk: str) -> None:
    answer = await admin.post(
        "/v1/sip/trunks", {"name": "Twin", "provider": "generic", "config": {"networks": ["127.0.0.0/8"]}}
    )
    assert (answer.status, answer.code) == (409, "trunk_identity_conflict")
    assert answer.details["trunks"] == [trunk]
    told_apart = {"networks": ["127.0.0.0/8"], "transport": "tcp"}
    assert (
        await admin.post("/v1/sip/trunks", {"name": "T", "provider": "generic", "config": told_apart})
    ).status == 201


async def test_a_change_of_nothing_changes_nothing(admin: Client, trunk: str, engine: Engine, clock: Clock) -> None:
    before = len(engine.applied)
    clock.pass_(60)
    answer = await admin.patch(f"/v1/sip/trunks/{trunk}", {})
    assert answer.json["updated_at"] == "2024-01-15T10:30:00Z"
    assert len(engine.applied) == before


async def test_tls_material_goes_in_and_the_key_never_comes_out(admin: Client, certificate: tuple[Path, Path]) -> None:
    shown, held = (file.read_text() for file in certificate)
    tls = {"server_name": "SIP.example.com", "ca_bundle": shown, "certificate": shown, "private_key": held}
    made = await admin.post("/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], "tls": tls}})
    path = f"/v1/sip/trunks/{made.json['id']}"
    answer = await admin.get(path)
    assert answer.json["config"]["tls"]["server_name"] == "sip.example.com"
    assert answer.json["credentials_set"] == ["username", "password", "private_key"]
    assert b"PRIVATE KEY" not in answer.raw
    assert (await admin.patch(path, {"config": {"tls": {"verify": False}}})).status == 200
    assert (await admin.get(path)).json["config"]["tls"]["certificate"] == shown
    assert (await admin.patch(path, {"config": {"tls": None}})).status == 200
    assert (await admin.get(path)).json["credentials_set"] == ["username", "password"]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"private_key": ...}, "missing_required_field", "private_key"),
        ({"certificate": ...}, "missing_required_field", "certificate"),
        (
            {"certificate": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"},
            "invalid_parameter",
            "certificate",
        ),
        ({"ca_bundle": "no PEM"}, "invalid_parameter", "ca_bundle"),
        (
            {"private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"},
            "invalid_credentials",
            "private_key",
        ),
        ({"private_key": None}, "missing_required_field", "private_key"),
        ({"server_name": "a b"}, "invalid_parameter", "server_name"),
    ],
)
async def test_tls_material_that_cannot_be_used_is_named(
    admin: Client, certificate: tuple[Path, Path], change: dict[str, Any], code: str, field: str
) -> None:
    shown, held = (file.read_text() for file in certificate)
    tls = {
        name: value for name, value in {"certificate": shown, "private_key": held, **change}.items() if value is not ...
    }
    answer = await admin.post("/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], "tls": tls}})
    assert (answer.status, answer.code, answer.details["field"]) == (400, code, f"config.tls.{field}")
    assert b"c2VjcmV0" not in answer.raw


async def test_a_key_of_another_certificate_is_refused(admin: Client, certificate: tuple[Path, Path]) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tls = {"certificate": certificate[0].read_text(), "private_key": other.decode()}
    answer = await admin.post("/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], "tls": tls}})
    assert (answer.status, answer.code) == (400, "invalid_credentials")


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


async def test_whether_callers_are_vouched_for_is_a_word(admin: Client) -> None:
    made = await admin.post("/v1/sip/trunks", {**GENERIC, "config": {**GENERIC["config"], "identity": "verify"}})
    shown = await admin.get(f"/v1/sip/trunks/{made.json['id']}")
    assert shown.json["config"]["identity"] == "verify"
    refused = await admin("PATCH", f"/v1/sip/trunks/{made.json['id']}", {"config": {"identity": "perhaps"}})
    assert (refused.status, refused.code) == (400, "invalid_parameter")


async def test_ranges_name_agents_of_the_organization(admin: Client, trunk: str, echo: str, engine: Engine) -> None:
    url = f"/v1/sip/trunks/{trunk}"
    ranges: list[dict[str, Any]] = [
        {"prefix": "+4930", "agent_id": echo},
        {"prefix": "+", "agent_id": echo.replace("agent_", "agt_")},
        {"prefix": "+1202555", "agent_id": echo, "outbound": True},
    ]
    assert (await admin.patch(url, {"config": {"ranges": ranges}})).status == 200
    shown = (await admin.get(url)).json["config"]["ranges"]
    assert shown == [{"outbound": False, **one, "agent_id": echo} for one in ranges]
    verdict = engine.invite("+493012345")
    assert isinstance(verdict, Admitted)
    assert f"agent_{verdict.candidates[0].agent.id}" == echo
    for wrong, status in (
        ([{"prefix": "+49", "agent_id": f"agent_{ids.mint(1.0, bytes(10))}"}], 404),
        ([{"prefix": "49", "agent_id": echo}], 400),
        ([{"prefix": "+120255", "agent_id": echo, "outbound": True}], 400),
        ([{"prefix": "+49", "agent_id": echo}] * 2, 400),
        ([{"prefix": f"+49{number}", "agent_id": echo} for number in range(100, 201)], 400),
    ):
        answer = await admin.patch(url, {"config": {"ranges": wrong}})
        assert (answer.status, answer.details["field"].partition("[")[0]) == (status, "config.ranges")
    assert (await admin.get(url)).json["config"]["ranges"] == shown


async def test_an_agent_of_a_range_is_kept_unless_told(admin: Client, trunk: str, echo: str) -> None:
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": {"ranges": [{"prefix": "+", "agent_id": echo}]}})
    refused = await admin.delete(f"/v1/agents/{echo}")
    assert (refused.status, refused.code, refused.details) == (409, "agent_in_use", {"trunks": [trunk]})
    assert (await admin.delete(f"/v1/agents/{echo}?cascade=true")).status == 200
    assert (await admin.get(f"/v1/sip/trunks/{trunk}")).json["config"]["ranges"] == []


async def test_a_removed_trunk_takes_its_agents_out_of_ranges(admin: Client, trunk: str) -> None:
    engine = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    body = {"name": "Support", "kind": "elevenlabs", "trunk_id": engine}
    agent = (await admin.post("/v1/agents", body)).json["id"]
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": {"ranges": [{"prefix": "+", "agent_id": agent}]}})
    assert (await admin.delete(f"/v1/sip/trunks/{engine}?cascade=true")).status == 200
    assert (await admin.get(f"/v1/sip/trunks/{trunk}")).json["config"]["ranges"] == []


async def test_which_side_of_calls_ranges_and_default_callers_are_of(admin: Client, echo: str) -> None:
    carrier = {**GENERIC, "name": "A carrier", "config": {**GENERIC["config"], "default_caller": "+12125550123"}}
    answer = await admin.post("/v1/sip/trunks", carrier)
    assert (answer.status, answer.details["field"]) == (400, "config.default_caller")
    ranges = [{"prefix": "+", "agent_id": echo}]
    pbx = {**GENERIC, "name": "A PBX", "config": {**GENERIC["config"], "role": "agent", "ranges": ranges}}
    answer = await admin.post("/v1/sip/trunks", pbx)
    assert (answer.status, answer.details["field"]) == (400, "config.ranges")
    pbx["config"] = {**GENERIC["config"], "role": "agent", "default_caller": "+12125550123"}
    made = await admin.post("/v1/sip/trunks", pbx)
    assert made.status == 201
    shown = (await admin.get(f"/v1/sip/trunks/{made.json['id']}")).json["config"]
    assert (shown["default_caller"], shown["ranges"]) == ("+12125550123", [])
