"""A phone or PBX that registers with the edge, in the simulated network; also behind a NAT that hides its address."""

from __future__ import annotations

from math import inf

from tests.simulation.edge import EDGE, NUMBER
from tests.simulation.phone import ANSWER, OFFER
from tests.simulation.world import World
from trunkline.sip.digest import answer
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.sip.message import Malformed, Request, Response, parse

PHONE = "192.0.2.40"


class Device:
    """One node. It proves who it is when it is asked to, and answers every call unless `status` says otherwise."""

    def __init__(
        self,
        world: World,
        host: str = PHONE,
        user: str = "anna",
        password: str = "secret",
        transport: Transport = "udp",
        connection: str = "",
        port: int = 5060,
    ) -> None:
        self.world = world
        self.address: Address = (host, port)
        self.named: Address = (host, port)
        """What it takes for its own address."""
        self.flow = Flow(transport, self.address, (EDGE, 5060), connection)
        self.user = user
        self.password = password
        self.cseq = 0
        self.call_id = f"reg-{host}-{port}"
        self.status = 200
        self.shown: list[str] = []
        """What the edge challenged with last."""
        self.responses: list[Response] = []
        self.calls: list[Request] = []
        self.acks = 0
        world.add(self.address, self)

    # ── REGISTER ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def contact(self, params: str = "") -> str:
        host, port = self.named
        transport = "" if self.flow.transport == "udp" else f";transport={self.flow.transport}"
        return f"<sip:{self.user}@{host}:{port}{transport}>{params}"

    def register(self, *contacts: str, lines: str = "", cseq: int | None = None, to: str = "") -> int:
        """The final status; the proof is given when it is asked for. Without `contacts`: the device's own."""
        shown = ""
        for _ in range(3):
            status = self.ask(*(contacts or (self.contact(),)), lines=lines + shown, cseq=cseq, to=to)
            if status != 401:
                return status
            challenges = self.responses[-1].headers("WWW-Authenticate")
            uri = f"sip:{EDGE}"
            proof = answer(challenges, "REGISTER", uri, self.user, self.password, "cnonce")
            if shown and "stale=TRUE" not in challenges[0]:
                return status
            shown = f"Authorization: {proof}\r\n"
        return 401

    def ask(self, *contacts: str, lines: str = "", cseq: int | None = None, to: str = "", rport: bool = True) -> int:
        """One REGISTER, and the status of its answer; 0 when none came."""
        self.cseq = self.cseq + 1 if cseq is None else cseq
        host, port = self.named
        ask = ";rport" if rport else ""
        branch = f"z9hG4bK{len(self.world.seen)}"
        text = (
            f"REGISTER sip:{EDGE} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.flow.transport.upper()} {host}:{port};branch={branch}{ask}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{EDGE}>;tag=f\r\nTo: <sip:{to or self.user}@{EDGE}>\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {self.cseq} REGISTER\r\nUser-Agent: Phone/1.0\r\n"
            + "".join([f"Contact: {contact}\r\n" for contact in contacts if contact != "none"])
            + f"{lines}Content-Length: 0\r\n\r\n"
        )
        before = len(self.responses)
        self.world.carry(self.flow, text.encode())
        self.world.run(0.1)
        return self.responses[-1].status if len(self.responses) > before else 0

    @property
    def bound(self) -> list[str]:
        """The Contacts of the last answer."""
        return self.responses[-1].headers("Contact")

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def dial(self, number: str = NUMBER, call_id: str = "d1") -> int:
        """The final status of a call, without credentials."""
        host, port = self.named
        head = (
            f"INVITE sip:{number}@{EDGE} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.flow.transport.upper()} {host}:{port};branch=z9hG4bK{call_id};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{EDGE}>;tag=d\r\nTo: <sip:{number}@{EDGE}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: {self.contact()}\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n"
        )
        before = len(self.responses)
        self.world.carry(self.flow, head.encode() + OFFER)
        self.world.run(3.0)
        final = [each.status for each in self.responses[before:] if each.status >= 200]
        return final[-1] if final else 0

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        assert not isinstance(message, Malformed), data
        if isinstance(message, Response):
            self.responses.append(message)
            return
        if message.method == "ACK":
            self.acks += 1
            return
        if message.method == "INVITE":
            self.calls.append(message)
            if not self.status:
                return
        status = self.status if message.method == "INVITE" else 200
        body = ANSWER if status == 200 and message.method == "INVITE" else b""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        vias = "".join([f"Via: {via}\r\n" for via in message.headers("Via")])
        tag = "" if message.to_tag else f";tag=dev{self.address[1]}"
        text = (
            f"SIP/2.0 {status} Whatever\r\n{vias}From: {message.header('From')}\r\nTo: {message.header('To')}{tag}\r\n"
            f"Call-ID: {message.call_id}\r\nCSeq: {message.cseq} {message.method}\r\n"
            f"Contact: {self.contact()}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        self.world.carry(self.flow._replace(remote=flow.remote), text.encode() + body)

    def expire(self, now: float) -> None: ...

    def deadline(self) -> float:
        return inf
