"""The engine as a whole: opened, adapted, counted, closed."""

from __future__ import annotations

from msgspec import structs

from tests.engine.conftest import HOST
from trunkline.call.decision.verdict import Policy
from trunkline.engine.engine import Engine, Plan
from trunkline.sip.flow import Flow


async def test_what_changes_while_calls_go_on(engine: Engine, plan: Plan) -> None:
    flow = Flow("udp", engine.local, ("192.0.2.1", 5060))
    assert engine.media._advertise(flow) == HOST
    engine.adapt(
        structs.replace(
            plan,
            realm="edge.example",
            policy=Policy(domain="edge.example", max_calls=3),
            overload=(0.1, 0.2, 0.3),
            traced_calls=0,
            silence=1.5,
            media_address="203.0.113.5",
        )
    )
    core = engine.core
    assert core.arrival.policy.max_calls == 3
    assert 'realm="edge.example"' in core.arrival.proof.challenge(flow, 0.0)[0]  # type: ignore[attr-defined]
    assert (core.overload.target, core.overload.interval, core.overload.limit) == (0.1, 0.2, 0.3)
    assert (engine.media.silence, engine.media._advertise(flow)) == (1.5, "203.0.113.5")
    engine.traces.add("call", 0.0, "in", flow, b"INVITE")
    assert len(engine.traces) == 0


async def test_an_idle_engine_is_empty(engine: Engine) -> None:
    assert not any(engine.tables().values())
    standing = engine.standing()
    assert (standing["listeners"], standing["overload_share"], standing["names_kept"]) == (1, 0, 0)
    assert {"udp_received", "udp_dropped", "dns_questions", "dns_failures", "turns"} <= engine.counters().keys()


async def test_closed_it_can_still_be_asked(engine: Engine) -> None:
    await engine.close()
    assert not any(engine.tables().values())
    assert engine.local == ("127.0.0.1", 5060)
    assert engine.standing()["listeners"] == 0


async def test_it_knows_where_nobody_can_connect_to(engine: Engine) -> None:
    assert {transport for transport, _ in engine.core.ua.deaf} == {"tcp", "tls"}
