"""The numbers surface, requirement by requirement."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Clock, Engine, Keys, status
from tests.store.samples import call
from trunkline.control.ports import Health, Registration, TrunkTrial
from trunkline.control.services import Services
from trunkline.providers.values import Endpoint
from trunkline.store.store import Store

BASE = "/api/v1/phone-numbers"
E164 = "+12015551234"
WHOLE: dict[str, Any] = {
    "businessProfile": {
        "legalName": "Acme Inc.",
        "displayName": "Acme",
        "entityType": "corporation",
        "country": "us",
        "registrationId": "12-3456789",
        "website": "https://acme.example.com",
        "address": {"street": "1 Main St", "city": "Denver"},
        "useCase": "Support calls",
        "expectedUsage": "1000 calls a day",
    },
    "authorizedRepresentative": {
        "name": "Ann",
        "title": "CTO",
        "email": "ann@acme.example.com",
        "phone": "+12025550123",
    },
}


@pytest.fixture
async def test(client: Keys, organization: str) -> Client:
    return await client(organization, live=False)


@pytest.fixture
async def number(admin: Client, trunk: str, echo: str) -> str:
    answer = await admin.post(f"{BASE}/import", {"e164": E164, "sipTrunkId": trunk, "agentId": echo})
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


async def setup(client: Client, number: str) -> dict[str, Any]:
    answer = await client.get(f"{BASE}/{number}")
    found = answer.json["setupStatus"]
    assert isinstance(found, dict)
    return found


async def test_s4_01_02_r8_errors_in_the_documents_words(anybody: Client, admin: Client) -> None:
    nobody = await anybody.get(BASE)
    assert (nobody.status, nobody.json) == (401, {"error": "Unauthorized", "code": "UNAUTHORIZED"})
    wrong = await admin.post(BASE, {"e164": "12015551234"})
    assert wrong.status == 400
    assert (wrong.json["error"], wrong.json["code"]) == ("Invalid request body", "VALIDATION_ERROR")
    assert wrong.json["details"]["field"] == "e164"
    gone = await admin.get(f"{BASE}/phone_01hm6jv4qg0000000000000000")
    assert (gone.status, gone.json["code"]) == (404, "NOT_FOUND")
    assert gone.headers["X-Request-Id"]


async def test_s4_03_08_a_bare_list_of_numbers(admin: Client, number: str, organization: str, trunk: str) -> None:
    for path in (BASE, f"{BASE}/"):
        (listed,) = (await admin.get(path)).json
        assert list(listed) == [
            "id",
            "organizationId",
            "e164",
            "source",
            "providerResourceId",
            "telnyxPhoneNumberId",
            "sipTrunkId",
            "sipConnectionInstallationId",
            "sipProviderName",
            "direction",
            "dispatchMetadataTemplate",
            "agentId",
            "label",
            "sms10dlcProfileId",
            "smsCampaignId",
            "smsAssignmentStatus",
            "smsAssignmentUpdatedAt",
            "setupStatus",
            "nextChargeAt",
            "lastChargedAt",
            "suspendedAt",
            "createdAt",
            "updatedAt",
        ]
        assert (listed["organizationId"], listed["source"], listed["direction"]) == (
            f"org_{organization}",
            "sip_trunk",
            "both",
        )
        assert (listed["id"], listed["sipTrunkId"]) == (number, trunk)


async def test_s4_04_a_managed_number(test: Client, organization: str) -> None:
    answer = await test.post(BASE, {"e164": E164, "label": "Sales", "direction": "inbound"})
    assert answer.status == 201, answer.raw
    made = answer.json
    assert (made["source"], made["e164"], made["label"], made["direction"]) == ("managed", E164, "Sales", "inbound")
    assert made["providerResourceId"]
    assert made["organizationId"] == f"org_{organization}"
    assert (await test.delete(f"{BASE}/{made['id']}")).json == {"released": True}


async def test_s4_05_search(test: Client) -> None:
    found = (await test.get(f"{BASE}/available?areaCode=415&limit=2")).json
    assert found[0] == {
        "e164": "+14155550100",
        "friendlyName": "+14155550100",
        "monthlyCostUsd": 1.15,
        "upfrontCostUsd": 0.0,
        "features": ["voice", "sms"],
        "region": {"country": "US", "region": "California", "locality": "San Francisco"},
    }
    assert len(found) == 2
    for query in ("areaCode=41", "areaCode=4155", "limit=0", "limit=51"):
        answer = await test.get(f"{BASE}/available?{query}")
        assert (answer.status, answer.json["code"]) == (400, "VALIDATION_ERROR")


async def test_s4_06_07_import_patch_and_release(admin: Client, number: str, engine: Engine) -> None:
    assert status(engine, E164) is None
    changed = await admin.patch(f"{BASE}/{number}", {"direction": "outbound", "label": "L", "agentId": None})
    assert changed.status == 200, changed.raw
    assert (changed.json["direction"], changed.json["label"], changed.json["agentId"]) == ("outbound", "L", None)
    assert status(engine, E164) == 403
    assert (await admin.patch(f"{BASE}/{number}", {"label": None})).json["label"] is None
    assert (await admin.patch(f"{BASE}/{number}", {"e164": "+12015550000"})).status == 400
    loose = await admin.patch(f"{BASE}/{number}", {"sipTrunkId": None, "direction": "inbound"})
    assert (loose.status, loose.json["sipTrunkId"]) == (200, None)
    assert status(engine, E164) == 480
    assert (await admin.patch(f"{BASE}/{number}", {"sipTrunkId": changed.json["sipTrunkId"]})).status == 200
    again = await admin.post(f"{BASE}/import", {"e164": E164, "sipTrunkId": changed.json["sipTrunkId"]})
    assert (again.status, again.json["code"]) == (409, "CONFLICT")
    assert (await admin.post(f"{BASE}/import", {"e164": "+12015550000"})).status == 400
    released = await admin.delete(f"{BASE}/{number}")
    assert released.json == {"released": True, "message": "not released at provider"}
    assert status(engine, E164) == 404


async def test_s4_07_a_number_leaves_its_account(test: Client) -> None:
    account = {"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "token"}}
    evidence = (await test.post("/v1/voip-connections/test", account)).json["verification_evidence_id"]
    made = await test.post("/v1/voip-connections", {**account, "verification_evidence_id": evidence})
    serial = str(made.json["id"])
    wanted = {"e164": E164, "sipConnectionInstallationId": serial}
    for wrong, field in (
        ({"label": "two\nlines"}, "label"),
        ({"dispatchMetadataTemplate": {"campaign": "two\nlines"}}, "dispatchMetadataTemplate"),
    ):
        refused = await test.post(f"{BASE}/import", {**wanted, **wrong})
        assert (refused.status, refused.json["details"]["field"]) == (400, field)
        assert (await test.get(BASE)).json == [], "and nothing is imported"
    imported = await test.post(f"{BASE}/import", wanted)
    assert (imported.status, imported.json["sipConnectionInstallationId"]) == (201, serial), imported.raw
    path = f"{BASE}/{imported.json['id']}"
    same = await test.patch(path, {"sipConnectionInstallationId": serial, "label": "Line"})
    assert (same.status, same.json["sipConnectionInstallationId"]) == (200, serial)
    other = await test.patch(path, {"sipConnectionInstallationId": "999"})
    assert (other.status, other.json["details"]["field"]) == (400, "sipConnectionInstallationId")
    left = await test.patch(path, {"sipConnectionInstallationId": None})
    assert (left.status, left.json["sipConnectionInstallationId"]) == (200, None)
    assert left.json["sipTrunkId"] == imported.json["sipTrunkId"]


async def test_s4_09_a_suspended_number_does_not_route(
    admin: Client, operator: Client, number: str, engine: Engine
) -> None:
    path = f"/v1/phone-numbers/{number}"
    assert (await admin.patch(path, {"status": "suspended"})).code == "insufficient_permissions"
    assert (await operator.patch(path, {"status": "suspended"})).status == 200
    shown = (await admin.get(f"{BASE}/{number}")).json
    assert shown["suspendedAt"] == "2024-01-15T10:30:00Z"
    assert shown["setupStatus"]["status"] == "action_required"
    assert status(engine, E164) == 480
    assert (await admin.patch(path, {"status": "active"})).status == 403
    assert (await operator.patch(path, {"status": "active"})).status == 200
    assert (await admin.get(f"{BASE}/{number}")).json["suspendedAt"] is None
    assert status(engine, E164) is None


async def test_s4_10_ready_is_what_is_true_now(
    admin: Client, number: str, trunk: str, echo: str, engine: Engine, clock: Clock
) -> None:
    id = trunk.removeprefix("trunk_")
    found = await setup(admin, number)
    # The carrier's trunk has no server: what comes in works, what goes out cannot.
    assert (found["inboundReady"], found["outboundReady"], found["status"]) == (True, False, "action_required")
    assert any("set its server" in issue for issue in found["issues"])
    await admin.patch(f"{BASE}/{number}", {"direction": "inbound"})
    assert (await setup(admin, number))["status"] == "ready"
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": {"server": "192.0.2.7"}})
    await admin.patch(f"{BASE}/{number}", {"direction": "both"})
    # Nobody knows yet whether there is anybody: calls come in all the same.
    found = await setup(admin, number)
    assert (found["status"], found["outboundReady"], found["sipConnectionReady"]) == ("action_required", False, False)
    assert found["inboundReady"]
    assert any("never tried: test it" in issue for issue in found["issues"])
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": {"probe": True}})
    assert (await setup(admin, number))["status"] == "pending"
    engine.health[id] = Health(state="reachable", since=clock.wall)
    found = await setup(admin, number)
    assert (found["status"], found["outboundReady"], found["sipConnectionReady"]) == ("ready", True, True)
    engine.health[id] = Health(state="unreachable", since=clock.wall, detail="no answer within 4 s")
    found = await setup(admin, number)
    assert (found["status"], found["sipConnectionReady"]) == ("action_required", False)
    assert any("no answer within 4 s" in issue for issue in found["issues"])
    del engine.health[id]
    await admin.patch(f"/v1/agents/{echo}", {"status": "inactive"})
    found = await setup(admin, number)
    assert (found["agentReady"], found["inboundReady"]) == (False, False)
    await admin.patch(f"{BASE}/{number}", {"agentId": None})
    assert any("assign one with agentId" in issue for issue in (await setup(admin, number))["issues"])


@pytest.mark.parametrize(("status", "ready"), [("reachable", True), ("unreachable", False), ("auth_failed", False)])
async def test_s4_10_a_test_of_the_trunk_counts(
    admin: Client, number: str, trunk: str, engine: Engine, status: Any, ready: bool
) -> None:
    await admin.patch(f"/v1/sip/trunks/{trunk}", {"config": {"server": "192.0.2.7"}})
    engine.tried = TrunkTrial(
        status=status, latency=None, detail=None if ready else "403 Forbidden", registration="skipped"
    )
    path = f"/api/v1/telephony/sip-trunks/{trunk.replace('trunk_', 'sip_')}/test"
    assert (await admin.post(path, {})).json["status"] == status
    found = await setup(admin, number)
    assert (found["sipConnectionReady"], found["status"] == "ready") == (ready, ready)
    assert any("its last test failed (403 Forbidden)" in issue for issue in found["issues"]) is not ready


async def test_s4_10_a_trunk_that_registers_must_be_registered(
    admin: Client, number: str, trunk: str, engine: Engine, clock: Clock
) -> None:
    config = {"server": "192.0.2.7", "register": True}
    changed = await admin.patch(
        f"/v1/sip/trunks/{trunk}", {"config": config, "credentials": {"username": "u", "password": "p"}}
    )
    assert changed.status == 200, changed.raw
    assert (await setup(admin, number))["sipConnectionReady"] is False
    id = trunk.removeprefix("trunk_")
    engine.registrations[id] = Registration(state="failed", since=clock.wall, detail="403 Forbidden")
    assert any("403 Forbidden" in issue for issue in (await setup(admin, number))["issues"])
    engine.registrations[id] = Registration(state="registered", since=clock.wall)
    found = await setup(admin, number)
    assert (found["sipConnectionReady"], found["forwardingRequired"], found["status"]) == (True, False, "ready")


async def test_s4_10_forwarding_is_required_until_a_call_has_come(
    admin: Client, number: str, engine: Engine, store: Store, organization: str
) -> None:
    engine.endpoints = (Endpoint(host="edge.example.com", port=5060, transport="udp"),)
    found = await setup(admin, number)
    assert found["forwardingRequired"] is True
    assert found["issues"][-1].endswith(f"forward {E164} to: sip:{E164}@edge.example.com:5060")
    async with store.write() as unit:
        await unit.calls.write([call(organization_id=organization, phone_number=E164, direction="inbound")])
    found = await setup(admin, number)
    assert found["forwardingRequired"] is False
    assert not any("forward" in issue for issue in found["issues"])


async def test_s4_11_direction_is_enforced(admin: Client, number: str, engine: Engine) -> None:
    for direction, expected in (("inbound", None), ("both", None), ("outbound", 403)):
        await admin.patch(f"{BASE}/{number}", {"direction": direction})
        assert status(engine, E164) == expected
    assert (await admin.patch(f"{BASE}/{number}", {"direction": "sideways"})).status == 400


async def test_s4_12_the_template_is_the_numbers(admin: Client, number: str, engine: Engine) -> None:
    template = {"customer": "{{caller}}", "plan": "gold"}
    changed = await admin.patch(f"{BASE}/{number}", {"dispatchMetadataTemplate": template})
    assert changed.json["dispatchMetadataTemplate"] == template
    routed = engine.table.number(E164)
    assert routed is not None
    assert routed.metadata == template
    cleared = await admin.patch(f"{BASE}/{number}", {"dispatchMetadataTemplate": None})
    assert cleared.json["dispatchMetadataTemplate"] == {}


async def test_s4_13_14_a_verification_begins_as_missing(admin: Client) -> None:
    found = (await admin.get(f"{BASE}/verification")).json
    assert (found["status"], found["submission"]) == ("missing", None)
    assert found["prefill"]["businessProfile"]["legalName"] == "Acme"
    assert list(found["prefill"]) == ["businessProfile", "authorizedRepresentative"]


async def test_s4_15_draft_and_submission(admin: Client, organization: str, clock: Clock) -> None:
    drafted = await admin.put(f"{BASE}/verification", {"businessProfile": {"legalName": "Acme Inc."}})
    assert drafted.status == 200, drafted.raw
    draft = drafted.json
    assert (draft["status"], draft["attestationAccepted"], draft["submittedAt"]) == ("draft", False, None)
    assert draft["slackNotificationStatus"] == "not_queued"
    early = await admin.post(f"{BASE}/verification/submit", {})
    assert (early.status, early.json["details"]["field"]) == (400, "businessProfile.entityType")
    await admin.put(f"{BASE}/verification", WHOLE)
    unattested = await admin.post(f"{BASE}/verification/submit", {})
    assert (unattested.status, unattested.json["details"]["field"]) == (400, "attestationAccepted")
    clock.pass_(60)
    submitted = (await admin.post(f"{BASE}/verification/submit", {"attestationAccepted": True})).json
    assert (submitted["id"], submitted["status"]) == (draft["id"], "submitted")
    assert submitted["submittedAt"] == submitted["attestedAt"] == "2024-01-15T10:31:00Z"
    assert submitted["organizationId"] == f"org_{organization}"
    assert submitted["businessProfile"]["country"] == "US"
    shown = (await admin.get(f"{BASE}/verification")).json
    assert (shown["status"], shown["submission"], shown["prefill"]) == ("submitted", submitted, None)
    for answer in (
        await admin.put(f"{BASE}/verification", {}),
        await admin.post(f"{BASE}/verification/submit", WHOLE),
    ):
        assert (answer.status, answer.json["code"]) == (409, "CONFLICT")


async def test_s4_14_an_operator_decides_and_a_rejected_one_is_mended(
    admin: Client, operator: Client, organization: str, test: Client, clock: Clock
) -> None:
    await admin.put(f"{BASE}/verification", WHOLE)
    await test.put(f"{BASE}/verification", WHOLE)
    (waiting,) = (await operator.get("/v1/verifications")).json["data"]
    decide = f"/v1/verifications/{waiting['id']}/decide"
    early = await operator.post(decide, {"status": "approved"})
    assert (early.status, early.code) == (409, "verification_not_submitted")
    await admin.post(f"{BASE}/verification/submit", {"attestationAccepted": True})
    assert (await admin.get("/v1/verifications")).code == "insufficient_permissions"
    (waiting,) = (await operator.get("/v1/verifications?status=submitted")).json["data"]
    assert (waiting["organization_id"], waiting["business"]["legal_name"]) == (f"org_{organization}", "Acme Inc.")
    bare = await operator.post(decide, {"status": "rejected"})
    assert (bare.code, bare.details["field"]) == ("missing_required_field", "reason")
    clock.pass_(60)
    assert (await operator.post(decide, {"status": "rejected", "reason": "No such company."})).status == 200
    shown = (await admin.get(f"{BASE}/verification")).json
    assert (shown["status"], shown["submission"]["rejectionReason"]) == ("rejected", "No such company.")
    assert (await admin.put(f"{BASE}/verification", {"businessProfile": {"legalName": "Acme Ltd."}})).status == 200
    again = (await admin.post(f"{BASE}/verification/submit", {})).json
    assert (again["status"], again["rejectionReason"]) == ("submitted", None)
    decided = await operator.post(decide, {"status": "approved"})
    assert (decided.json["status"], decided.json["business"]["legal_name"]) == ("approved", "Acme Ltd.")
    assert (await admin.get(f"{BASE}/verification")).json["status"] == "approved"
    assert (await admin.put(f"{BASE}/verification", {})).status == 409
    said = (await admin.get("/v1/audit?resource=verification")).json["data"]
    told = {each["changes"]["status"]["after"] for each in said if "status" in each["changes"]}
    assert {"rejected", "approved"} <= told
    unknown = await operator.post(
        "/v1/verifications/verification_01hm6jv4qg0000000000000000/decide", {"status": "approved"}
    )
    assert (unknown.status, unknown.code) == (404, "verification_not_found")


async def test_s4_15_what_is_said_is_checked(admin: Client) -> None:
    for part, field, value in (
        ("authorizedRepresentative", "email", "ann"),
        ("authorizedRepresentative", "phone", "2025550123"),
        ("businessProfile", "website", "acme"),
        ("businessProfile", "country", "XX"),
    ):
        answer = await admin.put(f"{BASE}/verification", {part: {field: value}})
        assert (answer.status, answer.json["details"]["field"]) == (400, f"{part}.{field}")
    assert (await admin.get(f"{BASE}/verification")).json["status"] == "missing"


async def test_s4_16_a_verification_is_its_organizations(
    admin: Client, client: Keys, services: Services, organization: str
) -> None:
    await admin.put(f"{BASE}/verification", WHOLE)
    stranger = await client((await services.organizations.create("Other")).id)
    assert (await stranger.get(f"{BASE}/verification")).json["status"] == "missing"
    test = await client(organization, live=False)
    assert (await test.get(f"{BASE}/verification")).json["status"] == "missing"


async def test_a_bare_list_says_in_headers_how_many_there_are(admin: Client, trunk: str) -> None:
    for last in range(3):
        await admin.post(f"{BASE}/import", {"e164": f"+1212555000{last}", "sipTrunkId": trunk})
    first = await admin.get(f"{BASE}?perPage=2")
    assert (len(first.json), first.headers["X-Total-Count"]) == (2, "3")
    assert first.headers["Link"] == f'<{BASE}?page=2&perPage=2>; rel="next"'
    second = await admin.get(f"{BASE}?page=2&perPage=2")
    assert (len(second.json), second.headers["X-Total-Count"]) == (1, "3")
    assert "Link" not in second.headers
