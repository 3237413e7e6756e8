"""Whatever the addresses of an agent do, and whenever they wake: a call ends once, nothing is left, and nobody who
picked up stays on a dead line."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.simulation.edge import CARRIER, EDGE, NUMBER_RECORD, SIP_AGENT, Edge, id_of, records
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER
from tests.simulation.scene import hang_up
from tests.simulation.world import Weather, World
from trunkline.call.inputs import Input, Resolved
from trunkline.call.outputs import Resolve
from trunkline.model.agent import Agent
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response
from trunkline.sip.uri import parse_uri

HOSTS = {"one": ("192.0.2.61", "192.0.2.62", "192.0.2.63"), "two": ("192.0.2.71", "192.0.2.72")}
EVERY = [host for hosts in HOSTS.values() for host in hosts]


class Wandering(Edge):
    def _resolve(self, question: Resolve) -> Input:
        name = parse_uri(question.uri).host.partition(".")[0]
        return Resolved(question.leg, tuple([Flow("udp", (EDGE, 5060), (host, 5060)) for host in HOSTS[name]]))


class Habit:
    """What an address does with an INVITE: after some seconds it rings, and after some more it answers finally."""

    def __init__(self, wakes: float, rings: bool, takes: float, status: int) -> None:
        self.wakes, self.rings, self.takes, self.status = wakes, rings, takes, status
        self._open: dict[str, list[Request]] = {}
        """By branch, the INVITE as long as it has no final answer."""

    def __repr__(self) -> str:
        return f"({self.wakes:g} s, {'rings, ' if self.rings else ''}{self.takes:g} s, {self.status})"

    def react(self, peer: Peer, message: Message) -> None:
        if not isinstance(message, Request):
            return
        world = peer.world
        if message.method == "INVITE":
            first = [each for each in peer.requests if each.method == "INVITE" and each.cseq == message.cseq]
            if len(first) == 1:
                open_: list[Request] = [message]
                if self.rings:
                    world.after(self.wakes, lambda: self._ring(peer, open_))
                if self.status:
                    world.after(self.wakes + self.takes, lambda: self._end(peer, open_, self.status))
                self._open[message.via.branch or ""] = open_
        elif message.method == "CANCEL":
            open_ = self._open.get(message.via.branch or "", [])
            peer.reply(message, 200 if open_ else 481)
            self._end(peer, open_, 487)
        elif message.method != "ACK":
            peer.reply(message, 200)

    def _ring(self, peer: Peer, open_: list[Request]) -> None:
        if open_:
            peer.reply(open_[0], 180)

    def _end(self, peer: Peer, open_: list[Request], status: int) -> None:
        if open_:
            peer.reply(open_.pop(), status, ANSWER if status == 200 else b"")


habits = st.builds(
    Habit,
    wakes=st.sampled_from([0.0, 0.3, 3.9, 4.1, 7.0, 12.0]),
    rings=st.booleans(),
    takes=st.sampled_from([0.0, 0.5, 4.0, 9.0]),
    status=st.sampled_from([0, 200, 200, 486, 500, 503, 603]),
)


def heeding(peer: Peer, message: Message) -> None:
    if isinstance(message, Response):
        if message.cseq_method == "INVITE" and 200 <= message.status < 300:
            peer.ack(message.cseq)
    elif message.method != "ACK":
        peer.reply(message, 200)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries({host: st.none() | habits for host in EVERY}),
    st.sets(st.sampled_from(EVERY), max_size=2),
    st.sampled_from([0.0, 0.2]),
    st.integers(0, 1000),
    st.none() | st.floats(0.0, 20.0),
)
def test_whatever_the_addresses_do(
    doing: dict[str, Habit | None], unreachable: set[str], loss: float, seed: int, patience: float | None
) -> None:
    agents = [
        structs.replace(SIP_AGENT, id=id_of(50 + n), name=name, uri=f"sip:bot@{name}.example", ring_timeout=15.0)
        for n, name in enumerate(HOSTS)
    ]
    group = Agent(
        id=id_of(60), organization_id=SIP_AGENT.organization_id, name="g", kind="group",
        members=tuple([agent.id for agent in agents]),
    )  # fmt: skip
    world = World(seed, Weather(loss=loss))
    edge = Wandering(world, records(*agents, group, structs.replace(NUMBER_RECORD, agent_id=group.id)))
    edge.unreachable = unreachable
    carrier = Peer(world, CARRIER, heeding)
    peers: dict[str, Peer] = {}
    for host, habit in doing.items():
        react: Callable[[Peer, Message], None] | None = habit.react if habit is not None else None
        peers[host] = Peer(world, host, react)
    branch = carrier.invite()
    for retry in (0.5, 1.5, 3.5):  # the carrier's own timer A, should the first be lost
        world.after(retry, lambda: carrier.invite(branch=branch) if not carrier.heard else None)
    if patience is not None:
        world.run(patience)
        if edge.core.calls and carrier.heard:
            carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
            carrier.cseq = 1
    world.run(100.0)
    hang_up(world, edge, 800.0)
    assert len({status for status in carrier.statuses("INVITE") if status >= 200}) <= 1, world.ladder()
    if loss:
        return
    for host, peer in peers.items():
        picked_up = [seen for seen in world.seen if seen.source[0] == host and seen.start.startswith("SIP/2.0 200")
                     and b" INVITE\r\n" in seen.data]  # fmt: skip
        if picked_up and host not in unreachable:
            assert "ACK" in peer.methods, world.ladder()
            assert "BYE" in peer.methods, world.ladder()
