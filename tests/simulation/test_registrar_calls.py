"""Calls to devices that registered here, and from them."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.desk import DESK, INCOMING, OUTGOING, PHONES, called, seen, started
from tests.simulation.device import PHONE, Device
from tests.simulation.edge import EDGE, NUMBER_RECORD, ORGANIZATION, Edge, id_of
from tests.simulation.world import World
from trunkline.call.inputs import Certified, FlowClosed, HangUp
from trunkline.model.agent import Agent
from trunkline.model.change import Put
from trunkline.model.trunk import Trunk
from trunkline.sip.digest import answer
from trunkline.sip.flow import Flow


def test_path_is_kept_and_given_back() -> None:
    world = World()
    edge = started(world)
    proxy = Device(world, "192.0.2.50")
    proxy.named = ("10.0.0.7", 5060)
    lines = "Path: <sip:192.0.2.50;lr;ob>\r\nSupported: path\r\nRequire: path\r\n"
    assert proxy.register(lines=lines) == 200
    assert proxy.responses[-1].header("Path") == "<sip:192.0.2.50;lr;ob>"
    carrier = called(world)
    assert carrier.responses[-1].status == 200
    assert proxy.calls[0].uri == "sip:anna@10.0.0.7:5060"
    assert proxy.calls[0].header("Route") == "<sip:192.0.2.50;lr;ob>"
    assert len(edge.core.calls) == 1


def test_a_call_reaches_the_phone() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    carrier = called(world)
    assert carrier.responses[-1].status == 200
    assert phone.calls[0].uri == f"sip:anna@{PHONE}:5060"
    assert phone.acks == 1
    (call,) = edge.core.calls.values()
    assert call.ledger.record().agent_id == DESK.id


def test_a_call_reaches_a_phone_behind_nat_over_the_flow_it_registered_on() -> None:
    world = World()
    edge = started(world)
    phone = Device(world, port=41234)
    phone.named = ("10.0.0.7", 5060)
    phone.register()
    carrier = called(world)
    assert carrier.responses[-1].status == 200
    assert phone.calls[0].uri == "sip:anna@10.0.0.7:5060"
    assert phone.acks == 1
    world.run(55.0)
    assert len(edge.pings) >= 2
    assert {flow for _, flow in edge.pings} == {Flow("udp", edge.address, (PHONE, 41234))}


def test_a_phone_without_nat_is_not_pinged() -> None:
    world = World()
    edge = started(world)
    Device(world).register()
    world.run(100.0)
    assert edge.pings == []


def test_a_phone_that_sends_from_elsewhere_is_called_where_it_says() -> None:
    world = World()
    started(world)
    phone, ear = Device(world, port=40000), Device(world, port=5060)
    phone.named = (PHONE, 5060)
    assert phone.ask(phone.contact()) == 401
    challenges = phone.responses[-1].headers("WWW-Authenticate")
    proof = answer(challenges, "REGISTER", f"sip:{EDGE}", "anna", "secret", "cnonce")
    phone.ask(phone.contact(), lines=f"Authorization: {proof}\r\n", rport=False)
    assert ear.responses[-1].status == 200
    assert called(world).responses[-1].status == 200
    assert len(ear.calls) == 1


def test_a_call_over_a_connection() -> None:
    world = World()
    edge = started(world, msgspec.structs.replace(PHONES, transport="tcp"))
    phone = Device(world, transport="tcp", connection="in:1", port=50000)
    phone.named = ("10.0.0.7", 5060)
    phone.register(phone.contact(';+sip.instance="<urn:uuid:1>";reg-id=1'), lines="Supported: outbound, path\r\n")
    assert phone.responses[-1].header("Require") == "outbound"
    assert phone.bound[0].endswith(';+sip.instance="<urn:uuid:1>";reg-id=1')
    assert called(world).responses[-1].status == 200
    assert {flow.connection for flow, data in edge.sent if data.startswith(b"INVITE")} == {"in:1"}


def test_a_new_flow_of_a_device_replaces_the_old_one() -> None:
    world = World()
    edge = started(world, msgspec.structs.replace(PHONES, transport="tcp"))
    params = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    first = Device(world, transport="tcp", connection="in:1", port=50000)
    first.register(first.contact(params))
    second = Device(world, transport="tcp", connection="in:2", port=50001)
    second.register(second.contact(params))
    assert len(second.bound) == 1
    edge.give(FlowClosed(Flow("tcp", edge.address, first.address, "in:1")))
    assert len(edge.core.registrar.bindings) == 1
    assert called(world).responses[-1].status == 200
    assert len(second.calls) == 1
    assert not first.calls


def test_a_lost_connection_is_a_lost_device() -> None:
    world = World()
    edge = started(world, msgspec.structs.replace(PHONES, transport="tcp"))
    phone = Device(world, transport="tcp", connection="in:1", port=50000)
    phone.named = ("10.0.0.7", 5060)
    phone.register()
    edge.give(FlowClosed(Flow("tcp", edge.address, phone.address, "in:1")))
    assert seen(edge) == ["new", "lost"]
    carrier = called(world)
    assert carrier.responses[-1].status == 480
    assert 'text="agent-not-registered"' in (carrier.responses[-1].header("Reason") or "")
    assert edge.record.cause == "agent-not-registered"


def test_a_pbx_that_names_its_own_address_is_connected_to_again() -> None:
    world = World()
    edge = started(world, msgspec.structs.replace(PHONES, transport="tcp"))
    pbx = Device(world, transport="tcp", connection="in:1")
    pbx.register()
    edge.give(FlowClosed(Flow("tcp", edge.address, pbx.address, "in:1")))
    assert len(edge.core.registrar.bindings) == 1
    assert called(world).responses[-1].status == 200
    assert {flow.connection for flow, data in edge.sent if data.startswith(b"INVITE")} == {"out:"}


def test_devices_are_called_in_turn_by_preference() -> None:
    world = World()
    edge = started(world)
    first, second, third = (Device(world, f"192.0.2.4{n}") for n in (1, 2, 3))
    second.register(second.contact(";q=0.5"))
    first.register(first.contact(";q=1.0"))
    third.register(third.contact(";q=0.1"))
    first.status, second.status = 486, 0
    carrier = called(world)
    assert [len({call.call_id for call in each.calls}) for each in (first, second, third)] == [1, 1, 0]
    world.run(12.0)
    assert carrier.responses[-1].status == 200
    assert len(third.calls) == 1
    assert len(edge.core.calls) == 1


def test_a_silent_device_does_not_speak_for_the_others() -> None:
    """Whatever the group hunts on: that is about its members."""
    world = World()
    edge = started(world)
    group = Agent(
        id=id_of(13), organization_id=ORGANIZATION.id, name="g", kind="group", members=(DESK.id,), hunt_on=(503,)
    )
    edge.core.apply([Put(group), Put(msgspec.structs.replace(INCOMING, agent_id=group.id))], world.now)
    first, second = (Device(world, f"192.0.2.4{n}") for n in (1, 2))
    first.register(first.contact(";q=1.0"))
    second.register(second.contact(";q=0.5"))
    world.remove(first.address)
    carrier = called(world)
    world.run(1.5)
    assert carrier.responses[-1].status == 200
    assert len(second.calls) == 1


@pytest.mark.parametrize(
    "order", [(486, None), (None, 486), (486, 503), (503, 486), (486, None, 480), (480, 486, None)]
)
def test_one_busy_phone_is_not_undone_by_another_that_is_not_there(order: tuple[int | None, ...]) -> None:
    """A carrier that is told of a failure tries again by another way; one that hears busy does not (RFC 3261 §16.7)."""
    world = World()
    edge = started(world)
    for n, status in enumerate(order):
        device = Device(world, f"192.0.2.4{n}")
        device.register(device.contact(f";q=0.{9 - n}"))
        if status is None:
            world.remove(device.address)
            world.closed.add(device.address)
        else:
            device.status = status
    carrier = called(world)
    world.run(70.0)
    assert carrier.responses[-1].status == 486, world.ladder()
    assert edge.record.cause == "busy"
    assert not edge.core.calls


def test_a_phone_that_rang_is_told_before_one_that_is_not_there() -> None:
    world = World()
    edge = started(world)
    first, second = (Device(world, f"192.0.2.4{n}") for n in (1, 2))
    first.register(first.contact(";q=1.0"))
    second.register(second.contact(";q=0.5"))
    first.status = 180
    world.remove(second.address)
    world.closed.add(second.address)
    carrier = called(world)
    world.run(80.0)
    assert carrier.responses[-1].status == 480, world.ladder()
    assert (edge.record.status, edge.record.cause) == ("no-answer", "ring-timeout")


@pytest.mark.parametrize("nobody_listens", [False, True])
def test_a_device_that_failed_is_called_last_for_a_while(nobody_listens: bool) -> None:
    """A phone that was pulled out, whose registration goes on, costs one call its patience, and not each."""
    world = World()
    edge = started(world)
    first, second, third = (Device(world, f"192.0.2.4{n}") for n in (1, 2, 3))
    for n, device in enumerate((first, second, third)):
        device.register(device.contact(f";q=0.{9 - n}"))
    world.remove(first.address)
    if nobody_listens:
        world.closed.add(first.address)
    carrier = called(world)
    world.run(2.0)
    assert carrier.responses[-1].status == 200
    hang_up(world, edge)
    carrier.responses.clear()
    carrier.call(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(0.1)
    assert carrier.responses[-1].status == 200, world.ladder()
    assert len({call.call_id for call in second.calls}) == 2
    hang_up(world, edge)
    world.add(first.address, first)
    world.closed.clear()
    world.run(20.0)
    carrier.call(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(0.1)
    assert len(first.calls) == 1, "it is first again"
    assert not third.calls
    hang_up(world, edge)


def hang_up(world: World, edge: Edge) -> None:
    for live in list(edge.core.calls):
        edge.give(HangUp(live))
    world.run(1.0)


def test_without_a_device_the_call_is_refused_with_a_word() -> None:
    world = World()
    edge = started(world)
    carrier = called(world)
    assert carrier.responses[-1].status == 480
    assert edge.record.cause == "agent-not-registered"


def test_a_phone_calls_without_further_proof() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    assert phone.dial(OUTGOING.e164) == 200
    (call,) = edge.core.calls.values()
    assert call.ledger.record().trunk_id == PHONES.id


def test_a_phone_of_a_trunk_that_challenges_must_prove_each_call() -> None:
    world = World()
    started(world, msgspec.structs.replace(PHONES, challenge=True))
    phone = Device(world)
    phone.register()
    assert phone.dial(OUTGOING.e164) == 401


def test_a_stranger_at_another_port_is_not_the_phone() -> None:
    world = World()
    started(world)
    Device(world).register()
    assert Device(world, port=5070).dial(OUTGOING.e164) in (401, 403)


def test_two_users_behind_one_flow_are_told_by_From() -> None:
    world = World()
    edge = started(world)
    other = msgspec.structs.replace(PHONES, id=id_of(13), name="others", username="bert")
    edge.core.apply([Put(other)], world.now)
    pbx = Device(world)
    pbx.register()
    pbx.user = "bert"
    pbx.call_id = "other"
    assert pbx.register() == 200
    assert pbx.dial(OUTGOING.e164) == 200
    (call,) = edge.core.calls.values()
    assert call.ledger.record().trunk_id == other.id


def test_a_connection_that_showed_a_trunks_certificate_is_its() -> None:
    world = World()
    trunk = Trunk(
        id=id_of(15), organization_id=ORGANIZATION.id, name="pbx", transport="tls", client_certificate="pbx.example.com"
    )
    edge = started(world)
    edge.core.apply([Put(trunk)], world.now)
    pbx = Device(world, transport="tls", connection="in:5")
    assert pbx.dial(OUTGOING.e164, "before") in (401, 403)
    flow = Flow("tls", edge.address, pbx.address, "in:5")
    edge.give(Certified(flow, ("ab" * 32, "pbx.example.com")))
    assert pbx.dial(OUTGOING.e164, "with") == 200
    (call,) = edge.core.calls.values()
    assert call.ledger.record().trunk_id == trunk.id
    other = Device(world, "192.0.2.41", transport="tls", connection="in:6")
    edge.give(Certified(Flow("tls", edge.address, other.address, "in:6"), ("cd" * 32, "else.example.com")))
    assert other.dial(OUTGOING.e164, "other") in (401, 403)
    edge.give(FlowClosed(flow))
    edge.give(FlowClosed(Flow("tls", edge.address, other.address, "in:6")))
    assert edge.core.counts()["certificates"] == 0
