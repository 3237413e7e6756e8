"""`/v1/agents`: where calls are answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ELEVENLABS, Client, Clock, Engine, Keys
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted
from trunkline.control.ports import Health
from trunkline.control.services import Services
from trunkline.model import ids


async def made(client: Client, **body: Any) -> str:
    answer = await client.post("/v1/agents", {"name": "Agent", **body})
    assert answer.status == 201, answer.raw
    return str(answer.json["id"])


async def test_made_shown_changed_and_removed(admin: Client, clock: Clock) -> None:
    answer = await admin.post(
        "/v1/agents", {"name": " Bot ", "kind": "sip", "uri": "sip:bot@agents.example.com", "ring_timeout": 12}
    )
    assert answer.status == 201
    agent = answer.json
    assert agent["id"].startswith("agent_")
    assert agent == {
        "id": agent["id"],
        "name": "Bot",
        "kind": "sip",
        "uri": "sip:bot@agents.example.com",
        "trunk_id": None,
        "external_id": None,
        "members": [],
        "steps": [],
        "strategy": "ordered",
        "hunt_on": [408, 500, 502, 503, 504, 580],
        "hunt_timeout": 180.0,
        "instructions": None,
        "model": None,
        "voice": None,
        "ring_timeout": 12.0,
        "probe": False,
        "probe_interval": 30.0,
        "probe_misses": 3,
        "probe_hits": 2,
        "status": "active",
        "reachability": {"state": "unknown", "since": None, "checked_at": None, "latency_ms": None, "detail": None},
        "created_at": "2024-01-15T10:30:00Z",
        "updated_at": "2024-01-15T10:30:00Z",
    }
    path = f"/v1/agents/{agent['id']}"
    clock.pass_(1)
    changed = await admin.patch(path, {"ring_timeout": None, "status": "inactive"})
    assert changed.json == {**agent, "ring_timeout": 30.0, "status": "inactive", "updated_at": "2024-01-15T10:30:01Z"}
    assert (await admin.get(path)).json == changed.json
    assert (await admin.get(path.replace("agent_", "agt_"))).status == 200
    assert (await admin.delete(path)).json == {"success": True, "message": "Agent deleted successfully"}
    assert (await admin.get(path)).code == "agent_not_found"


async def test_list_by_kind(admin: Client, echo: str) -> None:
    await made(admin, kind="sip", uri="sip:a@example.com")
    answer = await admin.get("/v1/agents?kind=echo")
    assert [item["id"] for item in answer.json["data"]] == [echo]
    assert (await admin.get("/v1/agents?kind=robot")).status == 400


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"kind": ...}, 400, "missing_required_field", "kind"),
        ({"kind": "robot"}, 400, "invalid_parameter", "kind"),
        ({"kind": "sip"}, 400, "missing_required_field", "uri"),
        ({"kind": "sip", "uri": "https://example.com"}, 400, "invalid_parameter", "uri"),
        ({"kind": "sip", "uri": "sip:a@example.com\r\nX: y"}, 400, "invalid_parameter", "uri"),
        ({"kind": "sip", "uri": "sip:"}, 400, "invalid_parameter", "uri"),
        ({"kind": "sip", "trunk_id": "trunk_01hm6jv4qg0000000000000000"}, 404, "trunk_not_found", "trunk_id"),
        ({"kind": "openai"}, 400, "missing_required_field", "trunk_id"),
        ({"kind": "group"}, 400, "missing_required_field", "members"),
        ({"kind": "group", "members": ["agent_x"]}, 404, "agent_not_found", "members"),
        ({"kind": "echo", "uri": "sip:a@example.com"}, 400, "invalid_parameter", "uri"),
        ({"kind": "echo", "ring_timeout": 0}, 400, "invalid_parameter", "ring_timeout"),
        ({"kind": "echo", "strategy": "weighted"}, 400, "invalid_parameter", "strategy"),
        ({"kind": "echo", "hunt_on": [500]}, 400, "invalid_parameter", "hunt_on"),
        ({"kind": "echo", "hunt_timeout": 20}, 400, "invalid_parameter", "hunt_timeout"),
        ({"kind": "echo", "probe": True}, 400, "invalid_parameter", "probe"),
        ({"kind": "group", "steps": [{"agent_id": "agent_x"}]}, 404, "agent_not_found", "steps"),
        (
            {"kind": "group", "steps": [{"agent_id": "agent_x", "weight": -1}]},
            400,
            "invalid_parameter",
            "steps[0].weight",
        ),
        ({"kind": "group", "steps": []}, 400, "missing_required_field", "members"),
        (
            {"kind": "sip", "uri": "sip:a@example.com", "probe": True, "probe_interval": 1},
            400,
            "invalid_parameter",
            "probe_interval",
        ),
        ({"kind": "echo", "name": "a\nb"}, 400, "invalid_parameter", "name"),
    ],
)
async def test_what_cannot_be_is_named(admin: Client, body: dict[str, Any], status: int, code: str, field: str) -> None:
    given = {name: value for name, value in {"name": "Agent", **body}.items() if value is not ...}
    answer = await admin.post("/v1/agents", given)
    assert (answer.status, answer.code, answer.details["field"]) == (status, code, field)


async def test_an_engines_agent_is_on_that_engines_trunk(admin: Client, trunk: str) -> None:
    eleven = (await admin.post("/v1/sip/trunks", ELEVENLABS)).json["id"]
    await made(admin, kind="elevenlabs", trunk_id=eleven, external_id="agent_x")
    answer = await admin.post("/v1/agents", {"name": "Odd", "kind": "elevenlabs", "trunk_id": trunk})
    assert (answer.status, answer.details["field"]) == (400, "trunk_id")


async def test_a_group_hunts_in_its_order_and_the_wire_obeys(admin: Client, trunk: str, engine: Engine) -> None:
    first = await made(admin, kind="sip", uri="sip:one@example.com")
    second = await made(admin, kind="sip", uri="sip:two@example.com")
    group = await made(admin, kind="group", members=[second, first])
    number = {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": group}
    await admin.post("/v1/phone-numbers/import", number)

    def tried() -> list[str | None]:
        verdict = engine.invite("+12125551234")
        return [each.uri for each in verdict.candidates] if isinstance(verdict, Admitted) else []

    assert tried() == ["sip:two@example.com", "sip:one@example.com"]
    await admin.patch(f"/v1/agents/{group}", {"members": [first]})
    assert tried() == ["sip:one@example.com"]
    await admin.patch(f"/v1/agents/{first}", {"status": "inactive"})
    assert tried() == []
    own = await admin.patch(f"/v1/agents/{group}", {"members": [group]})
    assert (own.status, own.details["field"]) == (400, "members")


async def test_what_is_in_use_is_kept_unless_told(admin: Client, trunk: str, echo: str, engine: Engine) -> None:
    group = await made(admin, kind="group", members=[echo])
    number = {"phone_number": "+12125551234", "trunk_id": trunk, "agent_id": echo}
    phone = (await admin.post("/v1/phone-numbers/import", number)).json["id"]
    refused = await admin.delete(f"/v1/agents/{echo}")
    assert (refused.status, refused.code) == (409, "agent_in_use")
    assert refused.details == {"phone_numbers": ["+12125551234"], "agents": [group]}
    assert (await admin.delete(f"/v1/agents/{echo}?cascade=true")).status == 200
    assert (await admin.get(f"/v1/phone-numbers/{phone}")).json["agent_id"] is None
    assert (await admin.get(f"/v1/agents/{group}")).json["members"] == []
    verdict = engine.invite("+12125551234")
    assert isinstance(verdict, Refused)
    assert verdict.cause == "no-agent"


async def test_another_organizations_agent_and_trunk_cannot_be_named(
    admin: Client, client: Keys, services: Services, echo: str, trunk: str
) -> None:
    other = await client((await services.organizations.create("Other")).id)
    for body in ({"kind": "group", "members": [echo]}, {"kind": "sip", "uri": "sip:a@b.example", "trunk_id": trunk}):
        answer = await other.post("/v1/agents", {"name": "Thief", **body})
        assert answer.status == 404


async def test_a_group_with_shares_and_ring_times(admin: Client, echo: str) -> None:
    bot = await made(admin, kind="sip", uri="sip:a@example.com")
    steps = [{"agent_id": bot, "weight": 3, "ring_timeout": 8.0}, {"agent_id": echo, "weight": 0, "ring_timeout": None}]
    group = await made(admin, kind="group", steps=steps, strategy="weighted", hunt_on=[503, 404, 503], hunt_timeout=40)
    path = f"/v1/agents/{group}"
    shown = (await admin.get(path)).json
    assert shown["members"] == [bot, echo]
    assert shown["steps"] == steps
    assert (shown["strategy"], shown["hunt_on"], shown["hunt_timeout"]) == ("weighted", [404, 503], 40.0)
    # What is shown may be sent back as it is.
    again = await admin.patch(path, {"members": shown["members"], "steps": shown["steps"]})
    assert again.json == shown
    # Members alone say who is tried; how stays as it was said.
    swapped = (await admin.patch(path, {"members": [echo, bot]})).json
    assert swapped["steps"] == steps[::-1]
    assert (await admin.patch(path, {"members": [bot], "steps": steps})).details["field"] == "steps"
    assert (await admin.patch(path, {"steps": [steps[0], steps[0]]})).details["field"] == "steps"
    defaults = (await admin.patch(path, {"strategy": None, "hunt_on": None, "hunt_timeout": None})).json
    assert (defaults["strategy"], defaults["hunt_timeout"]) == ("ordered", 180.0)
    assert defaults["hunt_on"] == [408, 500, 502, 503, 504, 580]
    assert (await admin.delete(f"/v1/agents/{bot}?cascade=true")).status == 200
    assert (await admin.get(path)).json["steps"] == [steps[1]]


@pytest.mark.parametrize("status", [486, 487, 600, 603, 607, 699, 302, 200])
async def test_nobody_is_asked_again_what_somebody_has_answered(admin: Client, echo: str, status: int) -> None:
    answer = await admin.post("/v1/agents", {"name": "G", "kind": "group", "members": [echo], "hunt_on": [500, status]})
    assert (answer.status, answer.code, answer.details["field"]) == (400, "invalid_parameter", "hunt_on")
    assert answer.details["provided"] == status
    word = "nobody else is tried" if status >= 486 else "400 to 599"
    assert word in answer.json["error"]["message"]


async def test_an_agent_is_as_its_probes_or_those_of_its_trunks_peer_find_it(
    admin: Client, engine: Engine, clock: Clock
) -> None:
    config = {"server": "bots.example.com", "probe": True}
    trunk = (await admin.post("/v1/sip/trunks", {"name": "Bots", "provider": "generic", "config": config})).json["id"]
    here = await made(admin, kind="sip", trunk_id=trunk)
    same = await made(admin, kind="sip", trunk_id=trunk, uri="sip:bot@bots.example.com")
    elsewhere = await made(admin, kind="sip", trunk_id=trunk, uri="sip:bot@other.example.com")
    alone = await made(admin, kind="sip", uri="sip:bot@third.example.com", probe=True, probe_interval=10)
    engine.health[str(ids.bare(trunk))] = Health(state="unreachable", since=clock.wall, detail="no answer within 4 s")
    engine.health[str(ids.bare(alone))] = Health(state="reachable", latency=0.0123)
    listed = {item["id"]: item["reachability"] for item in (await admin.get("/v1/agents")).json["data"]}
    assert {id: shown["state"] for id, shown in listed.items() if id in (here, same, elsewhere, alone)} == {
        here: "unreachable",
        same: "unreachable",
        elsewhere: "unknown",
        alone: "reachable",
    }
    assert listed[alone]["latency_ms"] == 12.3
    assert (await admin.get(f"/v1/agents/{here}")).json["reachability"] == listed[here]
    assert listed[here]["detail"] == "no answer within 4 s"
