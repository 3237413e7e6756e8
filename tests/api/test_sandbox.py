"""Test keys: a namespace of their own in each organization, which no call and no live key ever meets (R21)."""

from __future__ import annotations

from tests.api.conftest import GENERIC, Client, Clock, Engine, Keys
from tests.control.conftest import build
from trunkline.control.services import Services
from trunkline.store.store import Store


async def _number(client: Client, e164: str = "+12125551234") -> str:
    trunk = await client.post("/v1/sip/trunks", GENERIC)
    assert trunk.status == 201, trunk.raw
    made = await client.post("/v1/phone-numbers/import", {"phone_number": e164, "trunk_id": trunk.json["id"]})
    assert made.status == 201, made.raw
    return str(made.json["id"])


async def test_r21_what_a_test_key_makes_is_seen_by_test_keys_alone(
    client: Keys, admin: Client, organization: str, services: Services
) -> None:
    test = await client(organization, live=False)
    number = await _number(test)
    assert (await test.get(f"/v1/phone-numbers/{number}")).status == 200
    again = await client(organization, live=False)
    assert (await again.get(f"/v1/phone-numbers/{number}")).status == 200
    assert (await admin.get(f"/v1/phone-numbers/{number}")).status == 404
    assert (await admin.get("/v1/sip/trunks")).json["data"] == []
    other = await client((await services.organizations.create("Other")).id, live=False)
    assert (await other.get(f"/v1/phone-numbers/{number}")).status == 404


async def test_r21_the_engine_never_hears_of_it(client: Keys, organization: str, engine: Engine) -> None:
    test = await client(organization, live=False)
    before = list(engine.applied)
    number = await _number(test)
    changed = await test.patch(f"/v1/phone-numbers/{number}", {"label": "Test"})
    assert changed.status == 200, changed.raw
    assert (await test.delete(f"/v1/phone-numbers/{number}")).status == 200
    assert engine.applied == before


async def test_r21_a_number_is_live_once_and_in_every_sandbox_once(
    client: Keys, admin: Client, organization: str, services: Services
) -> None:
    test = await client(organization, live=False)
    other = await client((await services.organizations.create("Other")).id, live=False)
    for each in (admin, test, other):
        await _number(each)
    trunk = (await test.get("/v1/sip/trunks")).json["data"][0]["id"]
    twice = await test.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk})
    assert (twice.status, twice.code) == (409, "phone_number_exists")


async def test_r21_what_one_organization_buys_in_the_sandbox_is_offered_to_the_others(
    client: Keys, organization: str, services: Services
) -> None:
    test = await client(organization, live=False)
    other = await client((await services.organizations.create("Other")).id, live=False)
    account = {"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "token"}}
    for connected in (False, True):
        bought = f"+1415555010{2 + connected}"
        for each in (test, other) if connected else ():
            evidence = (await each.post("/v1/voip-connections/test", account)).json["verification_evidence_id"]
            made = await each.post("/v1/voip-connections", {**account, "verification_evidence_id": evidence})
            assert made.status == 201, made.raw
        body = {"phoneNumber": bought, "provider": "twilio"}
        assert (await test.post("/api/v1/telephony/numbers", body)).status == 201
        search = "/api/v1/telephony/numbers/search?areaCode=415&provider=twilio&limit=50"
        offered = [
            [each["phoneNumber"] for each in (await asked.get(search)).json["numbers"]] for asked in (test, other)
        ]
        assert [bought in each for each in offered] == [False, True]


async def test_r21_a_live_trunk_is_no_trunk_of_the_sandbox(client: Keys, organization: str, trunk: str) -> None:
    test = await client(organization, live=False)
    answer = await test.post("/v1/phone-numbers/import", {"phone_number": "+12125551234", "trunk_id": trunk})
    assert (answer.status, answer.code) == (404, "trunk_not_found")


async def test_r21_it_outlives_a_restart(
    client: Keys, organization: str, services: Services, store: Store, clock: Clock
) -> None:
    test = await client(organization, live=False)
    number = (await _number(test)).removeprefix("phone_")
    engine = Engine()
    again = build(store, engine, clock)
    await again.load()
    sandbox = again.state.catalogue.sandbox_of(organization)
    assert sandbox is not None
    assert again.numbers.get(sandbox.id, number).e164 == "+12125551234"
    assert engine.table.number("+12125551234") is None


async def test_a_sandbox_is_no_organization_to_be_named(
    client: Keys, organization: str, services: Services, operator: Client
) -> None:
    test = await client(organization, live=False)
    await _number(test)
    sandbox = services.state.catalogue.sandbox_of(organization)
    assert sandbox is not None
    listed = (await operator.get("/v1/organizations")).json["data"]
    assert [each["id"] for each in listed] == [f"org_{organization}"]
    named = await operator.get("/v1/sip/trunks", headers={"X-Organization-Id": f"org_{sandbox.id}"})
    assert named.status == 403
    assert (await operator.get(f"/v1/organizations/{sandbox.id}")).status == 404


async def test_a_sandbox_goes_with_its_organization(client: Keys, services: Services, store: Store) -> None:
    other = (await services.organizations.create("Other")).id
    await _number(await client(other, live=False))
    above = await client(None, "operator")
    deleted = await above.delete(f"/v1/organizations/{other}")
    assert deleted.status == 200, deleted.raw
    assert services.state.catalogue.sandbox_of(other) is None
    async with store.read() as unit:
        assert await unit.numbers.everything(sandbox=True) == []
        assert [each.name for each in await unit.organizations.all()] == []


async def test_a_test_key_belongs_to_an_organization(services: Services, client: Keys, organization: str) -> None:
    operator = await client(organization, "operator")
    made = await operator.post("/v1/api-keys", {"name": "Test", "environment": "test"})
    assert made.json["key"].startswith("trunkline_test_")
    assert (await operator.with_key(made.json["key"]).get("/v1/api-keys")).code == "feature_not_enabled"
