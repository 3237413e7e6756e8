"""A peer that says exactly what a test writes, in the simulated network: for what no decent user agent would say."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from tests.simulation.edge import CARRIER, EDGE, NUMBER
from tests.simulation.phone import ANSWER, OFFER
from tests.simulation.world import World
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.sip.message import Malformed, Request, Response, parse

Message = Request | Response
Reaction = Callable[["Peer", Message], None]


class Peer:
    """One node. It keeps what it hears; `react`, where given, is told of each message."""

    def __init__(
        self,
        world: World,
        host: str,
        react: Reaction | None = None,
        transport: Transport = "udp",
        connection: str = "",
    ) -> None:
        self.world = world
        self.address: Address = (host, 5060)
        self.flow = Flow(transport, self.address, (EDGE, 5060), connection)
        self.react = react
        self.heard: list[Message] = []
        self.cseq = 0
        self.tag = f"tag-{host}"
        self.remote_tag = ""
        self._branches = 0
        world.add(self.address, self)

    # ── what was heard ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def requests(self) -> list[Request]:
        return [m for m in self.heard if isinstance(m, Request)]

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def statuses(self, method: str = "") -> list[int]:
        """Those of the responses to `method`, in order."""
        return [m.status for m in self.heard if isinstance(m, Response) and (not method or m.cseq_method == method)]

    def request(self, method: str) -> Request:
        """The latest request of this method."""
        return [request for request in self.requests if request.method == method][-1]

    def response(self, status: int, method: str = "INVITE") -> Response:
        """The latest response of this status."""
        return [m for m in self.heard if isinstance(m, Response) and (m.status, m.cseq_method) == (status, method)][-1]

    # ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, text: str, body: bytes = b"") -> None:
        """Lines without their line ends; Content-Length is added."""
        lines = [line.strip() for line in text.strip().split("\n")]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}"])
        self.world.carry(self.flow, head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body)

    def branch(self) -> str:
        self._branches += 1
        return f"z9hG4bK-{self.address[0]}-{self._branches}"

    def invite(
        self,
        body: bytes = OFFER,
        extra: str = "",
        call_id: str = "c1",
        branch: str = "",
        cseq: int = 1,
        contact: str = "",
    ) -> str:
        """A new INVITE to the edge's number; its branch."""
        self.cseq = cseq
        branch = branch or self.branch()
        kind = "Content-Type: application/sdp" if body and "Content-Type" not in extra else "X-None: 1"
        self.say(
            f"""INVITE sip:{NUMBER}@{EDGE} SIP/2.0
            Via: SIP/2.0/{self.flow.transport.upper()} {self.address[0]}:5060;branch={branch};rport
            Max-Forwards: 70
            From: <sip:+13035559876@{CARRIER}>;tag={self.tag}
            To: <sip:{NUMBER}@{EDGE}>
            Call-ID: {call_id}
            CSeq: {cseq} INVITE
            Contact: <{contact or f"sip:peer@{self.address[0]}:5060"}>
            {kind}{_lines(extra)}""",
            body,
        )
        return branch

    def inside(
        self,
        method: str,
        body: bytes = b"",
        cseq: int | None = None,
        extra: str = "",
        call_id: str = "c1",
        branch: str = "",
        to_tag: str | None = None,
        contact: str = "",
    ) -> str:
        """A request in the dialog of `invite`, or of an INVITE heard when `call_id` is its; its branch."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or self.branch()
        tag = self.remote_tag if to_tag is None else to_tag
        kind = "\nContent-Type: application/sdp" if body and "Content-Type" not in extra else ""
        self.say(
            f"""{method} sip:{NUMBER}@{EDGE} SIP/2.0
            Via: SIP/2.0/{self.flow.transport.upper()} {self.address[0]}:5060;branch={branch};rport
            Max-Forwards: 70
            From: <sip:+13035559876@{CARRIER}>;tag={self.tag}
            To: <sip:{NUMBER}@{EDGE}>{f";tag={tag}" if tag else ""}
            Call-ID: {call_id}
            CSeq: {cseq} {method}
            Contact: <{contact or f"sip:peer@{self.address[0]}:5060"}>{kind}{_lines(extra)}""",
            body,
        )
        return branch

    def ack(self, cseq: int | None = None, body: bytes = b"", call_id: str = "c1") -> None:
        """The ACK of the 200 that the dialog's latest INVITE got."""
        self.inside("ACK", body, self.cseq if cseq is None else cseq, call_id=call_id)

    def reply(
        self,
        request: Request,
        status: int,
        body: bytes = b"",
        extra: str = "",
        tag: str | None = None,
        contact: str = "",
    ) -> None:
        to = request.header("To") or ""
        if request.to_tag is None:
            to += f";tag={self.tag if tag is None else tag}" if tag != "" else ""
        vias = "".join([f"Via: {via}\n" for via in request.headers("Via")])
        kind = "\nContent-Type: application/sdp" if body and "Content-Type" not in extra else ""
        self.say(
            f"""SIP/2.0 {status} Whatever
            {vias}From: {request.header("From")}
            To: {to}
            Call-ID: {request.call_id}
            CSeq: {request.cseq} {request.cseq_method}
            Contact: <{contact or f"sip:peer@{self.address[0]}:5060"}>{kind}{_lines(extra)}""",
            body,
        )

    # ── a node's words ────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        assert not isinstance(message, Malformed), data
        self.heard.append(message)
        answer = isinstance(message, Response) and message.cseq_method == "INVITE" and message.status < 300
        if answer and message.to_tag:
            self.remote_tag = message.to_tag
        if self.react is not None:
            self.react(self, message)

    def expire(self, now: float) -> None: ...

    def deadline(self) -> float:
        return inf


def answers(peer: Peer, message: Message) -> None:
    """A plain agent: 180 and 200 to an INVITE, 200 to every other request, an ACK to nothing."""
    if not isinstance(message, Request) or message.method == "ACK":
        return
    if message.method != "INVITE":
        peer.reply(message, 200)
        return
    if message.to_tag is None:
        peer.remote_tag = message.from_tag or ""
        peer.reply(message, 180)
    peer.reply(message, 200, ANSWER if message.body else OFFER)


def polite(peer: Peer, message: Message) -> None:
    """A plain caller: it acknowledges what is final, and agrees to everything else."""
    if isinstance(message, Request):
        if message.method != "ACK":
            peer.reply(message, 200, ANSWER if message.method == "INVITE" else b"")
    elif message.cseq_method == "INVITE" and 200 <= message.status < 300:
        peer.ack(message.cseq)


def rings(peer: Peer, message: Message) -> None:
    """An agent that rings until it is cancelled."""
    if isinstance(message, Request) and message.method == "INVITE":
        peer.reply(message, 180)
    if isinstance(message, Request) and message.method == "CANCEL":
        peer.reply(message, 200)
        peer.reply(peer.request("INVITE"), 487)


def refusing(status: int, extra: str = "", *, ring: bool = False) -> Reaction:
    """An agent that says no to each INVITE, after ringing where it is to `ring`."""

    def react(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            if ring:
                peer.reply(message, 180)
            peer.reply(message, status, extra=extra)

    return react


def _lines(extra: str) -> str:
    return "".join([f"\n{line}" for line in extra.strip().split("\n")]) if extra else ""
