"""Calls to a trunk that registered, and from it."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER_RECORD, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.phone import Phone
from tests.simulation.registered import NAME, REGISTERED, answered, started, states
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import World
from trunkline.call.decision.explain import Hypothetical, explain
from trunkline.model.change import Put, Removed


def test_it_registers_with_digest_and_is_called() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    assert states(edge) == ["registering", "registered"]
    assert len(registrar.live) == 1
    assert registrar.live[0].endswith(f"@{EDGE}:5060")
    request = registrar.registers[-1]
    assert request.uri == f"sip:{NAME}"
    assert request.header("To") == f"<sip:alice@{NAME}>"
    assert answered(world, edge, registrar) == 200
    (call,) = edge.core.calls.values()
    assert call.ledger.record().phone_number == NUMBER_RECORD.e164


def test_calls_to_the_contact_are_the_trunks_wherever_they_come_from() -> None:
    world = World()
    started(world)
    registrar = Registrar(world)
    other = Registrar(world, "192.0.2.77")
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    other.call(registrar.live[0])
    world.run(3.0)
    assert other.responses[-1].status == 200


def test_a_call_from_the_registrar_to_a_number_is_the_trunks() -> None:
    world = World()
    started(world)
    registrar = Registrar(world)
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    registrar.call(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(3.0)
    assert registrar.responses[-1].status == 200


def test_a_stranger_who_guesses_the_contact_is_nobody() -> None:
    world = World()
    started(world)
    stranger = Registrar(world, "192.0.2.77")
    Registrar(world)
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    stranger.call(f"sip:{TRUNK.id}@{EDGE}")
    stranger.call(f"sip:alice@{EDGE}")
    world.run(3.0)
    assert all(response.status in (401, 403) for response in stranger.responses)


@pytest.mark.parametrize("header", ["P-Called-Party-ID", "Diversion"])
def test_the_number_is_found_beside_the_contact(header: str) -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    lines = f"{header}: <sip:{NUMBER_RECORD.e164}@{NAME}>\r\n"
    assert answered(world, edge, registrar, to=f"sip:alice@{NAME}", lines=lines) == 200


def test_explain_says_what_the_registration_has_come_to() -> None:
    world = World()
    edge = started(world)
    Registrar(world)
    asked = Hypothetical(source=REGISTRAR, to=NUMBER_RECORD.e164)
    world.run(5.0)
    found = explain(edge.core.arrival, asked, world.now, edge.address)
    (step,) = [step for step in found.steps if step.name == "registration"]
    assert step.passed
    assert "registered" in step.detail


def test_calls_to_the_trunk_pass_its_service_route() -> None:
    world = World()
    other = msgspec.structs.replace(TRUNK, id=id_of(20), name="other")
    agent = msgspec.structs.replace(SIP_AGENT, uri=None, trunk_id=TRUNK.id)
    edge = Edge(world, records(REGISTERED, other, agent))
    edge.names[NAME] = [REGISTRAR]
    edge.core.apply([Put(REGISTERED)], world.now)
    registrar = Registrar(world)
    registrar.extra = f"Service-Route: <sip:{REGISTRAR};lr>, <sip:192.0.2.99;lr>\r\n"
    world.run(5.0)
    Phone(world, CARRIER).dial(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(1.0)
    (invite,) = {request.call_id: request for _, request in registrar.heard if request.method == "INVITE"}.values()
    assert invite.headers("Route") == [f"<sip:{REGISTRAR};lr>", "<sip:192.0.2.99;lr>"]
    edge.core.apply([Removed("trunk", TRUNK.id)], world.now)
    assert edge.core.ua.service_routes == {}
