"""A caller and an agent that know reliable provisional responses (RFC 3262), each as a test wants it."""

from __future__ import annotations

from tests.simulation.edge import AGENT, CARRIER
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER, OFFER
from tests.simulation.world import World
from trunkline.sip.message import Request, Response

SUPPORTS = "Supported: 100rel"
REQUIRES = "Require: 100rel"


class Caller(Peer):
    """It acknowledges what it is sent, PRACKs in time or not at all, and keeps both apart."""

    def __init__(self, world: World, pracks: bool = True, answer: bytes = b"") -> None:
        super().__init__(world, CARRIER, self._hears)
        self.pracks = pracks
        self.answer = answer
        """What its PRACK brings."""
        self.acked: set[int] = set()

    def _hears(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request):
            if message.method != "ACK":
                self.reply(message, 200)
        elif message.cseq_method == "INVITE" and 200 <= message.status < 300:
            self.ack(message.cseq)
        elif message.header("RSeq") is not None and self.pracks:
            rseq = int(message.header("RSeq") or 0)
            if rseq not in self.acked:
                self.acked.add(rseq)
                self.prack(rseq, message.to_tag or "", self.answer)

    def prack(self, rseq: int, tag: str = "", body: bytes = b"") -> None:
        self.inside("PRACK", body, extra=f"RAck: {rseq} 1 INVITE", to_tag=tag or None)

    @property
    def rang(self) -> list[tuple[int, bool, bool]]:
        """Each provisional response but 100: its status, whether it is reliable, whether it has a body."""
        return [
            (m.status, m.header("RSeq") is not None, bool(m.body))
            for m in self.heard
            if isinstance(m, Response) and m.cseq_method == "INVITE" and 100 < m.status < 200
        ]


class Agent(Peer):
    """It says what a test makes it say."""

    def __init__(self, world: World) -> None:
        super().__init__(world, AGENT, self._hears)

    def _hears(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method not in ("INVITE", "ACK"):
            self.reply(message, 487 if message.method == "CANCEL" else 200)

    @property
    def invited(self) -> Request:
        return next(request for request in self.requests if request.method == "INVITE")

    def ring(self, status: int, body: bytes = b"", rseq: int = 0, tag: str | None = None) -> None:
        extra = f"{REQUIRES}\nRSeq: {rseq}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE" if rseq else ""
        self.reply(self.invited, status, body, extra, tag=tag)

    def answers(self, body: bytes = ANSWER, tag: str | None = None) -> None:
        self.reply(self.invited, 200, body, tag=tag)

    @property
    def racks(self) -> list[str | None]:
        return [request.header("RAck") for request in self.requests if request.method == "PRACK"]


def begin(world: World, extra: str = "", body: bytes = OFFER, **caller: object) -> tuple[Caller, Agent]:
    carrier, agent = Caller(world, **caller), Agent(world)  # type: ignore[arg-type]
    carrier.invite(body, extra)
    world.run(0.1)
    return carrier, agent
