"""Connections that are lost while an agent rings, answers or is let go."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import CARRIER, EDGE, NUMBER_RECORD, SIP_AGENT, Edge, id_of, records
from tests.simulation.named import FIRST, SECOND, THIRD, Named, call, calling, end, flow
from tests.simulation.peer import Message, Peer, answers, rings
from tests.simulation.phone import ANSWER
from tests.simulation.world import World
from trunkline.call.inputs import FlowClosed
from trunkline.model.agent import Agent
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request


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

    carrier, ringing = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, rings)
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
