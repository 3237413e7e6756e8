"""Who may do what: every route of the table, tried by every kind of key. Generated from the table, so that none is
forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import GENERIC, Answer, Client, Clock, Engine, Keys
from trunkline.api.openapi import parameters
from trunkline.api.route import Route
from trunkline.api.surfaces import surfaces
from trunkline.control.access.permissions import PERMISSIONS, ROLES
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.call import CallRecord
from trunkline.sip.flow import Flow

ROUTES = tuple(route for surface in surfaces() for route in surface.routes)
KEYED = [route for route in ROUTES if route.permission is not None]
NAMED = [route for route in KEYED if parameters(route.path)]

BODIES: dict[str, Any] = {
    "POST /v1/sip/trunks": GENERIC,
    "PATCH /v1/sip/trunks/{trunk_id}": {"name": "Stolen"},
    "POST /v1/agents": {"name": "Echo", "kind": "echo"},
    "PATCH /v1/agents/{agent_id}": {"name": "Stolen"},
    "POST /v1/phone-numbers/import": {"phone_number": "+12125550199", "trunk_id": "trunk_01hm6jv4qg0000000000000000"},
    "PATCH /v1/phone-numbers/{phone_id}": {"label": "Stolen"},
    "POST /v1/calls/{call_id}/hangup": {},
    "POST /v1/calls/{call_id}/transfer": {"to": "+12125550199"},
    "POST /v1/calls/{call_id}/dtmf": {"digits": "1"},
    "POST /v1/calls/{call_id}/transcript": {
        "segments": [{"speaker": "agent", "text": "Hello!", "timestamp": "2024-01-20T14:00:02Z"}]
    },
    "POST /v1/phone-numbers/bulk-import": {
        "trunk_id": "trunk_01hm6jv4qg0000000000000000",
        "numbers": [{"phone_number": "+12125550199"}],
    },
    "POST /api/v1/telephony/numbers": {"phoneNumber": "+14155550100", "provider": "twilio"},
    "POST /api/v1/phone-numbers": {"e164": "+14155550100"},
    "POST /api/phone-numbers": {"phone_number": "+12125550199", "provider": "sip", "sip_server_address": "192.0.2.7"},
    "POST /v1/routes/explain": {"source": "127.0.0.1", "to": "+12025550100"},
    "POST /v1/api-keys": {"name": "Another"},
    "PATCH /v1/api-keys/{key_id}": {"name": "Stolen"},
    "POST /v1/calls": {"from": "+12125551234", "to": "+13035550142", "agent_id": "agent_01hm6jv4qg0000000000000000"},
    "POST /v1/bans": {"source": "198.51.100.7"},
    "POST /v1/verifications/{verification_id}/decide": {"status": "approved"},
    "POST /v1/organizations": {"name": "Another"},
    "PATCH /v1/organizations/{organization_id}": {"name": "Stolen"},
    "POST /v1/voip-connections": {"provider": "manual", "credentials": {}},
    "POST /v1/voip-connections/test": {"provider": "manual", "credentials": {}},
    "POST /v1/voip-connections/suggest-name": {"provider": "manual", "credentials": {}},
    "PATCH /v1/voip-connections/{connection_id}": {"name": "Stolen"},
    "POST /v1/voip-connections/{connection_id}/import-numbers": {"phone_numbers": ["+12125550199"]},
    "POST /v1/webhooks": {"url": "https://example.com/hook", "events": ["call.ended"], "secret": "whisper"},
    "PATCH /v1/webhooks/{webhook_id}": {"events": ["call.failed"]},
    "POST /api/v1/telephony/sip-trunks": {"name": "PBX", "sipUri": "sip:pbx.example.com:5060"},
    "PATCH /api/v1/telephony/sip-trunks/{trunkId}": {"name": "Stolen"},
    "POST /api/v1/phone-numbers/import": {"e164": "+12125550199", "sipTrunkId": "trunk_01hm6jv4qg0000000000000000"},
    "PATCH /api/v1/phone-numbers/{id}": {"label": "Stolen"},
    "PUT /api/v1/phone-numbers/verification": {"businessProfile": {"legalName": "Acme Inc."}},
    "POST /api/v1/phone-numbers/verification/submit": {
        "businessProfile": {
            "legalName": "Acme Inc.",
            "entityType": "corporation",
            "country": "US",
            "registrationId": "12-3456789",
            "address": {"street": "1 Main St", "city": "Denver"},
            "useCase": "Support calls",
        },
        "authorizedRepresentative": {
            "name": "Ann",
            "title": "CTO",
            "email": "ann@example.com",
            "phone": "+12025550123",
        },
        "attestationAccepted": True,
    },
}
"""A body for each route that takes one."""


async def tried(client: Client, route: Route, path: str | None = None) -> Answer:
    headers = {"X-Organization-Id": f"org_{client.organization_id}"} if route.organization_named else None
    return await client(route.method, path or _nowhere(route), BODIES.get(route.key), headers=headers)


def _nowhere(route: Route) -> str:
    path = route.path
    for name in parameters(path):
        path = path.replace(f"{{{name}}}", "01hm6jv4qg0000000000000000")
    return path


def refused(answer: Answer, status: int, code: str) -> bool:
    """Whether it is this refusal, in the words of the surface."""
    error = answer.json["error"]
    if isinstance(error, dict):
        return (answer.status, error["code"]) == (status, code)
    words = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}
    return (answer.status, answer.json["code"]) == (status, words[status])


def key(route: Route) -> str:
    return route.key


def test_every_body_is_known() -> None:
    assert {route.key for route in ROUTES if route.request is not None} == set(BODIES)


def test_every_permission_is_one_that_a_role_grants() -> None:
    assert {route.permission for route in KEYED} <= PERMISSIONS


def test_open_routes_are_these_alone() -> None:
    documents = {surface.document for surface in surfaces()}
    assert {route.path for route in ROUTES if route.permission is None} - documents == {
        "/healthz",
        "/readyz",
        "/metrics",
        # The message is signed.
        "/v1/engines/openai/webhook",
        "/docs",
    }


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_02_without_a_key(anybody: Client, route: Route) -> None:
    answer = await tried(anybody, route)
    assert refused(answer, 401, "api_key_missing"), answer.raw
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_02_with_a_key_that_is_not_known(anybody: Client, route: Route) -> None:
    answer = await tried(anybody.with_key("trunkline_live_" + "x" * 43), route)
    assert refused(answer, 401, "invalid_api_key"), answer.raw


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_02_with_an_expired_key(client: Keys, organization: str, clock: Clock, route: Route) -> None:
    expiring = await client(organization, "operator", expires_at=clock.wall + 60)
    clock.pass_(60)
    answer = await tried(expiring, route)
    assert refused(answer, 401, "invalid_api_key"), answer.raw


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_52_from_an_address_that_is_not_the_keys(client: Keys, organization: str, route: Route) -> None:
    elsewhere = await client(organization, "operator", networks=("203.0.113.0/24", "2001:db8::/32"))
    answer = await tried(elsewhere, route)
    assert refused(answer, 403, "insufficient_permissions"), answer.raw


@pytest.mark.parametrize("role", ["viewer", "agent_manager", "admin"])
@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_42_a_role_does_what_it_grants_and_no_more(
    client: Keys, organization: str, route: Route, role: Any
) -> None:
    answer = await tried(await client(organization, role), route)
    if route.permission in ROLES[role]:
        lacking = {"POST /v1/voip-connections": "missing_required_field"}.get(route.key, "provider_not_connected")
        refused_so = answer.status == 400 and lacking.encode() in answer.raw
        unconnected = answer.status == 400 and b"is connected" in answer.raw
        assert answer.status in (200, 201, 404) or refused_so or unconnected, answer.raw
    else:
        assert refused(answer, 403, "insufficient_permissions"), answer.raw


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_s2_42_scopes_narrow_a_role(client: Keys, organization: str, route: Route) -> None:
    other = sorted(ROLES["operator"] - {route.permission})
    answer = await tried(await client(organization, "operator", scopes=tuple(other)), route)
    assert refused(answer, 403, "insufficient_permissions"), answer.raw


@pytest.fixture
async def owned(
    admin: Client, trunk: str, echo: str, engine: Engine, organization: str, services: Services
) -> dict[str, str]:
    """One of everything that an organization has."""
    phone = await admin.post(
        "/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo}
    )
    made = await admin.post("/v1/api-keys", {"name": "Theirs"})
    call = CallRecord(
        id=ids.mint(1.0, bytes(10)),
        organization_id=organization,
        direction="inbound",
        status="in-progress",
        started_at=1.0,
    )
    engine.live[call.id] = call
    engine.traces.add(call.id, 1.0, "in", Flow("udp", ("127.0.0.1", 5060), ("127.0.0.2", 5060)), b"INVITE")
    engine.traces.own(call.id, organization, "inbound")
    ban = engine.bans.add(ids.mint(1.0, bytes(10)), "198.51.100.7", "flood", 60.0, 1.0)
    assert ban is not None
    draft = await admin.put("/api/v1/phone-numbers/verification", {})
    manual = {"provider": "manual", "credentials": {}}
    proof = (await admin.post("/v1/voip-connections/test", manual)).json["verification_evidence_id"]
    connection = await admin.post("/v1/voip-connections", {**manual, "verification_evidence_id": proof})
    hook = {"url": "https://example.com/hook", "events": ["trunk.updated"], "secret": "whisper"}
    webhook = await admin.post("/v1/webhooks", hook)
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"name": "Renamed"})
    sent = await admin.get(f"/v1/webhooks/{webhook.json['id']}/deliveries")
    return {
        "verification_id": draft.json["id"],
        "connection_id": str(connection.json["id"]),
        "webhook_id": webhook.json["id"],
        "delivery_id": sent.json["data"][0]["id"],
        "trunk_id": trunk,
        "agent_id": echo,
        "phone_id": phone.json["id"],
        "key_id": made.json["id"],
        "call_id": f"call_{call.id}",
        "ban_id": f"ban_{ban.id}",
        "organization_id": f"org_{organization}",
        "trunkId": trunk,
        "numberId": phone.json["id"],
        "agentId": echo,
        "id": phone.json["id"],
    }


@pytest.mark.parametrize("route", NAMED, ids=key)
async def test_s4_16_another_organizations_ids_are_404(
    client: Keys, services: Services, owned: dict[str, str], engine: Engine, route: Route
) -> None:
    other = (await services.organizations.create("Other")).id
    stranger = await client(other, "admin")
    before = list(engine.applied)
    path = route.path.format(**owned)
    answer = await tried(stranger, route, path)
    expected = 404 if route.permission in ROLES["admin"] else 403
    assert answer.status == expected, answer.raw
    assert engine.applied == before
    assert engine.hung_up == []


@pytest.mark.parametrize("route", KEYED, ids=key)
async def test_r21_test_keys_never_reach_what_is_live(
    client: Keys, organization: str, owned: dict[str, str], engine: Engine, route: Route
) -> None:
    test = await client(organization, "operator", live=False)
    assert "_test_" in str(test.key)
    before = list(engine.applied)
    answer = await tried(test, route, route.path.format(**owned))
    if parameters(route.path):
        assert answer.status in (403, 404), answer.raw
    names = ["+12125551234", *(id[-26:] for name, id in owned.items() if name != "organization_id" and len(id) > 26)]
    assert [name for name in names if name.encode() in answer.raw] == []
    assert engine.applied == before
    assert engine.hung_up == []


@pytest.mark.parametrize("route", NAMED, ids=key)
async def test_the_owner_reaches_them(operator: Client, owned: dict[str, str], route: Route) -> None:
    answer = await tried(operator, route, route.path.format(**owned))
    elsewhere = answer.status == 400 and answer.code == "provisioning_not_supported"
    assert answer.status in (200, 201, 204, 409) or elsewhere, answer.raw


async def test_r7_the_key_decides_the_organization(
    client: Keys, admin: Client, organization: str, services: Services
) -> None:
    other = (await services.organizations.create("Other")).id
    own = await admin.get("/v1/sip/trunks", headers={"X-Organization-Id": f"org_{organization}"})
    assert own.status == 200
    for named in (f"org_{other}", "org_nobody", ""):
        answer = await admin.get("/v1/sip/trunks", headers={"X-Organization-Id": named})
        assert refused(answer, 403, "insufficient_permissions"), answer.raw


async def test_an_operator_acts_for_any_organization(
    client: Keys, admin: Client, trunk: str, organization: str, services: Services
) -> None:
    (await services.organizations.create("Other"))
    above = await client(None, "operator")
    listed = await above.get("/v1/sip/trunks", headers={"X-Organization-Id": f"org_{organization}"})
    assert [item["id"] for item in listed.json["data"]] == [trunk]
    unnamed = await above.get("/v1/sip/trunks")
    assert (unnamed.status, unnamed.details["field"]) == (400, "X-Organization-Id")
    assert len((await above.get("/v1/organizations")).json["data"]) == 2
    assert len((await admin.get("/v1/organizations")).json["data"]) == 1


async def test_r7_both_headers_are_read(anybody: Client, admin: Client) -> None:
    text = str(admin.key)
    assert (await anybody.get("/v1/sip/trunks", headers={"X-API-Key": text})).status == 200
    assert (await anybody.get("/v1/sip/trunks", headers={"authorization": f"bearer {text}"})).status == 200
    for headers in (
        {"Authorization": f"Basic {text}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {text}", "X-API-Key": text + "x"},
        {"X-API-Key": text * 10},
        {"X-API-Key": "\u00ff\u00fe"},
    ):
        answer = await anybody.get("/v1/sip/trunks", headers=headers)
        assert refused(answer, 401, "invalid_api_key"), answer.raw
        assert text.encode() not in answer.raw
    assert (await anybody.get("/v1/sip/trunks", headers={"X-API-Key": " "})).code == "api_key_missing"
