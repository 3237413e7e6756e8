"""An agent of several addresses: which is tried first, when the next is, and what becomes of those that wake late."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER_RECORD, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED
from tests.simulation.world import World
from trunkline.call.inputs import FlowClosed, HangUp, Input, Resolved, Unreached, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request, Response
from trunkline.sip.uri import parse_uri

FIRST, SECOND, THIRD = "192.0.2.61", "192.0.2.62", "192.0.2.63"
BOT_TRUNK = Trunk(id=id_of(40), organization_id=TRUNK.organization_id, name="bots", host="bots.example")
LARGE = "X-Large: " + "x" * 1200


def flow(host: str, transport: Transport = "udp") -> Flow:
    return Flow(transport, (EDGE, 5060), (host, 5060), "out:" if transport == "tcp" else "")


class Named(Edge):
    """The name of the agent leads to these addresses; literal ones lead where they say."""

    leads: tuple[Flow, ...] = (flow(FIRST), flow(SECOND), flow(THIRD))
    tcp = True
    """Whether a way by TCP is found."""

    def _resolve(self, question: Resolve) -> Input:
        uri = parse_uri(question.uri)
        if not uri.host[0].isdigit():
            return Resolved(question.leg, self.leads)
        if question.transport == "tcp" and not self.tcp:
            return Unresolvable(question.leg, "no listener and route towards it")
        spoken: Transport = "tcp" if "tcp" in (question.transport, uri.transport) else "udp"
        return Resolved(question.leg, (flow(uri.host, spoken),))


def named(**fields: object) -> Named:
    trunk = msgspec.structs.replace(BOT_TRUNK, **fields)
    return Named(
        World(), records(trunk, msgspec.structs.replace(SIP_AGENT, uri="sip:bot@bots.example", trunk_id=trunk.id))
    )


def call(carrier: Peer, number: int = 1, extra: str = "") -> None:
    carrier.tag, carrier.remote_tag = f"tag{number}", ""
    carrier.invite(call_id=f"call{number}", extra=extra)


def calling(peer: Peer, message: Message) -> None:
    """A caller of several calls."""
    if isinstance(message, Response) and message.cseq_method == "INVITE" and 200 <= message.status < 300:
        peer.ack(message.cseq, call_id=message.call_id)
    elif isinstance(message, Request):
        polite(peer, message)


def end(edge: Edge, seconds: float = 700.0) -> None:
    for live in list(edge.core.calls):
        edge.give(HangUp(live))
    edge.world.run(seconds)
    assert edge.clean() == {}
    edge.whole()


def refusing(status: int, extra: str = "") -> object:
    def react(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, status, extra=extra)

    return react


def invites(*peers: Peer) -> list[int]:
    return [peer.methods.count("INVITE") for peer in peers]


def test_what_did_not_answer_is_tried_last_by_the_next_call() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(4.1)
    assert carrier.statuses("INVITE")[-1] == 200
    call(carrier, 2)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200, "at once"
    assert invites(second) == [2]
    end(edge)


def test_an_address_that_is_back_is_first_again() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    first = Peer(edge.world, FIRST, answers)
    edge.world.run(10.0)
    call(carrier, 2)
    edge.world.run(0.1)
    assert invites(first, second) == [1, 1]
    end(edge)


@pytest.mark.parametrize(
    ("extra", "rest"), [("", 10.0), ("Retry-After: 60 (later);duration=5", 60.0), ("Retry-After: soon", 10.0)]
)
def test_who_says_503_rests_as_long_as_it_asks(extra: str, rest: float) -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    first = Peer(edge.world, FIRST, refusing(503, extra))  # type: ignore[arg-type]
    call(carrier)
    edge.world.run(rest - 0.1)
    assert invites(first, second) == [1, 1]
    call(carrier, 2)
    edge.world.run(0.2)
    assert invites(first, second) == [1, 2]
    call(carrier, 3)
    edge.world.run(0.1)
    assert invites(first, second) == [2, 3]
    end(edge)


def test_where_all_have_failed_all_are_tried() -> None:
    edge = named()
    carrier = Peer(edge.world, CARRIER, calling)
    peers = [Peer(edge.world, host, refusing(503)) for host in (FIRST, SECOND, THIRD)]  # type: ignore[arg-type]
    for number in (1, 2):
        call(carrier, number)
        edge.world.run(1.0)
        assert carrier.statuses("INVITE")[-1] == 503
        assert invites(*peers) == [number] * 3
    end(edge)


def test_a_partition_costs_one_call_four_seconds_and_the_others_nothing() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    for number in range(1, 6):
        call(carrier, number)
        edge.world.run(4.1 if number == 1 else 0.1)
        assert carrier.statuses("INVITE")[-1] == 200
    assert invites(second) == [5]
    end(edge)


def test_the_last_address_has_all_the_time_there_is() -> None:
    edge = named()
    edge.leads = (flow(FIRST),)
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    call(carrier)
    edge.world.run(10.0)
    assert len(first.requests) > 3, "it is sent again"
    first.reply(first.request("INVITE"), 200, ANSWER)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)


def test_who_rings_has_been_reached() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)

    def trying(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 100, tag="")
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.reply(message, 200)
            peer.reply(peer.request("INVITE"), 487)

    first = Peer(edge.world, FIRST, trying)
    call(carrier)
    edge.world.run(15.0)
    assert invites(first, second) == [1, 0]
    end(edge)


@pytest.mark.parametrize("answered", [False, True])
def test_who_wakes_late_is_told_that_nobody_waits(answered: bool) -> None:
    """The first address rings, or picks up, after the second one has."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 200
    assert set(first.methods) == {"INVITE"}
    sent = len(first.heard)
    edge.world.run(5.0)
    assert len(first.heard) == sent, "what was given up is not sent again"
    invite = first.request("INVITE")
    if answered:
        first.reply(invite, 200, ANSWER)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["ACK", "BYE"]
        first.reply(first.request("BYE"), 200)
    else:
        first.reply(invite, 180)
        first.reply(invite, 180)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["CANCEL"]
        first.reply(first.request("CANCEL"), 200)
        first.reply(invite, 487)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["CANCEL", "ACK"]
    assert carrier.statuses("INVITE").count(200) == 1
    assert "BYE" not in carrier.methods
    end(edge)


