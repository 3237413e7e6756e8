"""Devices that register with the edge: what they must prove, what is bound, and when they are forgotten."""

from __future__ import annotations

from math import inf

import msgspec
import pytest

from tests.simulation.desk import PHONES, TERMS, called, seen, started
from tests.simulation.device import PHONE, Device
from tests.simulation.edge import id_of
from tests.simulation.world import World
from trunkline.model.change import Change, Put, Removed
from trunkline.model.secret import Secret

# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_bound_when_it_has_proven_who_it_is() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    assert phone.ask(phone.contact()) == 401
    assert edge.clean() == {}, "nothing is kept of who has proven nothing"
    assert phone.register() == 200
    assert phone.bound == [f"<sip:anna@{PHONE}:5060>;expires=600"]
    assert seen(edge) == ["new"]
    world.run(40.0)
    assert edge.clean() == {}


def test_devices_are_challenged_with_what_they_know() -> None:
    """baresip 1.0 gives up when it is shown SHA-256, even beside MD5."""
    world = World()
    edge, phone = started(world), Device(world)
    phone.ask(phone.contact())
    (line,) = phone.responses[-1].headers("WWW-Authenticate")
    assert "algorithm=MD5" in line
    edge.core.registrar.bindings.terms = msgspec.structs.replace(TERMS, algorithms=("SHA-256", "MD5"))
    assert phone.register() == 200
    assert len(phone.responses[-2].headers("WWW-Authenticate")) == 2


def test_nobody_learns_which_users_there_are() -> None:
    world = World()
    started(world)
    known = Device(world, password="wrong")
    unknown = Device(world, "192.0.2.41", user="nobody")
    for phone in (known, unknown):
        assert phone.ask(phone.contact()) == 401
        assert phone.register() == 403
    answers = [
        [(line, value) for line, value in phone.responses[-1].lines() if line not in ("Via", "From", "To", "Call-ID")]
        for phone in (known, unknown)
    ]
    assert answers[0] == answers[1]


def test_a_trunk_that_takes_no_registrations_has_no_user_here() -> None:
    world = World()
    started(world, msgspec.structs.replace(PHONES, accepts_registration=False, challenge=True))
    assert Device(world).register() == 403


def test_a_disabled_trunk_has_no_user_here() -> None:
    world = World()
    started(world, msgspec.structs.replace(PHONES, enabled=False))
    assert Device(world).register() == 403


def test_nobody_registers_for_another() -> None:
    world = World()
    edge = started(world)
    assert Device(world).register(to="bert") == 403
    assert "third-party" in seen(edge, "refused")


def test_it_must_come_by_the_trunks_transport() -> None:
    world = World()
    edge = started(world, msgspec.structs.replace(PHONES, transport="tls"))
    assert Device(world).register() == 403
    assert "wrong-transport" in seen(edge, "refused")


def test_the_same_user_of_two_organizations_is_told_by_its_password() -> None:
    world = World()
    edge = started(world)
    other = msgspec.structs.replace(PHONES, id=id_of(13), organization_id=id_of(14), password=Secret("another"))
    edge.core.apply([Put(other)], world.now)
    assert Device(world, password="another").register() == 200
    bindings = edge.core.registrar.bindings
    assert bindings.of(PHONES.id) == ()
    assert len(bindings.of(other.id)) == 1


# ── what is bound ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_time_too_short_is_refused_and_one_too_long_is_cut() -> None:
    world = World()
    started(world)
    phone = Device(world)
    assert phone.register(phone.contact(";expires=59")) == 423
    assert phone.responses[-1].header("Min-Expires") == "60"
    assert phone.register(lines="Expires: 99999999999\r\n") == 200
    assert phone.bound[0].endswith(";expires=7200")
    assert phone.register(lines="Expires: soon\r\n") == 200
    assert phone.bound[0].endswith(";expires=600")


def test_what_is_bound_can_be_asked_for() -> None:
    world = World()
    started(world)
    phone = Device(world)
    phone.register()
    world.run(100.0)
    assert phone.register("none") == 200
    assert phone.bound == [f"<sip:anna@{PHONE}:5060>;expires=500"]


def test_several_contacts_up_to_a_bound() -> None:
    world = World()
    edge = started(world)
    phones = [Device(world, port=port) for port in (5061, 5062, 5063, 5064)]
    for phone in phones:
        world.run(1.0)
        port = phone.address[1]
        assert phone.register(phone.contact(f";q=0.{port - 5060}")) == 200
    assert [line.partition(">")[0][-4:] for line in phones[-1].bound] == ["5064", "5063", "5062"]
    assert seen(edge) == ["new", "new", "new", "crowded", "new"]


