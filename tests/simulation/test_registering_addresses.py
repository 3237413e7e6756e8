"""Where a REGISTER goes, and from which address of ours it comes: several of the registrar, one behind NAT, a proxy."""

from __future__ import annotations

from tests.simulation.edge import AGENT, EDGE, NUMBER_RECORD
from tests.simulation.peer import Peer
from tests.simulation.phone import Phone
from tests.simulation.registered import NAME, replaced, started, state, states
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import World


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


def test_an_outbound_proxy_is_passed_first() -> None:
    world = World()
    edge = started(world, replaced(outbound_proxy="sip:192.0.2.30;lr"))
    proxy = Registrar(world, "192.0.2.30")
    world.run(5.0)
    request = proxy.registers[-1]
    assert request.uri == f"sip:{NAME}"
    assert request.header("Route") == "<sip:192.0.2.30;lr>"
    assert state(edge) == "registered"
