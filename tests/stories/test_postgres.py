"""The edge on PostgreSQL: from the first start to the server's death and the edge's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.postgres import Cluster
from tests.stories.conftest import NETWORK, NUMBER
from tests.stories.edge import Edge, until
from tests.stories.phone import Dialled, Phone


@pytest.fixture
def stored(edge: Edge, cluster: Cluster) -> Iterator[Edge]:
    """An edge that is to keep what it has in a PostgreSQL database, empty as yet."""
    asyncio.run(cluster.command("CREATE DATABASE story"))
    edge.sections["store"] = {"url": cluster.url("story")}
    yield edge
    edge.close()
    asyncio.run(cluster.command("DROP DATABASE story WITH (FORCE)"))


def a_call(edge: Edge, carrier: Phone, agent: Phone) -> None:
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    call.bye()
    taken.ends()


def test_the_first_day_on_postgresql(stored: Edge, carrier: Phone, agent: Phone) -> None:
    stored.start()
    stored.operate()
    trunk, destination = stored.trunk("carrier", NETWORK), stored.agent(f"sip:agent@{agent.at}")
    number = stored.number(NUMBER, trunk, destination)
    assert stored.ask("POST", "/v1/phone-numbers/import", {"phone_number": NUMBER, "trunk_id": trunk}).status == 409
    assert stored.ask("DELETE", f"/v1/sip/trunks/{trunk}").status == 409
    a_call(stored, carrier, agent)
    (logged,) = stored.calls()
    detail = stored.call(logged["id"])
    assert (detail["status"], detail["cause"], len(detail["legs"])) == ("completed", "normal", 2)
    assert stored.get("/v1/calls?status=failed")["data"] == []
    assert [item["id"] for item in stored.get("/v1/phone-numbers")["data"]] == [number]
    assert not (stored.data / "trunkline.db").exists()

    # What the API says is what the next call meets, and what the next process finds.
    stored.patch(f"/v1/phone-numbers/{number}", {"label": "Sales"})
    stored.delete(f"/v1/phone-numbers/{number}")
    Dialled(carrier, stored.sip, NUMBER).refused(404)
    assert stored.stop() == 0
    stored.start()
    assert stored.get("/v1/phone-numbers")["data"] == []
    stored.number(NUMBER, trunk, destination)
    a_call(stored, carrier, agent)
    stored.calls(2)


def test_the_server_dies_and_comes_back(stored: Edge, cluster: Cluster, carrier: Phone, agent: Phone) -> None:
    stored.start()
    stored.operate()
    stored.number(NUMBER, stored.trunk("carrier", NETWORK), stored.agent(f"sip:agent@{agent.at}"))
    call = Dialled(carrier, stored.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    cluster.stop()
    try:
        # The call that is up, and those that come, do not notice.
        call.bye()
        taken.ends()
        a_call(stored, carrier, agent)
        refused = stored.ask("POST", "/v1/agents", {"name": "Echo", "kind": "echo"})
        assert refused.status == 503, refused
        until(lambda: stored.ask("GET", "/readyz").status == 503, "unreadiness")
        a_call(stored, carrier, agent)
        assert stored.ask("GET", "/healthz").status == 200
    finally:
        cluster.start()
    until(lambda: stored.ask("GET", "/readyz").status == 200, "readiness again", 30)
    assert [item["status"] for item in stored.calls(3)] == ["completed"] * 3
    stored.post("/v1/agents", {"name": "Echo", "kind": "echo"})


def test_the_edge_is_killed(stored: Edge, carrier: Phone, agent: Phone) -> None:
    stored.start()
    stored.listeners[0]["port"] = stored.sip[1]
    stored.operate()
    stored.number(NUMBER, stored.trunk("carrier", NETWORK), stored.agent(f"sip:agent@{agent.at}"))
    call = Dialled(carrier, stored.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    stored.kill()
    stored.start()
    call.ends()
    taken.ends()
    (logged,) = stored.calls()
    assert stored.call(logged["id"])["cause"] == "interrupted"


def test_a_database_that_is_not_there_is_said_to_be(edge: Edge, cluster: Cluster) -> None:
    edge.sections["store"] = {"url": cluster.url("nowhere")}
    assert "nowhere" in edge.refuses_to_start()