def test_who_hangs_up_while_nobody_answers_is_done_with_all_addresses() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    branch = carrier.invite()
    edge.world.run(1.0)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    edge.world.run(10.0)
    assert second.heard == []
    assert carrier.statuses("INVITE")[-1] == 487
    end(edge)


# ── nobody listens there (RFC 3261 §18.4) ─────────────────────────────────────────────────────────────────────────────


def test_where_nobody_listens_the_next_address_is_tried_at_once() -> None:
    edge = named()
    edge.world.closed.add((FIRST, 5060))
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    for number in (1, 2):
        call(carrier, number)
        edge.world.run(0.1)
        assert carrier.statuses("INVITE")[-1] == 200
    assert invites(second) == [2]
    assert len(sent_to(edge, FIRST)) == 1, "the second call knows"
    end(edge)


def test_where_nobody_listens_at_all_the_caller_is_told_at_once() -> None:
    edge = named()
    edge.leads = (flow(FIRST),)
    edge.world.closed.add((FIRST, 5060))
    carrier = Peer(edge.world, CARRIER, calling)
    call(carrier)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 503
    assert carrier.response(503).header("reason") == 'SIP;cause=503;text="unreachable"'
    (leg,) = [leg for leg in edge.record.legs if leg.side == "agent"]
    assert (leg.status, leg.reason) == (503, "connection refused")
    end(edge)


