"""A carrier's registrar in the simulated network: digest, bindings that expire, and what registrars do to their
clients."""

from __future__ import annotations

from math import inf

from tests.simulation.edge import EDGE, NUMBER
from tests.simulation.phone import OFFER
from tests.simulation.world import World
from trunkline.sip.address import parse_address
from trunkline.sip.challenge import credentials_for
from trunkline.sip.digest import Verdict, verify
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Malformed, Request, Response, parse

REGISTRAR = "192.0.2.20"
REALM = "carrier"


class Registrar:
    """One node."""

    def __init__(self, world: World, host: str = REGISTRAR, password: str = "secret") -> None:
        self.world = world
        self.address: Address = (host, 5060)
        self.password = password
        self.bindings: dict[str, float] = {}
        """When each Contact expires."""
        self.heard: list[tuple[float, Request]] = []
        self.responses: list[Response] = []
        self.granted = 3600
        """The most that is granted."""
        self.least = 0
        """Below it: 423."""
        self.calls = 0
        self.target = ""
        """Of the last call."""
        self.silent = False
        self.refusal: tuple[int, str] | None = None
        """A status for everybody, and header lines with it."""
        self.seen_as: Address | None = None
        """What a NAT makes of the edge's address."""
        self.extra = ""
        """Header lines of a 200."""
        self.nonce = "n1"
        self.stale = False
        """Whether the next proof is said to come too late."""
        world.add(self.address, self)

    @property
    def live(self) -> list[str]:
        """The Contacts that are bound now."""
        return [uri for uri, at in self.bindings.items() if at > self.world.now]

    @property
    def registers(self) -> list[Request]:
        return [request for _, request in self.heard if request.method == "REGISTER"]

    def forget(self) -> None:
        """It restarts, and knows nothing of before."""
        self.bindings.clear()
        self.nonce += "'"

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        assert not isinstance(message, Malformed)
        if self.silent:
            return
        if isinstance(message, Response):
            self.responses.append(message)
            if message.cseq_method == "INVITE" and message.status >= 300:
                self._acknowledge(message, flow)
            return
        self.heard.append((now, message))
        if message.method != "REGISTER":
            return
        status, lines = self._judge(message, now)
        self._answer(message, flow, status, lines)

    def _judge(self, request: Request, now: float) -> tuple[int, str]:
        if self.refusal is not None:
            return self.refusal
        shown = credentials_for(request.headers("Authorization"), REALM)
        stale = False
        if shown is not None:
            fresh = shown.nonce == self.nonce and not self.stale
            verdict = verify(shown, "REGISTER", request.uri, REALM, self.password, fresh)
            if verdict is Verdict.WRONG:
                return 403, ""
            stale = verdict is Verdict.STALE
        if shown is None or stale:
            self.stale = False
            flag = ", stale=TRUE" if stale else ""
            return 401, f'WWW-Authenticate: Digest realm="{REALM}", nonce="{self.nonce}", qop="auth"{flag}\r\n'
        contacts = [parse_address(value) for line in request.headers("Contact") for value in split_commas(line)]
        for contact in contacts:
            expires = int(contact.param("expires") or request.header("Expires") or "3600")
            if 0 < expires < self.least:
                return 423, f"Min-Expires: {self.least}\r\n"
        for contact in contacts:
            expires = min(self.granted, int(contact.param("expires") or request.header("Expires") or "3600"))
            if expires:
                self.bindings[contact.uri] = now + expires
            else:
                self.bindings.pop(contact.uri, None)
        held = [f"Contact: <{uri}>;expires={int(at - now)}\r\n" for uri, at in self.bindings.items() if at > now]
        return 200, "".join(held) + self.extra

    def _answer(self, request: Request, flow: Flow, status: int, lines: str) -> None:
        host, port = self.seen_as or flow.remote
        via = str(request.via).replace(";rport", f";rport={port}") + f";received={host}"
        text = (
            f"SIP/2.0 {status} Whatever\r\nVia: {via}\r\nFrom: {request.header('From')}\r\n"
            f"To: {request.header('To')};tag=r\r\nCall-ID: {request.call_id}\r\n"
            f"CSeq: {request.cseq} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        )
        self.world.carry(flow, text.encode())

    def _acknowledge(self, response: Response, flow: Flow) -> None:
        text = (
            f"ACK {self.target} SIP/2.0\r\nVia: {response.via}\r\nFrom: {response.header('From')}\r\n"
            f"To: {response.header('To')}\r\nCall-ID: {response.call_id}\r\nCSeq: {response.cseq} ACK\r\n"
            f"Content-Length: 0\r\n\r\n"
        )
        self.world.carry(flow, text.encode())

    def call(
        self, target: str, to: str = f"sip:{NUMBER}@carrier.example", lines: str = "", transport: Transport = "udp"
    ) -> None:
        """An INVITE to a Contact, as a carrier's proxy sends it."""
        host, port = self.address
        self.target = target
        self.calls += 1
        flow = Flow(transport, self.address, (EDGE, 5060), "" if transport == "udp" else "out:")
        head = (
            f"INVITE {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch=z9hG4bKr{self.calls};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+13035559876@carrier.example>;tag=c\r\nTo: <{to}>\r\n"
            f"Call-ID: call-{host}-{self.calls}\r\nCSeq: 1 INVITE\r\nContact: <sip:{host}:{port}>\r\n{lines}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n"
        )
        self.world.carry(flow, head.encode() + OFFER)

    def expire(self, now: float) -> None: ...

    def deadline(self) -> float:
        return inf
