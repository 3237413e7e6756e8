"""`POST /v1/routes/explain`: what an INVITE would meet, and what it does meet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Engine, Keys
from trunkline.call.decision.verdict import Admitted
from trunkline.control.services import Services

NUMBER = "+12125551234"


@pytest.fixture
async def number(admin: Client, trunk: str, echo: str) -> str:
    body = {"phone_number": NUMBER, "trunk_id": trunk, "agent_id": echo}
    return str((await admin.post("/v1/phone-numbers/import", body)).json["id"])


async def test_a_call_that_would_be_routed(admin: Client, number: str, trunk: str, echo: str, engine: Engine) -> None:
    answer = await admin.post("/v1/routes/explain", {"source": "127.0.0.1", "to": NUMBER, "from": "+13035559876"})
    assert answer.status == 200
    found = answer.json
    assert (found["accepted"], found["status"], found["cause"]) == (True, 100, "routed")
    assert (found["trunk_id"], found["phone_number_id"], found["agent_ids"]) == (trunk, number, [echo])
    assert (found["from"], found["to"]) == ("+13035559876", NUMBER)
    assert all(step["passed"] and step["mend"] is None for step in found["steps"])
    assert isinstance(engine.invite(NUMBER), Admitted)


async def test_one_that_would_not_says_what_would_mend_it(admin: Client, number: str) -> None:
    await admin.patch(f"/v1/phone-numbers/{number}", {"agent_id": None})
    found = (await admin.post("/v1/routes/explain", {"source": "127.0.0.1", "to": NUMBER})).json
    assert (found["accepted"], found["status"], found["cause"]) == (False, 480, "no-agent")
    last = found["steps"][-1]
    assert last["passed"] is False
    assert "agent" in last["mend"]


async def test_another_organizations_trunk_is_not_shown(
    client: Keys, services: Services, number: str, trunk: str, operator: Client
) -> None:
    other = await client((await services.organizations.create("Other")).id)
    answer = await other.post("/v1/routes/explain", {"source": "127.0.0.1", "to": NUMBER})
    assert (answer.json["accepted"], answer.json["cause"], answer.json["trunk_id"]) == (False, "not-yours", None)
    assert b"Carrier" not in answer.raw
    assert (await operator.post("/v1/routes/explain", {"source": "127.0.0.1", "to": NUMBER})).json["trunk_id"] == trunk


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "sip.example.com"}, "source"),
        ({"source": ...}, "source"),
        ({"to": ""}, "to"),
        ({"to": "x\r\nRoute: y"}, "to"),
        ({"from": "\u0000"}, "from"),
        ({"port": 0}, "port"),
        ({"transport": "sctp"}, "transport"),
        ({"headers": {"X Y": "z"}}, "headers"),
        ({"headers": {"X-Y": "a\nb"}}, "headers"),
    ],
)
async def test_what_cannot_be_asked_is_named(admin: Client, change: dict[str, Any], field: str) -> None:
    body = {name: value for name, value in {"source": "127.0.0.1", "to": NUMBER, **change}.items() if value is not ...}
    answer = await admin.post("/v1/routes/explain", body)
    assert (answer.status, answer.details["field"]) == (400, field)
