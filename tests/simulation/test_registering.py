"""Registering at a carrier: how the binding is made, kept, lost and taken back."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest

from tests.simulation.edge import AGENT, TRUNK, Edge, records
from tests.simulation.phone import Phone
from tests.simulation.registered import NAME, REGISTERED, answered, replaced, started, state, states
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import Weather, World
from trunkline.call.inputs import Drain, FlowClosed
from trunkline.model.change import Change, Put, Removed
from trunkline.sip.flow import Flow


def test_it_refreshes_before_it_expires() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.granted = 100
    for _ in range(100):
        world.run(10.0)
        assert len(registrar.live) == 1
    times = [at for at, request in registrar.heard if request.header("Authorization")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(79.0 < gap < 91.0 for gap in gaps)
    assert len(set(map(round, gaps))) > 2, "not jittered"
    assert states(edge) == ["registering", "registered"]


def test_the_contact_is_the_same_after_a_restart() -> None:
    """So that the binding of before is replaced, and calls do not come twice."""
    users = []
    for seed in (b"one", b"two"):
        world = World()
        registrar = Registrar(world)
        edge = Edge(world, records(REGISTERED), seed=seed)
        edge.names[NAME] = [REGISTRAR]
        edge.core.apply([Put(REGISTERED)], world.now)
        world.run(5.0)
        users.append(registrar.live[0])
    assert users[0] == users[1]


def test_too_brief_is_asked_for_longer() -> None:
    world = World()
    edge, registrar = started(world, replaced(register_expires=60)), Registrar(world)
    registrar.least = 1800
    world.run(5.0)
    assert state(edge) == "registered"
    assert max(registrar.bindings.values()) > world.now + 1700


def test_a_registrar_that_always_says_too_brief_does_not_make_us_run() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.refusal = (423, "Min-Expires: 7200\r\n")
    world.run(60.0)
    assert state(edge) == "failed"
    assert len(registrar.registers) < 12


def test_it_comes_back_when_the_registrar_forgot_it() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.granted = 60
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    registrar.forget()
    world.run(60.0)
    assert answered(world, edge, registrar) == 200


def test_a_nonce_that_grew_too_old_is_no_refusal() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.stale = True
    world.run(5.0)
    assert states(edge) == ["registering", "registered"]


def test_a_silent_registrar_is_asked_again_with_growing_pauses() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.granted = 60
    world.run(5.0)
    registrar.silent = True
    world.run(120.0)
    assert states(edge)[-1] == "failed"
    world.run(3600.0)
    tried = {seen.data.split(b"CSeq: ")[1].split(b" ")[0] for seen in world.seen if seen.start.startswith("REGISTER")}
    assert 8 < len(tried) < 40
    registrar.silent = False
    world.run(301.0)
    assert states(edge)[-1] == "registered"
    assert len(registrar.live) == 1


def test_a_wrong_password_is_not_shown_again_and_again() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world, password="other")
    world.run(3600.0)
    standing = edge.core.registering.standing(TRUNK.id)
    assert standing is not None
    assert (standing.state, standing.status) == ("failed", 403)
    assert len(registrar.registers) < 30


def test_retry_after_is_kept_to() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.refusal = (503, "Retry-After: 120;duration=5\r\n")
    world.run(110.0)
    assert len(registrar.registers) == 1
    registrar.refusal = None
    world.run(30.0)
    assert state(edge) == "registered"


def test_the_flow_is_kept_alive() -> None:
    world = World()
    edge = started(world, replaced(keepalive=20.0))
    Registrar(world)
    world.run(205.0)
    assert 10 <= len(edge.pings) <= 14
    assert {flow for _, flow in edge.pings} == {Flow("udp", edge.address, (REGISTRAR, 5060))}


def test_no_keepalive_when_it_is_off() -> None:
    world = World()
    edge = started(world, replaced(keepalive=0.0))
    Registrar(world)
    world.run(205.0)
    assert edge.pings == []


def test_a_lost_connection_registers_again() -> None:
    world = World()
    edge, registrar = started(world, replaced(transport="tcp")), Registrar(world)
    world.run(5.0)
    before = len(registrar.registers)
    assert registrar.live[0].endswith(";transport=tcp")
    edge.give(FlowClosed(Flow("tcp", edge.address, (REGISTRAR, 5060), "out:")))
    world.run(3.0)
    assert len(registrar.registers) > before
    assert state(edge) == "registered"


def test_the_end_of_the_edge_takes_the_binding_back() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    world.run(5.0)
    edge.give(Drain(True))
    assert edge.core.registering.leaving == 1
    world.run(2.0)
    assert registrar.live == []
    assert edge.core.registering.leaving == 0
    world.run(4000.0)
    assert registrar.live == []


def test_the_end_waits_for_no_silent_registrar() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    world.run(5.0)
    registrar.silent = True
    edge.give(Drain(True))
    world.run(40.0)
    assert edge.core.registering.leaving == 0


@pytest.mark.parametrize("how", ["disabled", "removed", "unwanted"])
def test_a_trunk_that_goes_takes_its_binding_back(how: str) -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    world.run(5.0)
    changes: dict[str, Change] = {
        "disabled": Put(replaced(enabled=False)),
        "removed": Removed("trunk", TRUNK.id),
        "unwanted": Put(replaced(register=False)),
    }
    edge.core.apply([changes[how]], world.now)
    world.run(40.0)
    assert registrar.live == []
    assert len(edge.core.registering) == 0
    assert edge.core.deadline() == inf
    assert edge.clean() == {}


def test_a_changed_user_takes_the_old_binding_back_first() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    world.run(5.0)
    (old,) = registrar.live
    edge.core.apply([Put(replaced(username="bob"))], world.now)
    world.run(20.0)
    (new,) = registrar.live
    assert new != old
    assert registrar.registers[-1].header("To") == f"<sip:bob@{NAME}>"


def test_a_changed_name_alone_disturbs_nothing() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    world.run(5.0)
    before = len(registrar.registers)
    edge.core.apply([Put(replaced(name="other"))], world.now)
    world.run(20.0)
    assert len(registrar.registers) == before


def test_bad_weather_leaves_no_gap() -> None:
    world = World(seed=5, weather=Weather(loss=0.2, doubled=0.1))
    edge, registrar = started(world), Registrar(world)
    registrar.granted = 120
    world.run(30.0)
    for _ in range(200):
        world.run(10.0)
        assert registrar.live
    assert states(edge) == ["registering", "registered"]


def test_a_trunk_that_goes_while_it_registers_leaves_no_route_behind() -> None:
    """The 200 that is on its way then says where calls of the trunk that was are to pass (RFC 3608)."""
    world = World(weather=Weather(delay=(0.2, 0.2)))
    edge, registrar = started(world), Registrar(world)
    registrar.extra = "Service-Route: <sip:edge.carrier.example;lr>\r\n"
    while not registrar.live:
        world.run(0.1)
    assert state(edge) == "registering"
    edge.core.apply([Removed("trunk", TRUNK.id)], world.now)
    world.run(10.0)
    assert registrar.live == []
    assert edge.core.ua.service_routes == {}
