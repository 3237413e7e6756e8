"""VoIP connections (the seed's third document), a test for each requirement, over HTTP and with a carrier on a socket.

S3-21 and the evidence's rules are what a bill hangs on: each is tested with the requests racing, too.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.conftest import Answer, Client, Clock, Engine, Keys
from tests.control.conftest import build
from tests.databases import contents
from tests.providers.carrier import KEY, SID, TOKEN, Carrier
from tests.providers.conftest import carrier, providers
from trunkline.control.ports import TrunkTrial
from trunkline.control.services import Services
from trunkline.providers.registry import Providers
from trunkline.store.store import Store

__all__ = ["carrier", "providers"]

TWILIO: dict[str, Any] = {"provider": "twilio", "credentials": {"account_sid": SID, "auth_token": TOKEN}}
TELNYX: dict[str, Any] = {"provider": "telnyx", "credentials": {"api_key": KEY}}
FIELDS = {
    "id",
    "name",
    "provider",
    "setup_method",
    "status",
    "inferred_name",
    "sip_config",
    "last_tested_at",
    "numbers_imported",
}


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock, providers: Providers) -> AsyncIterator[Services]:
    made = build(store, engine, clock, providers=providers, patience=0.2)
    await made.load()
    yield made
    await made.provisioning.close()


async def evidence(client: Client, body: dict[str, Any]) -> str:
    answer = await client.post("/v1/voip-connections/test", body)
    assert answer.status == 200, answer.raw
    return str(answer.json["verification_evidence_id"])


async def connected(client: Client, body: dict[str, Any] = TWILIO, **more: Any) -> dict[str, Any]:
    given = {**body, **more, "verification_evidence_id": await evidence(client, body)}
    answer = await client.post("/v1/voip-connections", given)
    assert answer.status == 201, answer.raw
    made: dict[str, Any] = answer.json
    return made


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


@pytest.mark.parametrize(
    ("provider", "method", "status"),
    [
        ("twilio", "api_key", 201),
        ("telnyx", "api_key", 201),
        ("telnyx", "guided_telnyx", 201),
        ("twilio", "guided_telnyx", 400),
        ("twilio", "manual", 400),
        ("manual", "api_key", 400),
        ("manual", "manual", 201),
        ("bandwidth", "api_key", 400),
    ],
)
async def test_s3_01_each_provider_has_its_ways_of_being_set_up(
    admin: Client, provider: str, method: str, status: int
) -> None:
    credentials = {"twilio": TWILIO, "telnyx": TELNYX}.get(provider, {"credentials": {}})["credentials"]
    given = {"provider": provider, "credentials": credentials}
    tested = await admin.post("/v1/voip-connections/test", given)
    proof = tested.json.get("verification_evidence_id", str(uuid.uuid4()))
    answer = await admin.post(
        "/v1/voip-connections", {**given, "setup_method": method, "verification_evidence_id": proof}
    )
    assert answer.status == status, answer.raw


async def test_s3_01_guided_set_up_makes_all_that_calls_need_and_is_safe_to_repeat(
    admin: Client, carrier: Carrier
) -> None:
    carrier.fail("POST /v2/fqdns", "500")
    given = {**TELNYX, "setup_method": "guided_telnyx", "verification_evidence_id": await evidence(admin, TELNYX)}
    assert code(await admin.post("/v1/voip-connections", given)) == (502, "provider_failed")
    assert (await admin.get("/v1/voip-connections")).json["data"] == []
    made = await admin.post("/v1/voip-connections", given)
    assert made.status == 201, made.raw
    assert [len(carrier.engine[kind]["all"]) for kind in ("fqdn_connections", "fqdns", "outbound_voice_profiles")] == [
        1,
        1,
        1,
    ]
    assert carrier.engine["fqdns"]["all"][0]["fqdn"] == "sip.example.net"
    assert made.json["sip_config"] == {"connection_id": "1"}


async def test_s3_02_to_06_a_connection_is_made_listed_read_changed_and_deleted(admin: Client) -> None:
    made = await connected(admin, name="Ours")
    assert set(made) == FIELDS
    listed = (await admin.get("/v1/voip-connections")).json
    assert listed["data"] == [made]
    assert listed["pagination"] == {"page": 1, "per_page": 20, "total": 1}
    path = f"/v1/voip-connections/{made['id']}"
    assert (await admin.get(path)).json == made
    changed = await admin.patch(path, {"name": "Theirs", "sip_config": {"domain": "acme.pstn.twilio.com"}})
    assert changed.json == {**made, "name": "Theirs", "sip_config": changed.json["sip_config"]}
    assert changed.json["sip_config"]["domain"] == "acme.pstn.twilio.com"
    gone = await admin.delete(path)
    assert (gone.status, gone.raw) == (204, b"")
    assert code(await admin.get(path)) == (404, "connection_not_found")
    assert code(await admin.delete(path)) == (404, "connection_not_found")


async def test_s3_04_another_organizations_connection_does_not_exist(
    admin: Client, client: Keys, services: Services
) -> None:
    made = await connected(admin)
    other = await client((await services.organizations.create("Other")).id)
    for answer in (
        await other.get(f"/v1/voip-connections/{made['id']}"),
        await other.patch(f"/v1/voip-connections/{made['id']}", {"name": "Mine"}),
        await other.delete(f"/v1/voip-connections/{made['id']}"),
        await other.get(f"/v1/voip-connections/{made['id']}/available-numbers"),
    ):
        assert code(answer) == (404, "connection_not_found")


async def test_s3_06_numbers_of_a_deleted_connection_stay_and_go_on_routing(
    admin: Client, carrier: Carrier, engine: Engine, echo: str
) -> None:
    carrier.own("+14155550100")
    made = await connected(admin, sip_config={"networks": ["192.0.2.0/24"]})
    answer = await admin.post(f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": ["+14155550100"]})
    phone = answer.json["results"][0]["id"]
    assert (await admin.post(f"/v1/phone-numbers/{phone}/verify-voip")).status == 200
    await admin.patch(f"/v1/phone-numbers/{phone}", {"agent_id": echo})
    before = engine.invite("+14155550100", "192.0.2.7")
    await admin.delete(f"/v1/voip-connections/{made['id']}")
    after = engine.invite("+14155550100", "192.0.2.7")
    assert type(after) is type(before)
    assert type(after).__name__ == "Admitted"
    assert (await admin.get(f"/v1/phone-numbers/{phone}")).json["status"] == "active"


async def test_s3_06_r29_a_number_says_which_connection_it_came_by(admin: Client, carrier: Carrier, trunk: str) -> None:
    carrier.own("+14155550100")
    made = await connected(admin)
    await admin.post(f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": ["+14155550100"]})
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk})

    async def shown() -> dict[str, int | None]:
        listed = (await admin.get("/v1/phone-numbers")).json["data"]
        for each in listed:
            single = (await admin.get(f"/v1/phone-numbers/{each['id']}")).json
            assert single["voip_connection_id"] == each["voip_connection_id"]
        return {each["number"]: each["voip_connection_id"] for each in listed}

    assert await shown() == {"+14155550100": made["id"], "+12125551234": None}
    await admin.delete(f"/v1/voip-connections/{made['id']}")
    assert await shown() == {"+14155550100": None, "+12125551234": None}


async def test_s3_10_r21_a_sandboxes_account_has_any_number_that_is_tried(client: Keys, organization: str) -> None:
    tester = await client(organization, live=False)
    made = await connected(tester)
    answer = await tester.post(f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": ["+15551234567"]})
    phone = answer.json["results"][0]["id"]
    assert (await tester.post(f"/v1/phone-numbers/{phone}/verify-voip")).json["status"] == "active"
    # It is not listed as if somebody had it.
    listed = (await tester.get(f"/v1/voip-connections/{made['id']}/available-numbers")).json["data"]
    assert "+15551234567" not in [each["phone_number"] for each in listed]


async def test_s3_07_a_test_asks_the_provider_and_keeps_no_connection(admin: Client, carrier: Carrier) -> None:
    answer = await admin.post("/v1/voip-connections/test", TWILIO)
    assert answer.json["success"] is True
    uuid.UUID(answer.json["verification_evidence_id"])
    assert answer.json["expires_at"] == "2024-01-15T10:45:00Z"
    assert carrier.asked == [f"GET /2010-04-01/Accounts/{SID}.json"]
    assert (await admin.get("/v1/voip-connections")).json["data"] == []


async def test_s3_08_a_name_is_inferred(admin: Client) -> None:
    assert (await admin.post("/v1/voip-connections/suggest-name", TWILIO)).json == {"name": "Acme's account"}
    assert (await admin.post("/v1/voip-connections/suggest-name", TELNYX)).json == {"name": "Telnyx"}


async def test_s3_09_the_accounts_numbers_are_listed(admin: Client, carrier: Carrier, trunk: str) -> None:
    carrier.own("+14155550123", "Support")
    carrier.own("+14155550100")
    made = await connected(admin)
    await admin.post("/v1/phone-numbers/import", {"phone_number": "+14155550100", "trunk_id": trunk})
    answer = await admin.get(f"/v1/voip-connections/{made['id']}/available-numbers")
    assert [(each["phone_number"], each["imported"]) for each in answer.json["data"]] == [
        ("+14155550100", True),
        ("+14155550123", False),
    ]
    assert answer.json["pagination"]["total"] == 2


async def test_s3_10_and_23_numbers_are_imported_and_counted(admin: Client, carrier: Carrier) -> None:
    carrier.own("+14155550100")
    carrier.own("+14155550123")
    made = await connected(admin)
    wanted = ["+14155550100", "+14155550123", "+14155550199", "14155550100"]
    answer = await admin.post(f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": wanted})
    assert answer.status == 201, answer.raw
    body = answer.json
    assert (body["success"], body["imported"], body["failed"]) == (False, 2, 2)
    assert [(each["status"], each["error"] and each["error"]["code"]) for each in body["results"]] == [
        ("provisioning", None),
        ("provisioning", None),
        ("failed", "phone_not_found"),
        ("failed", "invalid_phone_number"),
    ]
    phone = (await admin.get(f"/v1/phone-numbers/{body['results'][0]['id']}")).json
    assert (phone["status"], phone["number"]) == ("provisioning", "+14155550100")
    assert (await admin.get(f"/v1/voip-connections/{made['id']}")).json["numbers_imported"] == 2
    again = await admin.post(f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": wanted[:1]})
    assert (again.status, again.json["results"][0]["error"]["code"]) == (200, "phone_number_exists")
    assert (await admin.get(f"/v1/voip-connections/{made['id']}")).json["numbers_imported"] == 2


async def test_s3_11_literal_paths_are_no_ids(admin: Client) -> None:
    assert (await admin.get("/v1/voip-connections/test")).status == 405
    assert (await admin.get("/v1/voip-connections/suggest-name")).status == 405
    for id in ("0", "-1", "abc", "01hm0000000000000000000000", "9" * 30):
        assert code(await admin.get(f"/v1/voip-connections/{id}")) == (404, "connection_not_found")


async def test_s3_12_the_object_has_exactly_its_fields(admin: Client) -> None:
    config = {"domain": "acme.pstn.twilio.com", "username": "us", "password": "sip-pass-word"}
    made = await connected(admin, sip_config=config)
    assert set(made) == FIELDS
    assert made["id"] == 1
    assert (made["provider"], made["setup_method"], made["status"]) == ("twilio", "api_key", "connected")
    assert made["last_tested_at"] == "2024-01-15T10:30:00Z"
    shown = made["sip_config"]
    assert shown["password"] != "sip-pass-word"
    # What is read may be sent back: the masked password leaves the stored one.
    again = await admin.patch(f"/v1/voip-connections/{made['id']}", {"sip_config": shown})
    assert again.json["sip_config"] == shown


async def test_s3_13_credentials_are_nowhere_to_be_read(admin: Client, carrier: Carrier, store: Store) -> None:
    made = await connected(admin)
    await admin.patch(f"/v1/voip-connections/{made['id']}", {"name": "New"})
    carrier.fail("GET", "401")
    refused = await admin.post("/v1/voip-connections/test", TWILIO)
    assert code(refused) == (422, "credentials_rejected")
    await admin.get("/v1/audit")
    assert [body for body in admin.seen if TOKEN.encode() in body] == []
    assert TOKEN not in await contents(store)


@pytest.mark.parametrize("lacking", ["provider", "credentials", "verification_evidence_id"])
async def test_s3_14_what_is_required(admin: Client, lacking: str) -> None:
    given = {**TWILIO, "verification_evidence_id": await evidence(admin, TWILIO)}
    del given[lacking]
    answer = await admin.post("/v1/voip-connections", given)
    assert code(answer) == (400, "missing_required_field")
    assert answer.json["error"]["details"]["field"] == lacking


async def test_s3_14_what_is_not_required(admin: Client) -> None:
    made = await connected(admin)
    assert (made["name"], made["inferred_name"], made["setup_method"]) == ("Acme's account", True, "api_key")


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"account_sid": SID}, "credentials.auth_token"),
        ({"auth_token": TOKEN}, "credentials.account_sid"),
        ({"account_sid": "AC1", "auth_token": TOKEN}, "credentials.account_sid"),
        ({"account_sid": SID, "auth_token": ""}, "credentials.auth_token"),
        ({"account_sid": SID, "auth_token": "a\r\nX-Other: 1"}, "credentials.auth_token"),
        ({"account_sid": SID, "auth_token": TOKEN, "pin": "1"}, "credentials.pin"),
    ],
)
async def test_s3_14_credentials_that_cannot_be_are_refused_unasked(
    admin: Client, carrier: Carrier, credentials: dict[str, str], field: str
) -> None:
    answer = await admin.post("/v1/voip-connections/test", {"provider": "twilio", "credentials": credentials})
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == field
    assert carrier.asked == []


async def test_s3_15_evidence_of_another_provider(admin: Client) -> None:
    proof = await evidence(admin, TELNYX)
    answer = await admin.post("/v1/voip-connections", {**TWILIO, "verification_evidence_id": proof})
    assert code(answer) == (400, "invalid_evidence")


async def test_s3_16_evidence_is_good_once_for_a_quarter_of_an_hour_and_at_home(
    admin: Client, client: Keys, clock: Clock, services: Services
) -> None:
    given = {**TWILIO, "verification_evidence_id": await evidence(admin, TWILIO)}
    other = await client((await services.organizations.create("Other")).id)
    assert code(await other.post("/v1/voip-connections", given)) == (400, "invalid_evidence")
    assert (await admin.post("/v1/voip-connections", given)).status == 201
    assert code(await admin.post("/v1/voip-connections", given)) == (400, "invalid_evidence")
    late = {**TWILIO, "verification_evidence_id": await evidence(admin, TWILIO)}
    clock.pass_(901)
    assert code(await admin.post("/v1/voip-connections", late)) == (400, "invalid_evidence")
    unknown = {**TWILIO, "verification_evidence_id": str(uuid.uuid4())}
    assert code(await admin.post("/v1/voip-connections", unknown)) == (400, "invalid_evidence")
    wrong = {**TWILIO, "verification_evidence_id": "no-uuid"}
    assert (await admin.post("/v1/voip-connections", wrong)).status == 400


async def test_s3_16_of_requests_that_race_with_one_evidence_one_wins(admin: Client) -> None:
    given = {**TWILIO, "verification_evidence_id": await evidence(admin, TWILIO)}
    answers = await asyncio.gather(*(admin.post("/v1/voip-connections", given) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 7
    assert (await admin.get("/v1/voip-connections")).json["pagination"]["total"] == 1


async def test_s3_16_a_request_that_fails_leaves_the_evidence_as_it_was(admin: Client) -> None:
    given = {**TWILIO, "verification_evidence_id": await evidence(admin, TWILIO)}
    assert (await admin.post("/v1/voip-connections", {**given, "name": "\u0000"})).status == 400
    assert (await admin.post("/v1/voip-connections", given)).status == 201


async def test_s3_17_and_18_other_credentials_than_those_tested(admin: Client, carrier: Carrier) -> None:
    proof = await evidence(admin, TWILIO)
    carrier.asked.clear()
    other = {**TWILIO, "credentials": {"account_sid": SID, "auth_token": "another"}}
    answer = await admin.post("/v1/voip-connections", {**other, "verification_evidence_id": proof})
    assert code(answer) == (422, "credentials_rejected")
    assert carrier.asked == []
    assert (await admin.post("/v1/voip-connections", {**TWILIO, "verification_evidence_id": proof})).status == 201


async def test_s3_18_credentials_that_the_provider_refuses(admin: Client) -> None:
    other = {**TWILIO, "credentials": {"account_sid": SID, "auth_token": "another"}}
    answer = await admin.post("/v1/voip-connections/test", other)
    assert code(answer) == (422, "credentials_rejected")
    assert "401" in answer.json["error"]["message"]


async def test_s3_19_a_connection_costs_one_test(admin: Client, carrier: Carrier) -> None:
    await connected(admin)
    assert len(carrier.asked) == 1


async def test_s3_20_a_name_that_is_given_is_not_inferred(admin: Client) -> None:
    made = await connected(admin)
    assert (made["name"], made["inferred_name"]) == ("Acme's account", True)
    changed = (await admin.patch(f"/v1/voip-connections/{made['id']}", {"name": "Ours"})).json
    assert (changed["name"], changed["inferred_name"]) == ("Ours", False)


async def test_s3_21_credentials_are_exchanged_with_fresh_evidence_alone(admin: Client, clock: Clock) -> None:
    made = await connected(admin)
    path = f"/v1/voip-connections/{made['id']}"
    rotated = {"credentials": TWILIO["credentials"]}
    assert code(await admin.patch(path, rotated)) == (400, "missing_required_field")
    clock.pass_(60)
    proof = await evidence(admin, TWILIO)
    answers = await asyncio.gather(
        *(admin.patch(path, {**rotated, "verification_evidence_id": proof}) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 4
    assert (await admin.get(path)).json["last_tested_at"] == "2024-01-15T10:31:00Z"
    assert (await admin.patch(path, {"name": "Free"})).status == 200


async def test_s3_22_a_test_that_fails_shows_in_the_connection(admin: Client, carrier: Carrier, clock: Clock) -> None:
    made = await connected(admin)
    path = f"/v1/voip-connections/{made['id']}"
    clock.pass_(60)
    carrier.fail(f"GET /2010-04-01/Accounts/{SID}.json", "401")
    assert (await admin.post("/v1/voip-connections/test", TWILIO)).status == 422
    shown = (await admin.get(path)).json
    assert (shown["status"], shown["last_tested_at"]) == ("error", "2024-01-15T10:30:00Z")
    await evidence(admin, TWILIO)
    shown = (await admin.get(path)).json
    assert (shown["status"], shown["last_tested_at"]) == ("connected", "2024-01-15T10:31:00Z")
    carrier.fail("IncomingPhoneNumbers", "401")
    answer = await admin.get(f"{path}/available-numbers")
    assert code(answer) == (422, "credentials_rejected")
    assert (await admin.get(path)).json["status"] == "error"


async def test_s3_22_it_is_testing_meanwhile(admin: Client, carrier: Carrier) -> None:
    made = await connected(admin)
    carrier.fail("GET", "silence")
    test = asyncio.create_task(admin.post("/v1/voip-connections/test", TWILIO))
    while len(carrier.asked) < 2:  # noqa: ASYNC110 - the carrier has been asked
        await asyncio.sleep(0.01)
    assert (await admin.get(f"/v1/voip-connections/{made['id']}")).json["status"] == "testing"
    await test
    assert (await admin.get(f"/v1/voip-connections/{made['id']}")).json["status"] == "connected"


async def test_s3_24_verification_leads_calls_here_and_proves_both_ways(
    admin: Client, carrier: Carrier, services: Services
) -> None:
    carrier.own("+14155550100")
    made = await connected(admin)
    imported = await admin.post(
        f"/v1/voip-connections/{made['id']}/import-numbers", {"phone_numbers": ["+14155550100"]}
    )
    phone = imported.json["results"][0]["id"]
    assert (await admin.post(f"/v1/phone-numbers/{phone}/provision")).status == 400
    carrier.trunks[0]["auth_type_set"] = []
    failed = await admin.post(f"/v1/phone-numbers/{phone}/verify-voip")
    assert failed.status == 422
    assert (failed.json["success"], failed.json["status"]) == (False, "provisioning")
    assert failed.json["checks"]["inbound"] == {"ok": True, "detail": None}
    assert failed.json["checks"]["outbound"]["ok"] is False
    assert failed.json["error"]["code"] == "verification_failed"
    assert (await admin.get(f"/v1/phone-numbers/{phone}")).json["status"] == "provisioning"
    carrier.trunks[0]["auth_type_set"] = ["IP_ACL"]
    done = await admin.post(f"/v1/phone-numbers/{phone}/verify-voip")
    assert (done.status, done.json["success"], done.json["status"]) == (200, True, "active")
    assert carrier.originations == ["sip:sip.example.net:5060"]
    assert carrier.owned["+14155550100"]["trunk_sid"] == carrier.trunks[0]["sid"]


async def test_s3_24_a_number_of_no_connection_is_not_verified(admin: Client, trunk: str) -> None:
    made = await admin.post("/v1/phone-numbers/import", {"phone_number": "+14155550100", "trunk_id": trunk})
    answer = await admin.post(f"/v1/phone-numbers/{made.json['id']}/verify-voip")
    assert code(answer) == (400, "provisioning_not_supported")


@pytest.mark.parametrize("fault", ["500", "silence", "cut", "garbage"])
async def test_a_provider_that_fails_is_told_of_and_nothing_is_kept(
    admin: Client, carrier: Carrier, fault: str
) -> None:
    carrier.fail("GET", *[fault] * 3)
    assert code(await admin.post("/v1/voip-connections/test", TWILIO)) == (502, "provider_failed")
    carrier.faults.clear()
    made = await connected(admin)
    carrier.own("+14155550100")
    carrier.fail("IncomingPhoneNumbers", *[fault] * 3)
    path = f"/v1/voip-connections/{made['id']}/import-numbers"
    assert code(await admin.post(path, {"phone_numbers": ["+14155550100"]})) == (502, "provider_failed")
    assert (await admin.get("/v1/phone-numbers")).json["pagination"]["total"] == 0


async def test_a_viewer_sees_and_changes_nothing(admin: Client, client: Keys, organization: str) -> None:
    made = await connected(admin)
    viewer = await client(organization, "viewer")
    assert (await viewer.get(f"/v1/voip-connections/{made['id']}")).status == 200
    assert (await viewer.post("/v1/voip-connections/test", TWILIO)).status == 403
    assert (await viewer.delete(f"/v1/voip-connections/{made['id']}")).status == 403


async def test_a_test_key_meets_the_sandbox_and_no_carrier(client: Keys, organization: str, carrier: Carrier) -> None:
    tester = await client(organization, live=False)
    made = await connected(tester, name="Play")
    numbers = (await tester.get(f"/v1/voip-connections/{made['id']}/available-numbers")).json["data"]
    assert [each["phone_number"] for each in numbers] == ["+15555551234", "+15555551235", "+15555551236"]
    wanted = {"phone_numbers": ["+15555551234", "+15555551235"]}
    imported = await tester.post(f"/v1/voip-connections/{made['id']}/import-numbers", wanted)
    good, bad = [each["id"] for each in imported.json["results"]]
    assert (await tester.post(f"/v1/phone-numbers/{good}/verify-voip")).json["status"] == "active"
    assert (await tester.post(f"/v1/phone-numbers/{bad}/verify-voip")).status == 422
    refused = {**TWILIO, "credentials": {"account_sid": SID, "auth_token": "invalid"}}
    assert (await tester.post("/v1/voip-connections/test", refused)).status == 422
    assert carrier.asked == []


async def test_a_test_key_sends_no_sip(client: Keys, organization: str, engine: Engine) -> None:
    engine.tried = TrunkTrial(status="unreachable", latency=None, registration="skipped", detail="asked")
    tester = await client(organization, live=False)
    given = {"provider": "manual", "credentials": {}, "sip_config": {"domain": "sip.carrier.example"}}
    assert (await tester.post("/v1/voip-connections/test", given)).status == 200


async def test_r28_any_other_carrier_is_tried_over_sip(admin: Client, engine: Engine) -> None:
    credentials = {"username": "us", "password": "a long password"}
    given = {"provider": "manual", "credentials": credentials, "sip_config": {"domain": "sip.carrier.example"}}
    engine.tried = TrunkTrial(status="auth_failed", latency=0.1, registration="failed", detail="403 Forbidden")
    refused = await admin.post("/v1/voip-connections/test", given)
    assert code(refused) == (422, "credentials_rejected")
    assert "403 Forbidden" in refused.json["error"]["message"]
    engine.tried = TrunkTrial(status="reachable", latency=0.1, registration="verified")
    made = await connected(admin, given)
    wanted = {"phone_numbers": ["+14155550100"]}
    imported = await admin.post(f"/v1/voip-connections/{made['id']}/import-numbers", wanted)
    phone = imported.json["results"][0]["id"]
    engine.tried = TrunkTrial(status="unreachable", latency=None, registration="skipped", detail="no answer")
    failed = await admin.post(f"/v1/phone-numbers/{phone}/verify-voip")
    assert (failed.status, failed.json["checks"]["outbound"]["ok"]) == (422, False)
    engine.tried = TrunkTrial(status="reachable", latency=0.1, registration="verified")
    assert (await admin.post(f"/v1/phone-numbers/{phone}/verify-voip")).json["status"] == "active"
