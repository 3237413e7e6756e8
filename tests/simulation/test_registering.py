"""A trunk that registers, against a registrar that restarts, forgets, refuses, goes silent and moves."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER_RECORD, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Peer
from tests.simulation.phone import Phone
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import Weather, World
from trunkline.call.decision.explain import Hypothetical, explain
from trunkline.call.inputs import Drain, FlowClosed
from trunkline.model.change import Change, Put, Removed
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow

NAME = "carrier.example"
TO = f"sip:{NUMBER_RECORD.e164}@{NAME}"
REGISTERED = msgspec.structs.replace(
    TRUNK, networks=(), host=NAME, username="alice", password=Secret("secret"), register=True
)


def replaced(**changes: object) -> Trunk:
    return msgspec.structs.replace(REGISTERED, **changes)


def started(world: World, trunk: Trunk = REGISTERED, hosts: tuple[str, ...] = (REGISTRAR,)) -> Edge:
    edge = Edge(world, records(trunk))
    edge.names[NAME] = list(hosts)
    edge.core.apply([Put(trunk)], world.now)
    return edge


def states(edge: Edge) -> list[str]:
    return [seen.reason for seen in edge.observed if seen.kind == "registration"]


def state(edge: Edge) -> str:
    standing = edge.core.registering.standing(TRUNK.id)
    assert standing is not None
    return standing.state


def contact(edge: Edge) -> str:
    standing = edge.core.registering.standing(TRUNK.id)
    assert standing is not None
    assert standing.contact is not None
    return standing.contact


def answered(world: World, edge: Edge, registrar: Registrar, to: str = TO, lines: str = "") -> int:
    """The final status of a call to our Contact."""
    before = len(registrar.responses)
    registrar.call(registrar.live[-1], to, lines)
    world.run(3.0)
    return registrar.responses[-1].status if len(registrar.responses) > before else 0


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


def test_it_goes_to_the_next_address() -> None:
    world = World()
    edge, registrar = started(world, hosts=("192.0.2.19", REGISTRAR)), Registrar(world)
    edge.unreachable.add("192.0.2.19")
    world.run(5.0)
    assert state(edge) == "registered"
    assert len(registrar.live) == 1


def test_a_silent_address_costs_four_seconds_where_there_is_another() -> None:
    world = World()
    edge, registrar = started(world, hosts=("192.0.2.19", REGISTRAR)), Registrar(world)
    world.run(6.0)
    assert state(edge) == "registered", world.ladder()
    assert len(registrar.live) == 1
    world.run(40.0)
    assert edge.core.ua.layer.counts()["client_transactions"] == 0


def test_where_nobody_listens_it_goes_on_at_once() -> None:
    world = World()
    world.closed.add(("192.0.2.19", 5060))
    edge, registrar = started(world, hosts=("192.0.2.19", REGISTRAR)), Registrar(world)
    world.run(1.5)
    assert state(edge) == "registered", world.ladder()
    assert len(registrar.live) == 1


def test_the_last_address_has_all_the_time_there_is() -> None:
    world = World()
    edge, registrar = started(world, hosts=("192.0.2.19", REGISTRAR)), Registrar(world)
    registrar.silent = True
    world.run(15.0)
    registrar.silent = False
    world.run(5.0)
    assert state(edge) == "registered", world.ladder()


def test_an_answer_of_the_address_that_was_given_up_changes_nothing() -> None:
    world = World()
    edge, slow, registrar = started(world, hosts=("192.0.2.19", REGISTRAR)), Peer(world, "192.0.2.19"), Registrar(world)
    world.run(6.0)
    assert state(edge) == "registered"
    slow.reply(slow.request("REGISTER"), 403)
    world.run(1.0)
    assert state(edge) == "registered"
    assert len(registrar.live) == 1


def test_it_moves_with_the_name() -> None:
    world = World()
    edge, old = started(world), Registrar(world)
    old.granted = 60
    new = Registrar(world, "192.0.2.21")
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    assert len(old.live) == 1
    world.remove(old.address)
    edge.names[NAME] = ["192.0.2.21"]
    world.run(60.0)
    assert len(new.live) == 1
    new.call(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(3.0)
    assert new.responses[-1].status == 200


def test_where_it_went_well_it_stays() -> None:
    world = World()
    started(world, hosts=(REGISTRAR, "192.0.2.21"))
    first = Registrar(world)
    second = Registrar(world, "192.0.2.21")
    first.granted = second.granted = 60
    first.silent = True
    world.run(40.0)
    assert len(second.live) == 1
    first.silent = False
    world.run(300.0)
    assert len(second.live) == 1
    assert not first.registers


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


def test_the_address_that_the_registrar_sees_is_ours() -> None:
    world = World()
    started(world)
    registrar = Registrar(world)
    registrar.seen_as = ("198.51.100.7", 41000)
    Phone(world, AGENT, Phone.answer)
    world.run(5.0)
    assert [uri.partition("@")[2] for uri in registrar.live] == ["198.51.100.7:41000"]
    registrar.call(registrar.live[0].replace("198.51.100.7:41000", f"{EDGE}:5060"))
    world.run(3.0)
    response = registrar.responses[-1]
    assert response.status == 200
    assert "@198.51.100.7:41000" in (response.header("Contact") or "")
    assert b"IN IP4 198.51.100.7" in response.body.split(b"\r\ns=")[0]


def test_a_new_address_is_followed_and_the_old_one_taken_back() -> None:
    world = World()
    edge, registrar = started(world), Registrar(world)
    registrar.granted = 60
    registrar.seen_as = ("198.51.100.7", 41000)
    world.run(5.0)
    registrar.seen_as = ("198.51.100.8", 42000)
    world.run(60.0)
    assert [uri.partition("@")[2] for uri in registrar.live] == ["198.51.100.8:42000"]
    assert states(edge) == ["registering", "registered"]


def test_an_address_that_changes_all_the_time_does_not_make_us_run() -> None:
    world = World()
    started(world)
    registrar = Registrar(world)
    judge = registrar._judge

    def moving(request: object, now: float) -> tuple[int, str]:
        registrar.seen_as = ("198.51.100.7", 40000 + len(registrar.heard))
        return judge(request, now)  # type: ignore[arg-type]

    registrar._judge = moving  # type: ignore[method-assign]
    world.run(300.0)
    assert len(registrar.registers) < 30


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


def test_an_outbound_proxy_is_passed_first() -> None:
    world = World()
    edge = started(world, replaced(outbound_proxy="sip:192.0.2.30;lr"))
    proxy = Registrar(world, "192.0.2.30")
    world.run(5.0)
    request = proxy.registers[-1]
    assert request.uri == f"sip:{NAME}"
    assert request.header("Route") == "<sip:192.0.2.30;lr>"
    assert state(edge) == "registered"


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
