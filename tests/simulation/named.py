"""An agent whose name leads to several addresses, and a caller of several calls."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import EDGE, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, polite
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.call.inputs import Input, Resolved, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request, Response
from trunkline.sip.uri import parse_uri

FIRST, SECOND, THIRD = "192.0.2.61", "192.0.2.62", "192.0.2.63"
BOT_TRUNK = Trunk(id=id_of(40), organization_id=TRUNK.organization_id, name="bots", host="bots.example")


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
    """When nothing is left, what failed has rested long enough too."""
    hang_up(edge.world, edge, seconds)


def invites(*peers: Peer) -> list[int]:
    return [peer.methods.count("INVITE") for peer in peers]


def sent_to(edge: Edge, host: str, start: bytes = b"INVITE") -> list[str]:
    return [flow.transport for flow, data in edge.sent if flow.remote[0] == host and data.startswith(start)]
