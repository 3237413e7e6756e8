"""`/v1/sip/trunks`, requirement by requirement: trunks listed, made and shown."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.conftest import ELEVENLABS, GENERIC, OPENAI, Client, Clock, Engine, Keys
from tests.databases import contents
from trunkline.control.ports import Health
from trunkline.control.services import Services
from trunkline.model import ids
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
