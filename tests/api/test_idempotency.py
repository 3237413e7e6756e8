"""The same request under the same Idempotency-Key is carried out once."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import GENERIC, Client, Clock, Engine, Keys
from trunkline.control.access.idempotency import KEPT
from trunkline.control.services import Services
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores

ONCE = {"Idempotency-Key": "7b2c4a34"}


async def test_the_second_is_answered_as_the_first(admin: Client) -> None:
    first = await admin.post("/v1/sip/trunks", GENERIC, headers=ONCE)
    second = await admin.post("/v1/sip/trunks", GENERIC, headers=ONCE)
    assert (first.status, second.status) == (201, 201)
    assert second.raw == first.raw
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len((await admin.get("/v1/sip/trunks")).json["data"]) == 1


async def test_a_key_that_was_made_is_shown_again_and_kept_sealed(admin: Client, store: Store) -> None:
    first = await admin.post("/v1/api-keys", {"name": "Theirs"}, headers=ONCE)
    second = await admin.post("/v1/api-keys", {"name": "Theirs"}, headers=ONCE)
    assert second.json["key"] == first.json["key"]
    async with store.read() as unit:
        rows = (await unit.session.run("SELECT body FROM idempotency")).all()
    assert len(rows) == 1
    assert first.json["key"] not in rows[0].body


async def test_another_request_under_the_key_is_refused(admin: Client) -> None:
    await admin.post("/v1/sip/trunks", GENERIC, headers=ONCE)
    for path, body in (("/v1/sip/trunks", {**GENERIC, "name": "Other"}), ("/v1/agents", {"name": "E", "kind": "echo"})):
        answer = await admin.post(path, body, headers=ONCE)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")


async def test_a_refusal_is_not_remembered(admin: Client, trunk: str) -> None:
    body = {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": "agent_01hm6jv4qg0000000000000000"}
    for _ in "ab":
        assert (await admin.post("/v1/phone-numbers/import", body, headers=ONCE)).code == "agent_not_found"
    del body["agent_id"]
    assert (await admin.post("/v1/phone-numbers/import", body, headers=ONCE)).status == 201


async def test_at_once_is_once(admin: Client) -> None:
    answers = await asyncio.gather(*[admin.post("/v1/sip/trunks", GENERIC, headers=ONCE) for _ in range(8)])
    assert {answer.status for answer in answers} == {201}
    assert len({answer.raw for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 7
    assert len((await admin.get("/v1/sip/trunks")).json["data"]) == 1


async def test_another_key_is_another_askers(admin: Client, client: Keys, organization: str) -> None:
    other = await client(organization)
    await admin.post("/v1/sip/trunks", GENERIC, headers=ONCE)
    answer = await other.post("/v1/sip/trunks", GENERIC, headers=ONCE)
    assert (answer.status, answer.code) == (409, "trunk_name_exists")


async def test_after_a_day_it_is_forgotten(admin: Client, clock: Clock, services: Services, store: Store) -> None:
    await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    clock.pass_(KEPT)
    again = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    assert again.status == 201
    assert len((await admin.get("/v1/agents")).json["data"]) == 2
    clock.pass_(KEPT)
    await services.flush()
    async with store.read() as unit:
        assert (await unit.session.run("SELECT * FROM idempotency")).all() == []


async def test_what_is_stored_though_the_engine_does_not_answer_is_said_so_again(admin: Client, engine: Engine) -> None:
    engine.gone = True
    first = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    assert (first.status, first.code) == (503, "engine_unavailable")
    engine.gone = False
    second = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    assert (second.status, second.raw) == (503, first.raw)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len((await admin.get("/v1/agents")).json["data"]) == 1


async def test_what_the_engine_never_heard_may_be_asked_again(admin: Client, engine: Engine) -> None:
    body = {"source": "192.0.2.1", "to": "+12025550100"}
    engine.gone = True
    first = await admin.post("/v1/routes/explain", body, headers=ONCE)
    assert (first.status, first.code) == (503, "engine_unavailable")
    engine.gone = False
    assert (await admin.post("/v1/routes/explain", body, headers=ONCE)).status == 200


async def test_what_was_cut_off_is_not_known(admin: Client, store: Store) -> None:
    first = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    assert first.status == 201
    async with store.write() as unit:
        await unit.session.run("UPDATE idempotency SET status = NULL, body = NULL")
    second = await admin.post("/v1/agents", {"name": "Echo", "kind": "echo"}, headers=ONCE)
    assert (second.status, second.code) == (409, "idempotency_unfinished")


async def test_a_key_has_a_shape(admin: Client) -> None:
    for text in ("", "x" * 256):
        answer = await admin.post("/v1/agents", {"name": "E", "kind": "echo"}, headers={"Idempotency-Key": text})
        assert (answer.status, answer.details["field"]) == (400, "Idempotency-Key")
