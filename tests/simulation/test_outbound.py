"""An agent's side dials out: the call to the carrier, its failures, and what is written of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.simulation.device import Device
from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, NUMBER_RECORD, ORGANIZATION, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import Behaviour, Phone
from tests.simulation.world import World
from trunkline.call.leg.events import Connected, Failed
from trunkline.call.leg.target import Target
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.number import NumberConfig
from trunkline.model.organization import OutboundRules
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request

OTHER = "192.0.2.2"
DIALLED = "+13035559876"
CARRIER_TRUNK = msgspec.structs.replace(TRUNK, host=CARRIER)
SECOND = Trunk(id=id_of(12), organization_id=ORGANIZATION.id, name="second", host=OTHER)
PBX = Trunk(id=id_of(11), organization_id=ORGANIZATION.id, name="pbx", role="agent", networks=(f"{AGENT}/32",))


@pytest.fixture
def pbx(world: World) -> Phone:
    return Phone(world, AGENT)


def edge_with(world: World, *changed: Any, rules: OutboundRules | None = None) -> Edge:
    organization = msgspec.structs.replace(ORGANIZATION, outbound=rules or OutboundRules())
    return Edge(world, records(organization, PBX, CARRIER_TRUNK, SECOND, *changed))


def dial(phone: Phone, to: str = DIALLED, caller: str = f"<sip:{NUMBER}@{{host}}>", headers: str = "") -> UacLeg:
    leg_id = phone.ua.tokens.token()
    uri = f"sip:{to}@{EDGE}"
    leg = UacLeg(phone.ua, leg_id, "", Target(uri, caller, f"<{uri}>", headers), b"")
    leg.body = _OFFER
    phone.legs[leg_id] = leg
    phone._carry(leg.begin())
    return leg


_OFFER = (
    b"v=0\r\no=pbx 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


def answering(after: float = 1.0) -> Behaviour:
    def behave(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg)
        phone.world.after(after, lambda: phone.answer(leg))

    return behave


def refusing(status: int) -> Behaviour:
    return lambda phone, leg: phone.refuse(leg, status)


def invites(phone: Phone) -> list[Any]:
    return [request for request in phone.requests if request.method == "INVITE"]


def test_a_call_out_and_its_record(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    carrier = Phone(world, CARRIER, answering())
    leg = dial(pbx, headers="X-Session: secret\r\nUser-to-User: 00ff\r\n")
    world.run(3.0)
    assert pbx.connected
    (invite,) = invites(carrier)
    assert invite.uri == f"sip:{DIALLED}@{CARRIER}"
    assert invite.header("From").startswith(f"<sip:{NUMBER}@{EDGE}")
    assert invite.get("user-to-user") == "00ff"
    # An agent's own headers, and our words to agents, are nothing for a carrier.
    assert invite.private() == []
    assert edge.core.counts()["tolled_calls"] == 1
    pbx.hang_up(leg)
    world.run(40.0)
    record = edge.record
    assert (record.direction, record.status, record.cause, record.hung_up_by) == (
        "outbound",
        "completed",
        "normal",
        "agent",
    )
    assert (record.caller, record.callee, record.phone_number) == (NUMBER, DIALLED, NUMBER)
    assert (record.number_id, record.trunk_id) == (NUMBER_RECORD.id, PBX.id)
    assert [(line.side, line.trunk_id, line.status) for line in record.legs] == [
        ("agent", PBX.id, 200),
        ("callee", CARRIER_TRUNK.id, 200),
    ]
    assert edge.core.arrival.admission.tolls.minutes(ORGANIZATION.id, world.now) == 1
    assert edge.clean() == {}
    assert carrier.idle()


def test_the_callee_hangs_up(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    carrier = Phone(world, CARRIER, answering())
    dial(pbx)
    world.run(3.0)
    carrier.hang_up_all()
    world.run(40.0)
    assert (edge.record.hung_up_by, edge.record.status) == ("callee", "completed")
    assert edge.clean() == {}


@pytest.mark.parametrize("status", [500, 502, 503, 504, 513])
def test_a_carrier_that_cannot_is_followed_by_the_next(world: World, pbx: Phone, status: int) -> None:
    edge = edge_with(world)
    first = Phone(world, CARRIER, refusing(status))
    second = Phone(world, OTHER, answering())
    leg = dial(pbx)
    world.run(3.0)
    assert pbx.connected
    (one,), (two,) = invites(first), invites(second)
    assert one.call_id != two.call_id
    pbx.hang_up(leg)
    world.run(40.0)
    assert [(line.trunk_id, line.status) for line in edge.record.legs[1:]] == [
        (CARRIER_TRUNK.id, status),
        (SECOND.id, 200),
    ]
    assert edge.clean() == {}


@pytest.mark.parametrize(
    ("status", "cause", "by"),
    [(486, "busy", "callee"), (600, "busy", "callee"), (603, "declined", "callee"), (404, "refused", "callee")],
)
def test_who_was_reached_is_not_called_again(world: World, pbx: Phone, status: int, cause: str, by: str) -> None:
    edge = edge_with(world)
    Phone(world, CARRIER, refusing(status))
    second = Phone(world, OTHER, answering())
    dial(pbx)
    world.run(40.0)
    (failed,) = pbx.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.status == status
    assert invites(second) == []
    assert (edge.record.cause, edge.record.hung_up_by, edge.record.sip_status) == (cause, by, status)
    assert edge.clean() == {}


def test_a_carrier_that_is_not_there_is_followed_by_the_next(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    edge.unreachable.add(CARRIER)
    Phone(world, OTHER, answering())
    leg = dial(pbx)
    world.run(3.0)
    assert pbx.connected
    pbx.hang_up(leg)
    world.run(40.0)
    assert edge.clean() == {}


def test_a_telephone_that_rings_out_is_not_made_to_ring_again(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    first = Phone(world, CARRIER, lambda phone, leg: phone.ring(leg))
    second = Phone(world, OTHER, answering())
    dial(pbx)
    world.run(200.0)
    assert invites(second) == []
    assert (edge.record.status, edge.record.cause) == ("no-answer", "ring-timeout")
    assert edge.clean() == {}
    assert first.idle()


def test_the_last_carriers_status_is_what_the_agent_is_told(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    Phone(world, CARRIER, refusing(503))
    Phone(world, OTHER, refusing(502))
    dial(pbx)
    world.run(40.0)
    (failed,) = pbx.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.status == 502
    assert len(edge.record.legs) == 3
    assert edge.clean() == {}


def test_a_carriers_own_words_are_told_and_kept(world: World) -> None:
    """At once: what a carrier at its limit says is all that anybody has to go by."""
    edge = edge_with(world, msgspec.structs.replace(SECOND, enabled=False))
    reason = 'Q.850;cause=21;text="Trunk concurrent call limit exceeded"'

    def full(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 403, extra=f"Reason: {reason}")

    caller, _ = Peer(world, AGENT), Peer(world, CARRIER, full)
    caller.say(
        f"""INVITE sip:{DIALLED}@{EDGE} SIP/2.0
        Via: SIP/2.0/UDP {AGENT}:5060;branch=z9hG4bKa;rport
        Max-Forwards: 70
        From: <sip:{NUMBER}@{EDGE}>;tag=a
        To: <sip:{DIALLED}@{EDGE}>
        Call-ID: a
        CSeq: 1 INVITE
        Contact: <sip:pbx@{AGENT}>
        Content-Type: application/sdp""",
        _OFFER,
    )
    world.run(0.1)
    refused = caller.response(403)
    assert (refused.phrase, refused.header("Reason")) == ("Whatever", reason)
    world.run(100.0)
    caller_leg, leg = edge.record.legs
    assert (caller_leg.status, leg.status, leg.phrase, leg.reason) == (403, 403, "Whatever", reason)
    assert edge.clean() == {}


def test_full_carriers_say_so(world: World, pbx: Phone) -> None:
    full = {"max_concurrent_calls": 0}
    edge = edge_with(
        world, msgspec.structs.replace(CARRIER_TRUNK, **full), msgspec.structs.replace(SECOND, enabled=False)
    )
    dial(pbx)
    world.run(40.0)
    assert (edge.record.cause, edge.record.sip_status) == ("carrier-full", 503)
    assert edge.clean() == {}


def test_a_cancelled_call_out(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    carrier = Phone(world, CARRIER, lambda phone, leg: phone.ring(leg))
    leg = dial(pbx)
    world.run(1.0)
    pbx.hang_up(leg)
    world.run(40.0)
    assert (edge.record.status, edge.record.cause, edge.record.hung_up_by) == ("no-answer", "cancelled", "agent")
    assert edge.clean() == {}
    assert carrier.idle()


@pytest.mark.parametrize(
    ("rules", "config", "seconds"),
    [
        ({"max_duration": 5}, NumberConfig(), 5),
        ({"max_duration": None}, NumberConfig(max_duration=7), 7),
        ({"max_duration": 100, "minute_price": 1.0, "daily_limit": 1.0}, NumberConfig(), 60),
    ],
)
def test_a_call_out_ends_in_time(
    world: World, pbx: Phone, rules: dict[str, Any], config: NumberConfig, seconds: int
) -> None:
    edge = edge_with(world, msgspec.structs.replace(NUMBER_RECORD, config=config), rules=OutboundRules(**rules))
    Phone(world, CARRIER, answering())
    dial(pbx)
    world.run(150.0)
    assert (edge.record.cause, edge.record.duration) == ("max-duration", seconds)
    assert edge.clean() == {}


def test_the_days_limit_refuses_the_next_call_and_says_so(world: World, pbx: Phone) -> None:
    edge = edge_with(world, rules=OutboundRules(minute_price=1.0, daily_limit=1.0))
    Phone(world, CARRIER, answering())
    first = dial(pbx)
    world.run(3.0)
    assert pbx.connected
    dial(pbx)
    world.run(1.0)
    (failed,) = pbx.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.status == 403
    assert "outbound-limit" in failed.reason
    pbx.hang_up(first)
    world.run(40.0)
    refused = edge.finished[0]
    assert (refused.direction, refused.cause, refused.phone_number) == ("outbound", "outbound-limit", NUMBER)
    assert refused.legs[0].side == "agent"
    assert edge.clean() == {}
    edge.whole()


@pytest.mark.parametrize(
    ("trunk", "headers", "sender", "lines"),
    [
        ({}, "", f"<sip:{NUMBER}@{EDGE}", {}),
        ({"caller_format": "plain"}, "", f"<sip:{NUMBER[1:]}@{EDGE}", {}),
        ({"caller_header": "pai"}, "", f"<sip:{NUMBER}@{EDGE}", {"P-Asserted-Identity": f"<tel:{NUMBER}>"}),
        (
            {"caller_header": "ppi", "caller_format": "plain"},
            "",
            f"<sip:{NUMBER[1:]}@{EDGE}",
            {"P-Preferred-Identity": f"<sip:{NUMBER[1:]}@{CARRIER}>"},
        ),
        (
            {"caller_header": "rpid"},
            "Privacy: id\r\n",
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            {"Remote-Party-ID": f"<sip:{NUMBER}@{CARRIER}>;party=calling;privacy=full;screen=yes", "Privacy": "id"},
        ),
        (
            {},
            "Privacy: id\r\n",
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            {"P-Asserted-Identity": f"<tel:{NUMBER}>", "Privacy": "id"},
        ),
    ],
)
def test_the_calling_number_is_shown_as_the_carrier_wants(
    world: World, pbx: Phone, trunk: dict[str, Any], headers: str, sender: str, lines: dict[str, str]
) -> None:
    edge = edge_with(world, msgspec.structs.replace(CARRIER_TRUNK, **trunk))
    carrier = Phone(world, CARRIER, refusing(486))
    dial(pbx, headers=headers)
    world.run(40.0)
    (invite,) = invites(carrier)
    assert invite.header("From").startswith(sender)
    names = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy")
    assert {name: invite.header(name) for name in names if invite.header(name) is not None} == lines
    assert edge.clean() == {}


def test_a_number_of_the_organization_is_called_without_a_carrier(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    carrier = Phone(world, CARRIER, answering())
    dial(pbx, NUMBER, "<sip:+14155550123@{host}>")
    world.run(3.0)
    # The number's agent is at the same address as the PBX, which does not take calls.
    assert invites(carrier) == []
    (call,) = edge.core.calls.values()
    assert (call.ledger.direction, call.ledger.number_id) == ("inbound", NUMBER_RECORD.id)
    pbx.hang_up_all()
    world.run(60.0)
    assert edge.clean() == {}


def test_early_media_of_the_carrier_crosses(world: World, pbx: Phone) -> None:
    edge = edge_with(world)

    def early(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg, 183, body=_OFFER.replace(b"0 8 101", b"0 101"))
        phone.world.after(1.0, lambda: phone.answer(leg))

    Phone(world, CARRIER, early)
    dial(pbx)
    world.run(3.0)
    assert pbx.of(Connected)
    pbx.hang_up_all()
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


@pytest.mark.parametrize(
    ("user", "default", "status"),
    [(NUMBER, None, 200), (NUMBER[1:], None, 200), ("anna", None, 403), ("anna", NUMBER, 200)],
)
def test_a_phone_that_registered_dials_out_when_its_number_is_known(
    world: World, user: str, default: str | None, status: int
) -> None:
    """It is called by its number, or its trunk says which one is its."""
    desk = Trunk(
        id=id_of(41),
        organization_id=ORGANIZATION.id,
        name="desk",
        role="agent",
        username=user,
        password=Secret("secret"),
        accepts_registration=True,
        default_caller=default,
    )
    edge = edge_with(world, desk)
    carrier = Phone(world, CARRIER, answering(0.5))
    phone = Device(world, user=user)
    assert phone.dial(DIALLED, "early") == 401
    assert phone.register() == 200
    assert phone.dial(DIALLED, "late") == status
    record = edge.finished[-1] if status == 403 else next(iter(edge.core.calls.values())).ledger.record()
    assert (record.direction, record.trunk_id) == ("outbound", desk.id)
    assert record.cause == ("caller-not-owned" if status == 403 else None)
    assert [NUMBER in invite.header("From") for invite in invites(carrier)] == [True] * (status == 200)


def test_a_carrier_that_gave_a_service_route_is_called_by_it(world: World, pbx: Phone) -> None:
    edge = edge_with(world)
    edge.core.ua.service_routes[CARRIER_TRUNK.id] = (f"sip:{OTHER}:5060;lr",)
    proxy, carrier = Phone(world, OTHER, answering()), Phone(world, CARRIER, answering())
    dial(pbx)
    world.run(3.0)
    (invite,) = invites(proxy)
    assert invite.uri == f"sip:{DIALLED}@{CARRIER}"
    assert OTHER in invite.header("Route")
    assert invites(carrier) == []
    pbx.hang_up_all()
    world.run(40.0)
    assert edge.clean() == {}
