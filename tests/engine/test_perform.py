"""What is performed in which order: the journal before the datagrams, answers in the turn that asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    ECHO_SDP,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    SIP_AGENT,
    Edge,
    records,
)
from tests.simulation.phone import OFFER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp, Input, MediaReady, Resolved, Unresolvable
from trunkline.call.outputs import CloseFlow, CloseMedia, Heard, Journal, OpenMedia, Output, Ping, Resolve
from trunkline.engine.perform import Performer
from trunkline.model.journal import JournalEntry
from trunkline.sip.flow import Flow

FLOW = Flow("udp", (EDGE, 5060), (CARRIER, 5060))
INVITE = (
    f"INVITE sip:{NUMBER}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bKa;rport\r\n"
    f"From: <sip:+13035559876@{CARRIER}>;tag=1\r\nTo: <sip:{NUMBER}@{EDGE}>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n"
    f"Contact: <sip:a@{CARRIER}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n"
).encode() + OFFER


class Hands:
    """The far ends: what each was given, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.answer: Input | None = None
        self.unreachable: set[str] = set()
        self.performer = Performer(self, self, self, self, self, self)
        self.posts = True
        self.late: list[Input] = []

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None:
        if flow.remote[0] in self.unreachable:
            return "no route"
        self.done.append("send " + " ".join(data.partition(b"\r\n")[0].decode().split(" ")[:2]))
        return None

    def fetch(self, url: str, call: str) -> Input | None:
        self.done.append(f"fetch {url}")
        return self.answer

    def refuse(self, source: str, everywhere: bool) -> None: ...

    def allow(self, source: str) -> None: ...

    def trust(self, flow: Flow) -> None: ...

    def close_flow(self, flow: Flow) -> None:
        self.done.append("close flow")

    def ping(self, flow: Flow) -> None:
        self.done.append("ping")

    def append(self, entries: Sequence[JournalEntry]) -> None:
        self.done.append("journal " + " ".join(type(entry).__name__ for entry in entries))

    def open(self, wish: OpenMedia) -> None:
        self.done.append("open media")
        if self.posts:
            assert self.performer.post(MediaReady(wish.leg, ECHO_SDP, "PCMU"))

    def close(self, wish: CloseMedia) -> None:
        self.done.append("close media")

    def find(self, question: Resolve) -> Input | None:
        self.done.append(f"find {question.uri}")
        if self.answer is None:
            return None
        return msgspec.structs.replace(self.answer, leg=question.leg)

    def outputs(self, outs: Iterable[Output], now: float) -> None:
        self.done.append("watch " + " ".join(type(out).__name__ for out in outs))


@pytest.fixture
def hands() -> Hands:
    return Hands()


def take(edge: Edge, hands: Hands) -> list[str]:
    hands.performer.perform(edge.core.receive(INVITE, FLOW, 100.0), edge.core, 100.0)
    return hands.done


def sip_edge(*agents: str) -> Edge:
    return Edge(World())


def echo_edge() -> Edge:
    return Edge(World(), records(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)))


def test_a_whole_answer_in_one_turn(hands: Hands) -> None:
    edge = echo_edge()
    assert take(edge, hands) == [
        "open media",
        "journal Began Answered",
        "watch Heard Journal Transmit OpenMedia Transmit Journal",
        "send SIP/2.0 100",
        "send SIP/2.0 200",
    ]


def test_media_that_takes_its_time_answers_later(hands: Hands) -> None:
    edge = echo_edge()
    hands.posts = False
    take(edge, hands)
    assert hands.done[-1] == "send SIP/2.0 100"
    assert not hands.performer.post(MediaReady("x", b"")), "no turn is being performed"
    (call,) = edge.core.calls.values()
    assert call.agent is not None
    outs = edge.core.send(MediaReady(call.agent.id, ECHO_SDP, "PCMU"), 100.0)
    hands.performer.perform(outs, edge.core, 100.0)
    assert hands.done[-3:-2] == ["journal Answered"]
    assert hands.done[-1] == "send SIP/2.0 200"
    hands.performer.perform(edge.core.send(HangUp(call.id), 100.0), edge.core, 100.0)
    assert "close media" in hands.done


def test_a_known_address_is_used_in_the_turn_that_asked(hands: Hands) -> None:
    edge = sip_edge()
    hands.answer = Resolved("", (Flow("udp", (EDGE, 5060), (AGENT, 5060)),))
    assert take(edge, hands)[-2:] == ["send SIP/2.0 100", f"send INVITE {SIP_AGENT.uri}"]
    assert hands.done[0] == f"find {SIP_AGENT.uri}"


def test_an_address_that_is_not_known_yet_leaves_the_call_waiting(hands: Hands) -> None:
    edge = sip_edge()
    assert take(edge, hands)[-1] == "send SIP/2.0 100"
    assert len(edge.core.calls) == 1


def test_nowhere_to_go_ends_the_call_in_the_same_turn(hands: Hands) -> None:
    edge = sip_edge()
    hands.answer = Unresolvable("", "no such host")
    assert take(edge, hands)[-1] == "send SIP/2.0 503"
    assert [line for line in hands.done if line.startswith("journal")] == ["journal Began Ended"]
    assert not edge.core.calls


def test_what_cannot_be_sent_comes_back_and_is_performed_with_its_own_journal_first(hands: Hands) -> None:
    edge = sip_edge()
    hands.answer = Resolved("", (Flow("udp", (EDGE, 5060), (AGENT, 5060)),))
    hands.unreachable.add(AGENT)
    done = [line for line in take(edge, hands) if not line.startswith("watch")]
    assert done == [f"find {SIP_AGENT.uri}", "journal Began", "send SIP/2.0 100", "journal Ended", "send SIP/2.0 503"]


def test_a_response_that_cannot_be_sent_is_nobodys_loss(hands: Hands) -> None:
    edge = echo_edge()
    hands.unreachable.add(CARRIER)
    take(edge, hands)
    assert len(edge.core.calls) == 1


def test_flows_are_closed_and_what_was_heard_is_watched(hands: Hands) -> None:
    edge = echo_edge()
    hands.performer.perform([CloseFlow(FLOW), Ping(FLOW), Heard("c", FLOW, b"x")], edge.core, 100.0)
    assert hands.done == ["close flow", "ping", "watch CloseFlow Ping Heard"]
    hands.performer.perform([], edge.core, 100.0)
    assert len(hands.done) == 3


__all__ = ["Journal"]
