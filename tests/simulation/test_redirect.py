"""An agent that sends the edge elsewhere (RFC 3261 §8.1.3.4)."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ORGANIZATION, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.world import World
from trunkline.call.b2bua.redirect import MOST, sorted_by_q
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request

OTHER, THIRD = "192.0.2.10", "192.0.2.11"


class Mover(Peer):
    """It redirects with these Contact lines, and with no other."""

    def __init__(self, world: World, host: str, *contacts: str, status: int = 302) -> None:
        super().__init__(world, host, self._moves)
        self.contacts = contacts
        self.status = status

    def _moves(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            vias = "".join([f"Via: {via}\n" for via in message.headers("Via")])
            self.say(
                f"""SIP/2.0 {self.status} Moved
                {vias}From: {message.header("From")}
                To: {message.header("To")};tag={self.tag}
                Call-ID: {message.call_id}
                CSeq: {message.cseq} INVITE"""
                + "".join([f"\nContact: {contact}" for contact in self.contacts])
            )


def call(world: World, carrier: Peer) -> None:
    carrier.invite()
    world.run(1.0)


def over(world: World, edge: Edge, carrier: Peer) -> None:
    if edge.core.calls:
        carrier.inside("BYE")
    world.run(200.0)
    assert edge.clean() == {}, world.ladder()
    edge.whole()


def test_the_best_contact_is_called_as_an_attempt_of_its_own(world: World) -> None:
    edge, carrier = Edge(world), Peer(world, CARRIER, polite)
    mover = Mover(world, AGENT, f"<sip:a@{THIRD}:5060>;q=0.2, <sip:b@{OTHER}:5060?X=y>;q=0.9")
    there, third = Peer(world, OTHER, answers), Peer(world, THIRD, answers)
    call(world, carrier)
    assert carrier.statuses("INVITE")[-1] == 200
    assert third.requests == []
    asked = there.request("INVITE")
    assert asked.uri == f"sip:b@{OTHER}:5060"
    assert asked.call_id != mover.request("INVITE").call_id
    assert asked.header("X-Trunkline-Call-Id") == mover.request("INVITE").header("X-Trunkline-Call-Id")
    over(world, edge, carrier)
    lines = [(leg.uri, leg.status) for leg in edge.record.legs[1:]]
    assert lines == [(SIP_AGENT.uri, 302), (f"sip:b@{OTHER}:5060", 200)]


def test_the_next_contact_follows_one_that_fails(world: World) -> None:
    edge, carrier = Edge(world), Peer(world, CARRIER, polite)
    Mover(world, AGENT, f"<sip:b@{OTHER}>", f"<sip:c@{THIRD}>")
    Peer(world, OTHER, lambda p, m: p.reply(m, 503) if isinstance(m, Request) and m.method == "INVITE" else None)
    Peer(world, THIRD, answers)
    call(world, carrier)
    assert carrier.statuses("INVITE")[-1] == 200
    over(world, edge, carrier)
    assert [leg.status for leg in edge.record.legs[1:]] == [302, 503, 200]


@pytest.mark.parametrize(
    "contacts",
    [
        (),
        (f"<{SIP_AGENT.uri}>",),
        ("<tel:+12025550100>",),
        ("<http://192.0.2.10/>",),
        ("*",),
        ("nonsense",),
        ("<sip:b@>",),
    ],
)
def test_a_redirection_to_nowhere_is_480(world: World, contacts: tuple[str, ...]) -> None:
    edge, carrier = Edge(world), Peer(world, CARRIER, polite)
    mover = Mover(world, AGENT, *contacts)
    call(world, carrier)
    assert carrier.statuses("INVITE")[-1] == 480
    assert mover.methods.count("INVITE") == 1
    assert AGENT not in carrier.response(480).raw.decode()
    over(world, edge, carrier)


def test_two_that_send_to_each_other_are_asked_once_each(world: World) -> None:
    edge, carrier = Edge(world), Peer(world, CARRIER, polite)
    one = Mover(world, AGENT, f"<sip:b@{OTHER}:5060>")
    other = Mover(world, OTHER, f"<{SIP_AGENT.uri}>", status=301)
    call(world, carrier)
    assert (one.methods.count("INVITE"), other.methods.count("INVITE")) == (1, 1)
    assert carrier.statuses("INVITE")[-1] == 480
    over(world, edge, carrier)


def test_there_is_an_end_to_it(world: World) -> None:
    edge, carrier = Edge(world), Peer(world, CARRIER, polite)
    Mover(world, AGENT, f"<sip:0@{OTHER}>")
    other = Mover(world, OTHER, *[f"<sip:{n}@{OTHER}>" for n in range(1, 40)])
    call(world, carrier)
    assert other.methods.count("INVITE") == MOST
    assert carrier.statuses("INVITE")[-1] == 480
    over(world, edge, carrier)


def test_sips_does_not_lead_to_sip(world: World) -> None:
    secure = msgspec.structs.replace(SIP_AGENT, uri=f"sips:bot@{AGENT}:5060")
    edge, carrier = Edge(world, records(secure)), Peer(world, CARRIER, polite)
    Mover(world, AGENT, f"<sip:b@{OTHER}>")
    there = Peer(world, OTHER, answers)
    call(world, carrier)
    assert there.requests == []
    over(world, edge, carrier)


@pytest.mark.parametrize(("host", "shown"), [(OTHER, False), (AGENT, True), (f"{AGENT};maddr={OTHER}", False)])
def test_credentials_are_for_the_trunks_own_host(world: World, host: str, shown: bool) -> None:
    password = Secret("hush")
    trunk = Trunk(
        id=id_of(70), organization_id=ORGANIZATION.id, name="engine", host=AGENT, username="u", password=password,
        trust_identity=True,
    )  # fmt: skip
    trusted = msgspec.structs.replace(TRUNK, trust_identity=True)
    bot = msgspec.structs.replace(SIP_AGENT, trunk_id=trunk.id)
    edge, carrier = Edge(world, records(trunk, bot, trusted)), Peer(world, CARRIER, polite)
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'

    def asks(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if message.uri == SIP_AGENT.uri:
            mover._moves(peer, message)
        elif message.method == "INVITE" and message.header("Authorization") is None:
            peer.reply(message, 401, extra=challenge)
        else:
            answers(peer, message)

    mover = Mover(world, AGENT, f"<sip:b@{host}>")
    mover.react = asks
    there = mover if host == AGENT else Peer(world, OTHER, asks)
    carrier.invite(extra=f"P-Asserted-Identity: <sip:+13035559876@{CARRIER}>")
    world.run(1.0)
    told = [m for m in there.requests if m.method == "INVITE" and m.uri == f"sip:b@{host}"]
    assert told
    assert any(m.header("Authorization") is not None for m in told) is shown
    assert any(m.header("P-Asserted-Identity") is not None for m in told) is shown
    assert (carrier.statuses("INVITE")[-1] == 200) is shown
    over(world, edge, carrier)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["<sip:a@h>;q=0.1", "<sip:b@h>"], ["sip:b@h", "sip:a@h"]),
        (["<sip:a@h>, <sip:b@h>"], ["sip:a@h", "sip:b@h"]),
        (["<sip:a@h>;q=x, <sip:b@h>;q=0.001"], ["sip:b@h", "sip:a@h"]),
        (["<sip:a@h>;q=7, <sip:b@h>;q=1.0"], ["sip:a@h", "sip:b@h"]),
        (["sip:a@h;q=0.5", "<<>>", '"x, y" <sip:c@h?Subject=z>'], ["sip:c@h", "sip:a@h"]),
    ],
)
def test_contacts_by_q(lines: list[str], expected: list[str]) -> None:
    assert sorted_by_q(lines) == expected


@pytest.mark.parametrize("where", [f"{THIRD}:5060", "led.example", f"{AGENT};maddr={THIRD}"])
def test_nobody_is_led_to_a_carrier_past_the_rules_for_calls_out(world: World, where: str) -> None:
    """A carrier that knows its customers by their address takes such an INVITE for one of ours, whosever it is."""
    theirs = Organization(id=id_of(80), name="Somebody else")
    carriers = Trunk(id=id_of(81), organization_id=theirs.id, name="another", networks=(f"{THIRD}/32",))
    edge, carrier = Edge(world, records(theirs, carriers)), Peer(world, CARRIER, polite)
    edge.names["led.example"] = [THIRD]
    Mover(world, AGENT, f"<sip:+19005550123@{where}>")
    telephone = Peer(world, THIRD, answers)
    call(world, carrier)
    assert telephone.requests == []
    assert carrier.statuses("INVITE")[-1] >= 400
    over(world, edge, carrier)


@pytest.mark.parametrize("where", ["10.0.0.7:5060", "198.41.0.4;maddr=10.0.0.7"])
@pytest.mark.parametrize(("mover", "reached"), [("198.41.0.4", False), (AGENT, True)])
def test_an_agent_that_is_not_of_our_network_leads_nobody_into_it(
    world: World, mover: str, reached: bool, where: str
) -> None:
    bot = msgspec.structs.replace(SIP_AGENT, uri=f"sip:bot@{mover}:5060")
    edge, carrier = Edge(world, records(bot)), Peer(world, CARRIER, polite)
    Mover(world, mover, f"<sip:b@{where}>")
    there = Peer(world, "10.0.0.7", answers)
    call(world, carrier)
    assert ("INVITE" in there.methods) is reached
    over(world, edge, carrier)