def test_it_releases_itself_and_all() -> None:
    world = World()
    edge = started(world)
    phone, other = Device(world), Device(world, "192.0.2.41")
    phone.register()
    other.register()
    assert phone.register(phone.contact(";expires=0")) == 200
    assert len(phone.bound) == 1
    assert other.register("*") == 400
    assert other.register("*", lines="Expires: 0\r\n") == 200
    assert other.bound == []
    assert len(edge.core.registrar.bindings) == 0
    assert edge.core.deadline() == inf or edge.core.deadline() < world.now + 60


def test_an_older_register_undoes_nothing() -> None:
    world = World()
    started(world)
    phone = Device(world)
    assert phone.register(cseq=10) == 200
    assert phone.register(phone.contact(";expires=0"), cseq=9) == 500
    assert phone.register("none", cseq=11) == 200
    assert len(phone.bound) == 1


def test_a_repeat_gets_the_same_answer() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    last = [each for each in world.seen if each.start.startswith("REGISTER")][-1]
    before = phone.responses[-1]
    world.carry(phone.flow, last.data)
    world.run(0.1)
    assert phone.responses[-1].raw == before.raw
    assert seen(edge) == ["new"]


def test_it_is_forgotten_when_it_does_not_come_again() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    world.run(599.0)
    assert len(edge.core.registrar.bindings) == 1
    world.run(2.0)
    assert len(edge.core.registrar.bindings) == 0
    assert seen(edge) == ["new", "expired"]
    assert edge.core.deadline() == inf


@pytest.mark.parametrize(
    "contact", ["<tel:+1>", "<sip:a@b?Route=c>", "<sip:" + "a" * 600 + "@b>", "<https://example.com/>"]
)
def test_what_cannot_be_called_is_not_bound(contact: str) -> None:
    world = World()
    started(world)
    phone = Device(world)
    assert phone.register(contact) == 400
    assert "Warning" in dict(phone.responses[-1].lines())


def test_an_extension_we_lack_is_refused() -> None:
    world = World()
    started(world)
    assert Device(world).register(lines="Require: gruu, path\r\n") == 420


def test_a_datagrams_flow_is_not_one_that_the_phone_is_to_keep() -> None:
    """We answer no STUN, so who believed it would register for ever."""
    world = World()
    started(world)
    phone = Device(world)
    phone.register(phone.contact(';+sip.instance="<urn:uuid:1>";reg-id=1'), lines="Supported: outbound, path\r\n")
    assert phone.responses[-1].header("Require") is None
    assert phone.bound[0].endswith(';+sip.instance="<urn:uuid:1>";reg-id=1')


# ── what ends it ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["password", "removed", "closed"])
def test_who_could_not_register_now_is_released(how: str) -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    changes: dict[str, Change] = {
        "password": Put(msgspec.structs.replace(PHONES, password=Secret("new"))),
        "removed": Removed("trunk", PHONES.id),
        "closed": Put(msgspec.structs.replace(PHONES, accepts_registration=False, challenge=True)),
    }
    edge.core.apply([changes[how]], world.now)
    assert len(edge.core.registrar.bindings) == 0


def test_a_new_name_of_the_trunk_releases_nobody() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    edge.core.apply([Put(msgspec.structs.replace(PHONES, name="other"))], world.now)
    assert len(edge.core.registrar.bindings) == 1


def test_bindings_survive_a_restart() -> None:
    world = World()
    edge, phone = started(world), Device(world)
    phone.register()
    kept = [binding for binding in edge.core.registrar.bindings.take().values() if binding is not None]
    world.remove(edge.address)
    after = started(world)
    after.core.registrar.load(kept, world.now)
    assert called(world).responses[-1].status == 200
    assert len(phone.calls) == 1
    assert after.core.registrar.bindings.take() == {}, "what was read is not written again"


def test_connections_do_not_survive_a_restart() -> None:
    world = World()
    trunk = msgspec.structs.replace(PHONES, transport="tcp")
    edge = started(world, trunk)
    phone = Device(world, transport="tcp", connection="in:1", port=50000)
    phone.named = ("10.0.0.7", 5060)
    phone.register()
    kept = [binding for binding in edge.core.registrar.bindings.take().values() if binding is not None]
    world.remove(edge.address)
    after = started(world, trunk)
    after.core.registrar.load(kept, world.now)
    assert len(after.core.registrar.bindings) == 0
