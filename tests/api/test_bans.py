"""Bans: seen, made and lifted by operators."""

from __future__ import annotations

import pytest

from tests.api.conftest import Client, Engine


async def test_a_ban_is_made_listed_and_lifted(operator: Client, engine: Engine) -> None:
    made = await operator("POST", "/v1/bans", {"source": "198.51.100.7", "seconds": 60, "reason": "svwar"})
    assert made.status == 201
    assert made.json["id"].startswith("ban_")
    assert (made.json["source"], made.json["reason"], made.json["by"]) == ("198.51.100.7", "svwar", "operator")
    listed = await operator("GET", "/v1/bans")
    assert (listed.json["data"], listed.json["pagination"]["total"]) == ([made.json], 1)
    lifted = await operator("DELETE", f"/v1/bans/{made.json['id']}")
    assert lifted.json == {"success": True, "message": "198.51.100.7 is heard again."}
    assert (await operator("GET", "/v1/bans")).json["data"] == []
    again = await operator("DELETE", f"/v1/bans/{made.json['id']}")
    assert (again.status, again.code) == (404, "ban_not_found")


async def test_an_ipv6_address_stands_for_its_block(operator: Client) -> None:
    made = await operator("POST", "/v1/bans", {"source": "2001:db8::7"})
    assert made.json["source"] == "2001:db8::/64"


@pytest.mark.parametrize("source", ["198.51.100.0/24", "scanner.example.com", "2001:db8::/48", "no"])
async def test_what_is_no_source_is_refused(operator: Client, source: str) -> None:
    answer = await operator("POST", "/v1/bans", {"source": source})
    assert (answer.status, answer.code, answer.details["field"]) == (400, "invalid_parameter", "source")


async def test_a_trunks_source_is_not_banned(operator: Client, admin: Client) -> None:
    trunk = {"name": "carrier", "provider": "generic", "config": {"networks": ["198.51.100.0/24"]}}
    assert (await admin("POST", "/v1/sip/trunks", trunk)).status == 201
    answer = await operator("POST", "/v1/bans", {"source": "198.51.100.7"})
    assert (answer.status, answer.code) == (409, "source_known")


async def test_bans_are_the_operators(admin: Client, operator: Client, engine: Engine) -> None:
    assert (await admin("GET", "/v1/bans")).status == 403
    assert (await admin("POST", "/v1/bans", {"source": "198.51.100.7"})).status == 403
    engine.gone = True
    assert (await operator("GET", "/v1/bans")).code == "engine_unavailable"