def test_who_has_answered_is_there_whatever_the_network_says() -> None:
    """An error that comes late, of an INVITE sent before somebody listened."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    second = Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(0.1)
    invite = first.request("INVITE")
    late = Unreached(flow(FIRST), f"{invite.via.branch} INVITE", "connection refused")
    first.reply(invite, 180)
    edge.world.run(0.1)
    edge.give(late)
    first.reply(invite, 200, ANSWER)
    edge.world.run(0.1)
    edge.give(late)
    assert carrier.statuses("INVITE")[-1] == 200
    assert invites(first, second) == [1, 0]
    first.react = answers
    end(edge)


def test_a_bye_waits_for_a_peer_that_starts_again() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    edge.world.closed.add((FIRST, 5060))
    for live in list(edge.core.calls):
        edge.give(HangUp(live))
    edge.world.run(5.0)
    assert "BYE" not in first.methods
    edge.world.closed.clear()
    edge.world.run(5.0)
    assert first.methods.count("BYE") == 1
    end(edge)


def test_what_was_given_up_may_turn_out_to_have_gone_nowhere() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    edge.give(Unreached(flow(FIRST), f"{first.request('INVITE').via.branch} INVITE", "connection refused"))
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)


# ── too large for a datagram (RFC 3261 §18.1.1) ──────────────────────────────────────────────────────────────────────


def sent_to(edge: Edge, host: str, start: bytes = b"INVITE") -> list[str]:
    return [flow.transport for flow, data in edge.sent if flow.remote[0] == host and data.startswith(start)]


def test_a_large_invite_goes_by_tcp_to_the_same_address() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    first.flow = Flow("tcp", first.address, (EDGE, 5060), "out:")
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    invite = first.request("INVITE")
    assert sent_to(edge, FIRST) == ["tcp"]
    assert invite.via.transport == "TCP"
    assert ";transport=tcp" in (invite.header("contact") or "")
    assert invite.cseq == 1
    assert sent_to(edge, FIRST, b"ACK") == ["tcp"], "the dialog stays where it is"
    end(edge)


def test_inside_a_dialog_a_large_request_stays_where_it_is() -> None:
    """A peer that took the call by UDP may have nothing else, and IP can cut what is too long."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    large = MOVED + b"".join([b"a=x-line:%s\r\n" % (b"x" * 100)] * 20)
    carrier.remote_tag = carrier.response(200).to_tag or ""
    carrier.inside("INVITE", large, call_id="call1")
    edge.world.run(0.1)
    assert len(first.request("INVITE").body) > 2000
    assert sent_to(edge, FIRST) == ["udp", "udp"]
    assert carrier.statuses("INVITE").count(200) == 2
    end(edge)


def test_a_small_invite_goes_by_udp() -> None:
    edge = named()
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_a_trunk_may_forbid_it() -> None:
    edge = named(tcp_fallback=False)
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_where_nobody_listens_by_tcp_the_datagram_goes_and_later_calls_know() -> None:
    edge = named()
    edge.broken.add("out:")
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, FIRST) == ["udp"]
    assert (first.request("INVITE").via.transport, first.request("INVITE").cseq) == ("UDP", 2)
    edge.broken.clear()
    edge.world.run(500.0)
    call(carrier, 2, LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp", "udp"]
    end(edge, 1500.0)


def test_without_a_way_by_tcp_the_datagram_goes() -> None:
    edge = named()
    edge.tcp = False
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_a_connection_that_never_opens_is_given_up_for_the_datagram() -> None:
    """Somebody throws the SYNs away: the transport says nothing for a while."""
    edge = named()
    carrier = Peer(edge.world, CARRIER, calling)
    first = Peer(edge.world, FIRST)

    def by_udp(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.via.transport == "UDP":
            answers(peer, message)

    first.react = by_udp
    call(carrier, extra=LARGE)
    edge.world.run(3.9)
    assert sent_to(edge, FIRST) == ["tcp"]
    edge.world.run(0.2)
    assert sent_to(edge, FIRST) == ["tcp", "udp"]
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge, 1500.0)


def test_an_address_that_does_neither_is_followed_by_the_next() -> None:
    edge = named()
    edge.unreachable.add(FIRST)
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, SECOND) == ["tcp"]
    end(edge, 1500.0)


def test_an_agent_by_its_address_alone_takes_the_same_detour() -> None:
    edge = Named(World(), records())
    carrier, agent = Peer(edge.world, CARRIER, calling), Peer(edge.world, AGENT, answers)
    agent.flow = Flow("tcp", agent.address, (EDGE, 5060), "out:")
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, AGENT) == ["tcp"]
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)


