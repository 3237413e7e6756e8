"""Alive, ready, measured, counted; and whom the edge turned away."""

from __future__ import annotations

from tests.api.conftest import Client, Clock, Engine, Keys
from trunkline import __version__
from trunkline.store.rows.refusals import Refusal
from trunkline.store.store import Store


async def test_alive(anybody: Client, engine: Engine) -> None:
    engine.gone = True
    assert (await anybody.get("/healthz")).json == {"status": "ok", "version": __version__}


async def test_ready_and_why_not(anybody: Client, engine: Engine, store: Store) -> None:
    assert (await anybody.get("/readyz")).json == {"status": "ready", "reasons": []}
    engine.reasons = ("draining",)
    answer = await anybody.get("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "not_ready", "reasons": ["draining"]})
    engine.gone = True
    assert (await anybody.get("/readyz")).json["reasons"] == ["the engine does not answer"]


async def test_metrics(anybody: Client, engine: Engine) -> None:
    answer = await anybody.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.raw.startswith(b"# TYPE trunkline_calls gauge\n")
    engine.gone = True
    assert (await anybody.get("/metrics")).status == 503


async def test_tables(admin: Client) -> None:
    assert (await admin.get("/v1/status/tables")).json == {"tables": {"calls": 0, "transactions": 0}}


async def test_r11_refusals_are_seen_by_operators(operator: Client, admin: Client, store: Store, clock: Clock) -> None:
    minute = int(clock.wall) // 60 * 60
    async with store.write() as unit:
        await unit.refusals.add(
            [
                Refusal(minute=minute - 60, source="198.51.100.7", reason="unknown-source", status=403, count=4),
                Refusal(minute=minute, source="198.51.100.7", reason="unknown-source", status=403, count=2),
                Refusal(minute=minute, source="203.0.113.5", reason="shed", status=503),
            ]
        )
    answer = await operator.get("/v1/refusals")
    assert answer.json["pagination"]["total"] == 3
    assert answer.json["data"][0] == {
        "minute": "2024-01-15T10:30:00Z",
        "source": "198.51.100.7",
        "reason": "unknown-source",
        "status": 403,
        "count": 2,
    }
    counts = (await operator.get("/v1/refusals?source=198.51.100.7&start_date=2024-01-15T10:30:00Z")).json["data"]
    assert [row["count"] for row in counts] == [2]
    assert (await admin.get("/v1/refusals")).status == 403


async def test_an_operator_of_no_organization_sees_them_too(client: Keys) -> None:
    above = await client(None, "operator")
    assert (await above.get("/v1/refusals")).status == 200
    assert (await above.get("/v1/status/tables")).status == 200
