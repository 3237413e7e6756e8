"""`/v1/api-keys`: made, shown once, changed, rotated, ended."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Client, Clock, Keys
from tests.control.conftest import build
from tests.control.engine import Engine
from tests.databases import contents
from trunkline.control.services import Services
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores


async def test_s2_01_a_key_is_shown_once_and_kept_as_a_hash(admin: Client, anybody: Client, store: Store) -> None:
    answer = await admin.post("/v1/api-keys", {"name": "CI", "role": "viewer"})
    assert answer.status == 201
    text = answer.json["key"]
    assert re.fullmatch(r"trunkline_live_[0-9A-Za-z]{43}", text)
    assert answer.json["prefix"] == text[: len("trunkline_live_") + 6]
    assert (await anybody.with_key(text).get("/v1/sip/trunks")).status == 200
    for path in ("/v1/api-keys", f"/v1/api-keys/{answer.json['id']}"):
        assert text.encode() not in (await admin.get(path)).raw
    assert text not in await contents(store)
    test = await admin.post("/v1/api-keys", {"name": "Sandbox", "environment": "test"})
    assert test.json["key"].startswith("trunkline_test_")


async def test_s2_01_rotation_ends_the_old_text_at_once(admin: Client, anybody: Client) -> None:
    made = (await admin.post("/v1/api-keys", {"name": "CI"})).json
    rotated = await admin.post(f"/v1/api-keys/{made['id']}/rotate")
    assert rotated.status == 200
    assert (await anybody.with_key(made["key"]).get("/v1/agents")).code == "invalid_api_key"
    assert (await anybody.with_key(rotated.json["key"]).get("/v1/agents")).status == 200
    assert rotated.json["id"] == made["id"]


async def test_s2_01_expiry(admin: Client, anybody: Client, clock: Clock) -> None:
    made = (await admin.post("/v1/api-keys", {"name": "Brief", "expires_at": "2024-01-15T10:31:00Z"})).json
    assert made["expires_at"] == "2024-01-15T10:31:00Z"
    brief = anybody.with_key(made["key"])
    assert (await brief.get("/v1/agents")).status == 200
    clock.pass_(60)
    assert (await brief.get("/v1/agents")).code == "invalid_api_key"
    assert (await admin.patch(f"/v1/api-keys/{made['id']}", {"expires_at": None})).json["expires_at"] is None
    assert (await brief.get("/v1/agents")).status == 200
    past = await admin.post("/v1/api-keys", {"name": "Late", "expires_at": "2024-01-15T10:31:00Z"})
    assert (past.status, past.details["field"]) == (400, "expires_at")
    naive = await admin.post("/v1/api-keys", {"name": "Naive", "expires_at": "2025-01-15T10:31:00"})
    assert (naive.status, naive.details["field"]) == (400, "expires_at")


async def test_patch_and_delete(admin: Client, anybody: Client) -> None:
    made = (await admin.post("/v1/api-keys", {"name": "CI"})).json
    path = f"/v1/api-keys/{made['id']}"
    changed = await admin.patch(path, {"name": "CI 2", "scopes": ["calls:read"], "networks": ["127.0.0.1", "::1"]})
    assert changed.json["networks"] == ["127.0.0.1/32", "::1/128"]
    narrowed = anybody.with_key(made["key"])
    assert (await narrowed.get("/v1/calls")).status == 200
    assert (await narrowed.get("/v1/agents")).status == 403
    assert (await admin.delete(path)).json == {"success": True, "message": "API key deleted successfully"}
    assert (await narrowed.get("/v1/calls")).code == "invalid_api_key"
    assert (await admin.get(path)).code == "key_not_found"


async def test_no_key_makes_or_changes_one_that_may_more(
    client: Keys, organization: str, admin: Client, operator: Client
) -> None:
    refused = await admin.post("/v1/api-keys", {"name": "Up", "role": "operator"})
    assert (refused.status, refused.code) == (403, "insufficient_permissions")
    narrow = await client(organization, "admin", scopes=("keys:write", "keys:read"))
    assert (await narrow.post("/v1/api-keys", {"name": "Up"})).status == 403
    same = {"name": "Same", "scopes": ["keys:read"]}
    assert (await narrow.post("/v1/api-keys", same)).status == 201
    listed = (await admin.get("/v1/api-keys")).json["data"]
    above = next(item["id"] for item in listed if item["role"] == "operator")
    for method, tail, body in (("PATCH", "", {"name": "Mine"}), ("POST", "/rotate", None), ("DELETE", "", None)):
        assert (await admin(method, f"/v1/api-keys/{above}{tail}", body)).status == 403


async def test_unknown_scopes_are_400(admin: Client) -> None:
    for body in ({"scopes": ["calls:erase"]}, {"role": "viewer", "scopes": ["calls:write"]}):
        answer = await admin.post("/v1/api-keys", {"name": "Odd", **body})
        assert (answer.status, answer.details["field"].partition("[")[0]) == (400, "scopes")


async def test_the_last_key_that_keeps_keys_stays(admin: Client, client: Keys, organization: str) -> None:
    own = (await admin.get("/v1/api-keys")).json["data"][0]["id"]
    await admin.post("/v1/api-keys", {"name": "Viewer", "role": "viewer"})
    refused = await admin.delete(f"/v1/api-keys/{own}")
    assert (refused.status, refused.code) == (409, "last_key")
    assert (await admin.patch(f"/v1/api-keys/{own}", {"role": "viewer"})).code == "last_key"
    await admin.post("/v1/api-keys", {"name": "Test", "environment": "test"})
    assert (await admin.delete(f"/v1/api-keys/{own}")).code == "last_key"
    await admin.post("/v1/api-keys", {"name": "Second"})
    assert (await admin.delete(f"/v1/api-keys/{own}")).status == 200


async def test_s2_47_a_key_may_have_a_budget_of_its_own(admin: Client, anybody: Client, clock: Clock) -> None:
    made = (await admin.post("/v1/api-keys", {"name": "Slow", "requests_per_hour": 2})).json
    assert made["requests_per_hour"] == 2
    slow = anybody.with_key(made["key"])
    first = await slow.get("/v1/agents")
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("2", "1")
    await slow.get("/v1/agents")
    refused = await slow.get("/v1/agents")
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert int(refused.headers["X-RateLimit-Reset"]) == clock.wall + 3600
    clock.pass_(3600)
    assert (await slow.get("/v1/agents")).status == 200
    await admin.patch(f"/v1/api-keys/{made['id']}", {"requests_per_hour": None})
    assert (await slow.get("/v1/agents")).headers["X-RateLimit-Limit"] == "1000"
    odd = await admin.post("/v1/api-keys", {"name": "Odd", "requests_per_hour": 0})
    assert (odd.status, odd.details["field"]) == (400, "requests_per_hour")


async def test_s2_52_last_use_is_noted_and_kept(
    admin: Client, clock: Clock, services: Services, store: Store, engine: Engine
) -> None:
    clock.pass_(30)
    shown = (await admin.get("/v1/api-keys")).json["data"][0]
    assert shown["last_used_at"] == "2024-01-15T10:30:30Z"
    await services.flush()
    later = build(store, engine, clock)
    await later.load()
    (key,) = later.state.catalogue.keys.values()
    assert key.last_used_at == clock.wall
