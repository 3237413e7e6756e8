"""`/v1/organizations`: kept by operators."""

from __future__ import annotations

import pytest

from tests.api.conftest import ELEVENLABS, Client

pytestmark = pytest.mark.both_stores


async def test_made_changed_and_removed(operator: Client, anybody: Client) -> None:
    made = await operator.post("/v1/organizations", {"name": "New"})
    assert made.status == 201
    assert made.json["id"].startswith("org_")
    path, named = f"/v1/organizations/{made.json['id']}", {"X-Organization-Id": made.json["id"]}
    key = (await operator.post("/v1/api-keys", {"name": "Theirs"}, headers=named)).json["key"]
    assert (await anybody.with_key(key).get(path)).json["name"] == "New"
    assert (await operator.patch(path, {"name": "Newer"})).json["name"] == "Newer"
    trunk = await operator.post(
        "/v1/sip/trunks", {"name": "T", "provider": "generic", "config": {"server": "a.example"}}, headers=named
    )
    refused = await operator.delete(path)
    assert (refused.status, refused.code, refused.details["trunks"]) == (
        409,
        "organization_not_empty",
        [trunk.json["id"]],
    )
    await operator.delete(f"/v1/sip/trunks/{trunk.json['id']}", headers=named)
    assert (await operator.delete(path)).status == 200
    assert (await anybody.with_key(key).get("/v1/agents")).code == "invalid_api_key"


async def test_r9_the_default_trunk_is_a_carriers(operator: Client, trunk: str, organization: str) -> None:
    path = f"/v1/organizations/org_{organization}"
    assert (await operator.patch(path, {"default_trunk_id": trunk})).json["default_trunk_id"] == trunk
    engine = (await operator.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    assert (await operator.patch(path, {"default_trunk_id": engine})).status == 400
    assert (await operator.patch(path, {"default_trunk_id": "trunk_x"})).code == "trunk_not_found"
    await operator.delete(f"/v1/sip/trunks/{trunk}")
    assert (await operator.get(path)).json["default_trunk_id"] is None
