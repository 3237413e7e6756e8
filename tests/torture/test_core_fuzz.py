"""Calls whose messages are broken in passing: the core raises nothing, and nothing stays when all is over.

An INVITE that would be a call, and up to four requests that belong to it, each with a few pieces overwritten; the agent
rings, answers, refuses or is silent.
"""

from __future__ import annotations

from math import inf

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.edge import AGENT, CARRIER, ECHO_AGENT, EDGE, NUMBER, NUMBER_RECORD, Edge, records
from tests.simulation.phone import OFFER, Phone
from tests.simulation.world import World
from tests.torture.mutation import SIGNS, WORDS, mutated
from trunkline.call.inputs import HangUp
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.sip.flow import Flow
from trunkline.sip.message import Malformed, parse

PIECES = [
    *SIGNS, *WORDS, b"%0d%0a", b";lr", b"tel:+1", b"*", b"{host}", b"{", b"m=", b"a=", b"v=0\r\n",
]  # fmt: skip
METHODS = ["ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "REGISTER"]
EXTRA = (
    "Record-Route: <sip:192.0.2.1;lr>, <sip:192.0.2.1:5070;lr>\r\nX-Foo: bar\r\nDiversion: <sip:+1@x>;reason=y\r\n"
    "P-Asserted-Identity: <sip:+13035559876@x>\r\nSupported: timer, 100rel\r\nUser-to-User: ab;encoding=hex\r\n"
    "Session-Expires: 90\r\nReason: Q.850;cause=16\r\n"
)


def message(method: str, sequence: int, branch: str, tag: str | None, body: bytes, extra: str = "") -> bytes:
    to = f"<sip:{NUMBER}@{EDGE}>" + (f";tag={tag}" if tag else "")
    head = (
        f"{method} sip:{NUMBER}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bK{branch};rport\r\n"
        f'Max-Forwards: 70\r\nFrom: "A, B" <sip:+13035559876@{CARRIER}>;tag=1\r\nTo: {to}\r\nCall-ID: c@{CARRIER}\r\n'
        f"CSeq: {sequence} {method}\r\nContact: <sip:a@{CARRIER}:5060>\r\n{extra}Content-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("utf-8", "surrogateescape") + body


class Carrier:
    """It keeps what it hears, and answers nothing."""

    def __init__(self) -> None:
        self.tag: str | None = None

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        heard = parse(data)
        if not isinstance(heard, Malformed):
            self.tag = heard.to_tag or self.tag

    def expire(self, now: float) -> None: ...

    def deadline(self) -> float:
        return inf


class Rough(World):
    """Its wires take the answers that repeat what was broken in the question."""

    def carry(self, flow: Flow, data: bytes) -> None:
        if data[:12] in (b"SIP/2.0 400 ", b"SIP/2.0 505 ", b"SIP/2.0 513 ") and isinstance(parse(data), Malformed):
            return
        super().carry(flow, data)


@settings(max_examples=150)
@given(st.data())
def test_a_call_of_broken_messages(data: st.DataObject) -> None:
    world = Rough()
    echo = data.draw(st.booleans())
    changed = [msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)] if echo else []
    edge = Edge(world, records(*changed))
    carrier = Carrier()
    world.add((CARRIER, 5060), carrier)
    habit = data.draw(st.sampled_from(["silent", "ring", "answer", "refuse"]))

    def behave(phone: Phone, leg: UasLeg) -> None:
        if habit == "refuse":
            phone.refuse(leg, 486)
        elif habit != "silent":
            phone.ring(leg)
        if habit == "answer":
            phone.answer(leg)

    Phone(world, AGENT, behave)
    flow = Flow("udp", edge.address, (CARRIER, 5060))
    edge.receive(data.draw(mutated(message("INVITE", 1, "a", None, OFFER, EXTRA), PIECES, 3)), flow, world.now)
    world.run(0.1)
    for step in range(data.draw(st.integers(0, 4))):
        method = data.draw(st.sampled_from(METHODS))
        body = OFFER if method in ("INVITE", "UPDATE") else b""
        if method == "CANCEL":
            sent = message(method, 1, "a", None, body)
        else:
            sent = message(method, 1 if method == "ACK" else 2 + step, f"q{step}", carrier.tag, body)
        edge.receive(data.draw(mutated(sent, PIECES, 2)), flow, world.now)
        world.run(data.draw(st.sampled_from([0.01, 1.0, 5.0])))
    world.run(400.0)
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    world.run(400.0)
    assert edge.clean() == {}
    edge.whole()
