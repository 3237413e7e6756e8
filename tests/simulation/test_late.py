"""What comes too late: answers of calls that are over, and words in calls that a crash ended."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, TRUNK, Edge, open_dialogs, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED
from tests.simulation.scene import connect
from tests.simulation.world import World
from trunkline.call.inputs import Interrupted
from trunkline.sip.message import Request

# ── after a crash ─────────────────────────────────────────────────────────────────────────────────────────────────────


def crash(world: World, edge: Edge) -> Edge:
    after = Edge(world, seed=b"after")
    for dialog in open_dialogs(edge):
        after.give(Interrupted(dialog))
    return after


def test_what_was_open_gets_its_bye_on_both_legs(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    agent.inside("INFO", b"x", call_id=agent.request("INVITE").call_id, extra="Content-Type: text/plain")
    world.run(0.1)
    sequence = carrier.request("INFO").cseq
    after = crash(world, edge)
    assert after.core.counts()["legs"] == 2
    world.run(0.1)
    for peer in (carrier, agent):
        bye = peer.request("BYE")
        assert "interrupted" in (bye.header("Reason") or "")
    assert carrier.request("BYE").cseq > sequence
    assert carrier.request("BYE").to_tag == carrier.tag
    assert carrier.request("BYE").from_tag == carrier.remote_tag
    world.run(200.0)
    assert after.clean() == {}
    assert after.journal == []


def test_what_is_still_said_in_it_is_answered(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    carrier.ack()
    world.run(0.1)
    after = crash(world, edge)
    branch = carrier.inside("INVITE", MOVED)
    carrier.inside("CANCEL", cseq=carrier.cseq, branch=branch)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 481
    assert carrier.statuses("BYE") == carrier.statuses("CANCEL") == [200]
    world.run(200.0)
    assert after.clean() == {}


@pytest.mark.parametrize("named", [False, True])
def test_over_a_connection_that_died_with_the_process_it_goes_by_address(world: World, named: bool) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, transport="tcp")))
    carrier, agent = Peer(world, CARRIER, polite, "tcp", "in:1"), Peer(world, AGENT, answers)
    carrier.invite(contact=f"sip:peer@{'carrier.example' if named else CARRIER}")
    world.run(0.1)
    after = Edge(world, seed=b"after")
    after.broken.add("in:1")
    for dialog in open_dialogs(edge):
        after.give(Interrupted(dialog))
    world.run(200.0)
    # A name that has no address any more is tried over what there was, and then given up.
    assert carrier.methods == ([] if named else ["BYE"])
    assert agent.methods[-1] == "BYE"
    assert after.clean() == {}


def test_a_peer_that_is_gone_too_is_given_up(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    world.remove((CARRIER, 5060))
    after = crash(world, edge)
    world.run(200.0)
    assert after.clean() == {}


# ── late answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_late_answer_that_is_repeated_is_acknowledged_again_and_ended_once(
    world: World, edge: Edge, carrier: Peer
) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.reply(invite, 200, ANSWER, tag="one")
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    agent.reply(agent.request("BYE"), 200)
    world.run(0.1)
    for _ in range(3):
        agent.reply(invite, 200, ANSWER, tag="two", contact="sip:other@192.0.2.9")
        agent.reply(invite, 180, tag="three")
        world.run(0.1)
    late = [request for request in agent.requests if request.to_tag == "two"]
    assert [request.method for request in late].count("ACK") == 3
    assert [request.method for request in late].count("BYE") == 1
    assert {request.uri for request in late} == {"sip:other@192.0.2.9"}
    assert [request.cseq for request in late if request.method == "BYE"] == [invite.cseq + 1]
    world.run(200.0)
    assert edge.clean() == {}


@pytest.mark.parametrize("ended", ["one", "two"])
def test_an_answer_that_comes_again_when_the_call_is_over_is_acknowledged_alone(
    world: World, edge: Edge, carrier: Peer, ended: str
) -> None:
    """Its dialog has had its BYE: a second one would have no number that is higher (§12.2.1.1)."""
    agent = Peer(world, AGENT, ends_when_told)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    for tag in ("one", "two"):
        agent.reply(invite, 200, ANSWER, tag=tag)
        world.run(0.1)
    carrier.inside("BYE")
    world.run(6.0)
    agent.reply(invite, 200, ANSWER, tag=ended)
    world.run(1.0)
    again = [request.method for request in agent.requests if request.to_tag == ended]
    assert again == ["ACK", "BYE", "ACK"]
    world.run(200.0)
    assert edge.clean() == {}


def ends_when_told(peer: Peer, message: Message) -> None:
    if isinstance(message, Request) and message.method == "BYE":
        peer.reply(message, 200)
