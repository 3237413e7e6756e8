"""What the configuration of a trunk says: registrations, certificates and keys, vouching, ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.conftest import ELEVENLABS, GENERIC, Client, Clock, Engine
from trunkline.call.decision.verdict import Admitted
from trunkline.control.ports import Registration
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.binding import Binding
from trunkline.sip.flow import Flow


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
    answer = await admin.patch(f"/v1/sip/trunks/{id}", {"config": {"transport": "udp"}})
    assert (answer.status, answer.details["field"]) == (400, "config.client_certificate")


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


async def test_a_removed_trunk_takes_its_agents_out_of_groups(admin: Client, echo: str, services: Services) -> None:
    engine = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    body = {"name": "Support", "kind": "elevenlabs", "trunk_id": engine}
    agent = (await admin.post("/v1/agents", body)).json["id"]
    steps = [{"agent_id": agent, "weight": 3}, {"agent_id": echo, "weight": 2}]
    made = await admin.post("/v1/agents", {"name": "All", "kind": "group", "strategy": "weighted", "steps": steps})
    assert made.status == 201, made.raw
    assert (await admin.delete(f"/v1/sip/trunks/{engine}?cascade=true")).status == 200
    group = services.state.catalogue.agents[made.json["id"].removeprefix("agent_")]
    left = echo.removeprefix("agent_")
    assert (group.members, set(group.steps)) == ((left,), {left})


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
