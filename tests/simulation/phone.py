"""A telephone (or carrier, or agent) in the simulated network, made of the product's own user agent and legs, with a
behaviour of its own. Foreign peers prove the wire elsewhere; here both ends make thousands of schedules cheap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation.world import World
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import EVENTS, Asked, Connected, Disconnected, Failed, LegEvent, Rang, Replied
from trunkline.call.leg.target import Target
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Resolve, Transmit
from trunkline.sip.compose import Answering
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.sip.message import Malformed, Request, Response, parse
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens
from trunkline.sip.transaction.events import Acknowledged, Answered, TimedOut, Told
from trunkline.sip.transaction.events import Failed as TransportFailed
from trunkline.sip.transaction.server import reply_flow
from trunkline.sip.uri import parse_uri

OFFER = (
    b"v=0\r\no=carrier 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
MOVED = OFFER.replace(b"4000", b"4010")
"""What the caller may offer inside the call: at another port."""
ANSWER = (
    b"v=0\r\no=agent 7 7 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)

Leg = UacLeg | UasLeg
Behaviour = Callable[["Phone", UasLeg], None]
"""What a phone does with a call that comes in."""


def ignore(phone: Phone, leg: UasLeg) -> None:
    """Nobody is there."""


class Phone:
    """One node."""

    def __init__(
        self,
        world: World,
        host: str,
        behaviour: Behaviour = ignore,
        seed: int = 0,
        transport: Transport = "udp",
    ) -> None:
        self.world = world
        self.transport: Transport = transport
        """What it dials by; over TCP always by the connection `c:<host>`."""
        self.address: Address = (host, 5060)
        tokens = Tokens("ph", f"{host}{seed}".encode())
        self.ua = UserAgent(tokens, Timing(), {}, "Phone")
        self.legs: dict[str, Leg] = {}
        self.events: list[LegEvent] = []
        self.behaviour = behaviour
        self.asked: Callable[[Leg, Asked], object] = self.agree
        """What it does when the other side asks for something inside a call."""
        self.replied: Callable[[Leg, Replied], object] = lambda leg, event: None
        """What it does with the answer to what it asked itself."""
        self.says_trying = True
        self.requests: list[Request] = []
        world.add(self.address, self)

    # ── what a test makes it do ───────────────────────────────────────────────────────────────────────────────────────

    def dial(self, uri: str, offer: bytes = OFFER, headers: str = "", caller: str = "+13035559876") -> UacLeg:
        leg_id = self.ua.tokens.token()
        target = Target(uri, f"<sip:{caller}@{{host}}>", f"<{uri}>", headers)
        leg = UacLeg(self.ua, leg_id, "", target, offer)
        self.legs[leg_id] = leg
        self._carry(leg.begin())
        return leg

    def ring(self, leg: UasLeg, status: int = 180, body: bytes = b"", early: str = "") -> None:
        self._carry(leg.ring(status, "Ringing", body, early, "", self.world.now))

    def answer(self, leg: UasLeg, body: bytes = ANSWER) -> None:
        if leg.open:
            offered = leg.request is not None and bool(leg.request.body)
            self._carry(leg.connect(body if offered else OFFER, "", "", self.world.now))

    def refuse(self, leg: UasLeg, status: int, headers: str = "") -> None:
        self._carry(leg.refuse(status, None, headers, self.world.now))

    def hang_up(self, leg: Leg) -> None:
        self._carry(leg.disconnect("", self.world.now))

    def hang_up_all(self) -> None:
        for leg in list(self.legs.values()):
            self.hang_up(leg)

    def ask(self, leg: Leg, method: str, body: bytes = b"", exchange: str = "x") -> None:
        self._carry(leg.ask(exchange, method, body, "application/sdp" if body else "", (), self.world.now))

    def agree(self, leg: Leg, event: Asked) -> None:
        """Say yes, with an answer to an offer, and an offer to a re-INVITE that has none."""
        body = b""
        if event.method == "INVITE" or (event.method == "UPDATE" and event.body):
            body = ANSWER if event.body else OFFER
        self.reply(leg, event.exchange, 200, body)

    def reply(self, leg: Leg, exchange: str, status: int, body: bytes = b"") -> None:
        if leg.session is not None:
            now = self.world.now
            self._carry(leg.session.reply(exchange, status, "Whatever", body, "application/sdp", "", now))

    def withdraw(self, leg: Leg, exchange: str = "x") -> None:
        """CANCEL a re-INVITE of ours."""
        if leg.session is not None:
            self._carry(leg.session.asking.withdraw(exchange, self.world.now))

    def of(self, kind: type[LegEvent]) -> list[LegEvent]:
        return [event for event in self.events if type(event) is kind]

    @property
    def connected(self) -> bool:
        return bool(self.of(Connected))

    # ── a node's words ────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        assert not isinstance(message, Malformed), data
        told = self.ua.layer.receive(message, now)
        if told is not None:
            self._told(told, flow)
        elif isinstance(message, Request):
            self._request(message, flow, now)

    def expire(self, now: float) -> None:
        self._told(self.ua.layer.expire(now), None)
        for leg_id, what, transaction in self.ua.timers.expire(now):
            leg = self.legs.get(leg_id)
            if leg is not None:
                self._carry(leg.expire(what, transaction, now))
        for leg_id, what in self.ua.alarms.expire(now):
            leg = self.legs.get(leg_id)
            if leg is not None:
                self._carry(leg.expire(what, "", now))

    def deadline(self) -> float:
        return self.ua.deadline()

    def idle(self) -> bool:
        """Whether nothing of any call is left here, timers and transactions that only wait apart."""
        self._settle()
        return not self.legs and not self.ua.dialogs

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        self.requests.append(request)
        if request.method == "CANCEL":
            invite = self.ua.layer.invite_of(request)
            if invite is None:
                self._stateless(request, flow, 481)
                return
            key = self.ua.layer.open(request, flow, invite.owner).key
            self._carry([*self.ua.layer.respond(key, 200, now)])
            leg = self.legs.get(invite.owner)
            if leg is not None:
                self._carry(leg.cancelled(invite.key, request, now))
            return
        if request.to_tag is not None:
            leg_id = self.ua.dialogs.get((request.call_id, request.to_tag, request.from_tag or ""))
            leg = self.legs.get(leg_id or "")
            if leg is not None:
                self._carry(leg.receive(request, flow, now))
            elif request.method != "ACK":
                self._stateless(request, flow, 481)
            return
        if request.method == "INVITE":
            leg_id = self.ua.tokens.token()
            uas = UasLeg(self.ua, leg_id, "", request, flow, False)
            self.legs[leg_id] = uas
            if self.says_trying:
                self._carry(uas.trying(now))
            self.behaviour(self, uas)
        elif request.method == "OPTIONS":
            self._stateless(request, flow, 200)

    def _stateless(self, request: Request, flow: Flow, status: int) -> None:
        self.world.carry(reply_flow(request, flow), Answering(request, flow).response(status, "stateless"))

    def _told(self, told: Sequence[Told] | Sequence[Transmit], flow: Flow | None) -> None:
        now = self.world.now
        for word in told:
            if isinstance(word, Transmit):
                self.say(word.flow, word.data)
            elif isinstance(word, Answered) and (leg := self.legs.get(word.owner)) is not None:
                self._carry(leg.answered(word.transaction, word.response, now))
            elif isinstance(word, Acknowledged) and (leg := self.legs.get(word.owner)) is not None and flow is not None:
                self._carry(leg.receive(word.request, flow, now))
            elif isinstance(word, TimedOut | TransportFailed) and (leg := self.legs.get(word.owner)) is not None:
                if isinstance(word, TransportFailed) or word.client:
                    self._carry(leg.failed(word.transaction, 408, "Request Timeout", now))

    def say(self, flow: Flow, data: bytes) -> None:
        self.world.carry(flow, data)

    def _carry(self, outs: Outs) -> None:
        for out in outs:
            if isinstance(out, Transmit):
                self.say(out.flow, out.data)
            elif isinstance(out, Resolve):
                uri = parse_uri(out.uri)
                connection = "" if self.transport == "udp" else f"c:{self.address[0]}"
                flow = Flow(self.transport, self.address, (uri.host, uri.port or 5060), connection)
                self._carry(self.legs[out.leg].resolved((flow,), self.world.now))
            elif isinstance(out, EVENTS):
                self.events.append(out)
                self._heard(out)
        self._settle()

    def _heard(self, event: LegEvent) -> None:
        leg = self.legs.get(event.leg)
        if isinstance(event, Connected) and isinstance(leg, UacLeg) and not leg.body and event.body:
            self._carry(leg.acknowledge(ANSWER, self.world.now))
        if isinstance(event, Rang) and event.reliable and isinstance(leg, UacLeg) and not leg.body and event.body:
            # The offer came early: the PRACK has the answer.
            self._carry(leg.acknowledge(ANSWER, self.world.now))
        if leg is None:
            return
        if isinstance(event, Asked):
            self.asked(leg, event)
        if isinstance(event, Replied):
            if event.status < 300 and leg.session is not None:
                self._carry(leg.session.asking.acknowledge(body=ANSWER))
            self.replied(leg, event)

    def _settle(self) -> None:
        for leg_id, leg in list(self.legs.items()):
            if leg.gone:
                leg.close()
                del self.legs[leg_id]


__all__ = ["ANSWER", "OFFER", "Disconnected", "Failed", "Phone", "Rang", "Response"]
