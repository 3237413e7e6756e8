"""How scenes begin and end, and an agent that waits for its words."""

from __future__ import annotations

from tests.simulation.edge import AGENT, Edge
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp
from trunkline.sip.message import Request, parse


def connect(world: World, carrier: Peer, body: bytes = OFFER) -> None:
    carrier.invite(body)
    world.run(0.1)
    assert 200 in carrier.statuses("INVITE")


def hang_up(world: World, edge: Edge, seconds: float = 200.0) -> None:
    """The operator ends whatever is there; so many seconds later nothing is left."""
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    world.run(seconds)
    assert edge.clean() == {}, world.ladder()
    edge.whole()


class Agent:
    """An agent whose INVITEs wait for the test to answer."""

    def __init__(self, world: World) -> None:
        self.peer = Peer(world, AGENT, self._react)

    def _react(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method not in ("INVITE", "ACK"):
            peer.reply(message, 200)

    @property
    def invite(self) -> Request:
        return self.peer.request("INVITE")


def read(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def pending(world: World, carrier: Peer) -> Agent:
    """A call that is up, whose agent answers no further INVITE by itself."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    return waiting


def works_still(world: World, edge: Edge, carrier: Peer, waiting: Agent) -> None:
    """Another change crosses and is answered."""
    before = carrier.statuses("INVITE").count(200)
    carrier.inside("INVITE", MOVED.replace(b"4000", b"4002"))
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("INVITE").count(200) == before + 1, world.ladder()
    hang_up(world, edge)


def statuses(edge: Edge) -> list[int | None]:
    """Of the agent legs of the only record, in order."""
    return [leg.status for leg in edge.record.legs if leg.side == "agent"]


def finish(edge: Edge, carrier: Peer) -> None:
    carrier.inside("BYE")
    edge.world.run(200.0)
    assert edge.clean() == {}, edge.world.ladder()
    edge.whole()