# ── connections that are lost ─────────────────────────────────────────────────────────────────────────────────────────


def over_tcp(*, deaf: bool) -> tuple[Edge, Peer, Peer]:
    """A group of two: the first is reached by TCP and rings, the second answers. `deaf`: nobody can connect to us."""
    first = msgspec.structs.replace(SIP_AGENT, uri=f"sip:bot@{FIRST}:5060;transport=tcp", ring_timeout=60.0)
    second = msgspec.structs.replace(SIP_AGENT, id=id_of(30), name="second", uri=f"sip:bot@{SECOND}:5060")
    group = Agent(
        id=id_of(31), organization_id=SIP_AGENT.organization_id, name="g", kind="group", members=(first.id, second.id)
    )
    edge = Named(World(), records(first, second, group, msgspec.structs.replace(NUMBER_RECORD, agent_id=group.id)))
    if deaf:
        edge.core.ua.deaf.add(("tcp", edge.address))

    def ring(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 180)
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.reply(message, 200)
            peer.reply(peer.request("INVITE"), 487)

    carrier, ringing = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, ring)
    ringing.flow = Flow("tcp", ringing.address, (EDGE, 5060), "out:")
    Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 180
    return edge, carrier, ringing


def test_who_is_lost_while_ringing_is_followed_by_the_next_at_once() -> None:
    edge, carrier, ringing = over_tcp(deaf=True)
    edge.give(FlowClosed(flow(FIRST, "tcp")))
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert ringing.methods == ["INVITE", "CANCEL", "ACK"], "over a new connection"
    end(edge)
    assert [leg.status for leg in edge.record.legs[1:]] == [503, 200]


def test_who_can_connect_to_us_may_still_answer() -> None:
    edge, carrier, ringing = over_tcp(deaf=False)
    edge.give(FlowClosed(flow(FIRST, "tcp")))
    edge.world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 180
    ringing.reply(ringing.request("INVITE"), 200, ANSWER)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)


def test_another_connection_is_nobodys_loss() -> None:
    edge, carrier, _ = over_tcp(deaf=True)
    edge.give(FlowClosed(flow(THIRD, "tcp")))
    edge.give(FlowClosed(Flow("tcp", (EDGE, 5060), (FIRST, 5060), "in:1")))
    edge.world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 180
    end(edge)


def test_a_bye_that_nobody_can_answer_is_done() -> None:
    edge = Named(World(), records(msgspec.structs.replace(SIP_AGENT, uri=f"sip:bot@{FIRST}:5060;transport=tcp")))
    edge.core.ua.deaf.add(("tcp", edge.address))

    def mute(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method != "BYE":
            answers(peer, message)

    carrier, agent = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, mute)
    agent.flow = Flow("tcp", agent.address, (EDGE, 5060), "out:")
    call(carrier)
    edge.world.run(0.1)
    carrier.inside("BYE", call_id="call1")
    edge.world.run(0.1)
    assert any(key.endswith(" BYE") for key in edge.core.ua.layer.clients)
    edge.give(FlowClosed(flow(FIRST, "tcp")))
    edge.world.run(0.1)
    assert not any(key.endswith(" BYE") for key in edge.core.ua.layer.clients)
    end(edge)


def test_a_reinvite_that_is_worked_on_when_the_connection_goes_leaves_nothing() -> None:
    edge = Named(World(), records(msgspec.structs.replace(SIP_AGENT, uri=f"sip:bot@{FIRST}:5060;transport=tcp")))
    edge.core.ua.deaf.add(("tcp", edge.address))

    def slow(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE" and message.to_tag:
            peer.reply(message, 100)
        else:
            answers(peer, message)

    carrier, agent = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, slow)
    agent.flow = Flow("tcp", agent.address, (EDGE, 5060), "out:")
    call(carrier)
    edge.world.run(0.1)
    carrier.inside("INVITE", ANSWER, call_id="call1")
    edge.world.run(0.1)
    edge.give(FlowClosed(flow(FIRST, "tcp")))
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 503
    end(edge)
