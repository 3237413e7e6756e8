"""Who takes part in a storm: telephones, carriers and agents with habits of their own, a desk that registers, an agent
behind a proxy that forks, and a stranger."""

from __future__ import annotations

import random
from functools import partial

from tests.simulation.edge import EDGE, NUMBER
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER, MOVED, OFFER, Leg, Phone
from tests.simulation.world import World
from trunkline.call.leg.events import Asked, LegEvent, Lost, Replied
from trunkline.call.leg.extensions import Extensions
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.sip.digest import answer
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request, Response, parse

CARRIER, AGENT = "192.0.2.1", "192.0.2.9"
SECOND_CARRIER, SECOND_AGENT, FORKER = "192.0.2.20", "192.0.2.90", "192.0.2.91"
DESK, PBX, STRANGER, REGISTRAR = "192.0.2.30", "192.0.2.40", "192.0.2.66", "192.0.2.50"
DESK_NUMBER, AWAY = "+12025550177", "+13035559876"
URI = f"sip:{NUMBER}@{EDGE}"
_REFUSALS = [302, 302, 401, 408, 480, 486, 486, 488, 500, 503, 503, 603]


class Actor(Phone):
    """A telephone whose every decision is drawn."""

    def __init__(self, world: World, host: str, chance: random.Random, seed: int, transport: Transport = "udp") -> None:
        super().__init__(world, host, lambda _, leg: self._answering(leg), seed, transport)
        self.chance = chance
        self.ua.extensions = Extensions(
            chance.choice([0, 90, 1800]), 90 if chance.random() < 0.8 else 120, chance.random() < 0.5
        )
        self.says_trying = chance.random() < 0.8
        self.modern = chance.random() < 0.7
        """Whether it says what extensions it knows."""
        self.patient = chance.random() < 0.3
        """Whether its calls last long enough for session timers."""
        self.asked = self._consider
        self.replied = self._again

    # ── its calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, uri: str = URI, headers: str = "", agent: bool = False) -> UacLeg:
        """Begin a call."""
        chance = self.chance
        if chance.random() < 0.15:
            headers += "Require: 100rel\r\n"
        leg = self.dial(uri, OFFER if chance.random() < 0.75 else b"", headers, NUMBER if agent else AWAY)
        self.live(leg)
        # Some give up early: that is where CANCEL meets everything else.
        self.world.after(chance.expovariate(1 / (60.0 if self.patient else 5.0)), lambda: self.hang_up(leg))
        return leg

    def live(self, leg: Leg) -> None:
        """Now and then it asks for a change, and sometimes takes that back."""
        chance, after = self.chance, self.world.after
        for n in range(chance.choice([0, 0, 1, 2])):
            method = chance.choice(["INVITE", "INVITE", "UPDATE", "INFO"])
            body = chance.choice([OFFER, MOVED, MOVED, MOVED.replace(b"sendrecv", b"sendonly"), b""])
            when = chance.uniform(0.5, 10)
            after(when, partial(self._ask, leg, method, body, f"x{n}"))
            if method == "INVITE" and chance.random() < 0.3:
                after(when + chance.uniform(0, 0.5), partial(self.withdraw, leg, f"x{n}"))
        if chance.random() < 0.2:
            after(chance.uniform(0.5, 10), partial(self.refer, leg))

    def refer(self, leg: Leg) -> None:
        """Ask that somebody else takes its place."""
        session = leg.session
        if session is None or session.ended:
            return
        chance = self.chance
        to = chance.choice(
            [f"<tel:{DESK_NUMBER}>", f"<sip:desk@{DESK}>", "<sip:nobody@192.0.2.99>", f"<sip:+13035550000@{EDGE}>"]
        )
        others = [each for each in self.legs.values() if each is not leg and each.session is not None]
        if others and chance.random() < 0.7:
            escaped = "".join([c if c.isalnum() else f"%{ord(c):02X}" for c in replaces(others[0])])
            to = f"<sip:desk@{EDGE}?Replaces={escaped}>"
        headers = [("Refer-To", to)]
        if chance.random() < 0.2:
            headers += [("Refer-Sub", "false"), ("Supported", "norefersub")]
        self._carry(leg.ask("refer", "REFER", b"", "", tuple(headers), self.world.now))

    def _answering(self, leg: UasLeg) -> None:
        chance, after = self.chance, self.world.after
        if chance.random() < 0.8:
            status, early = chance.choice([180, 180, 183]), chance.choice(["", "a"])
            body = ANSWER if chance.random() < 0.3 else b""
            after(chance.uniform(0, 1), lambda: self.ring(leg, status, body, early))
        if chance.random() < 0.1:
            after(chance.uniform(0.2, 2), lambda: self.ring(leg, 183, ANSWER, "b"))
        luck = chance.random()
        if luck < 0.25:
            refusal = chance.choice(_REFUSALS)
            lines = f"Contact: <sip:other@{chance.choice([AGENT, SECOND_AGENT, DESK])}>\r\n" if refusal == 302 else ""
            lines += "Retry-After: 20\r\n" if refusal == 503 and chance.random() < 0.5 else ""
            after(chance.uniform(0, 3), lambda: self.refuse(leg, refusal, lines))
        elif luck < 0.9:
            after(chance.expovariate(1 / 1.5), lambda: self.answer(leg))
            self.live(leg)
            if chance.random() < 0.5:
                wait = chance.uniform(1, 12) * (10 if self.patient else 1)
                after(wait, lambda: self.hang_up(leg) if leg.session is not None else None)

    def _ask(self, leg: Leg, method: str, body: bytes, exchange: str) -> None:
        if leg.session is not None and not leg.session.ended and not leg.session.asking.changing:
            self.ask(leg, method, body, exchange)

    def _consider(self, leg: Leg, event: Asked) -> None:
        """What the other side asks for."""
        luck = self.chance.random()
        if luck < 0.75:
            self.world.after(self.chance.choice([0.0, 0.0, 1.0]), lambda: self.agree(leg, event))
        elif luck < 0.92:
            self.reply(leg, event.exchange, self.chance.choice([400, 481, 488, 491, 500, 603]))
        # Else it forgets.

    def _again(self, leg: Leg, event: Replied) -> None:
        # §14.1: who owns the Call-ID waits longer.
        least = 2.1 if isinstance(leg, UacLeg) else 0.0
        if event.status == 491 and event.exchange.startswith("x"):
            wait = self.chance.uniform(least, least + 2.0)
            self.world.after(wait, lambda: self._ask(leg, "INVITE", MOVED, "x9"))

    def _heard(self, event: LegEvent) -> None:
        super()._heard(event)
        leg = self.legs.get(event.leg)
        if isinstance(event, Lost) and leg is not None:
            self.hang_up(leg)

    # ── on the wire ───────────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, flow: Flow, data: bytes) -> None:
        super().say(flow, data if self.modern else data.replace(b"\r\nSupported: ", b"\r\nX-Able: ", 1))


class Registered(Actor):
    """A PBX that registers with the edge, more or less faithfully."""

    user, password = "anna", "secret"

    def __init__(self, world: World, host: str, chance: random.Random, seed: int) -> None:
        super().__init__(world, host, chance, seed)
        self.sequence = 0
        self.proof = ""
        self.faithful = True
        self.interval = chance.choice([20.0, 50.0])

    def register(self, expires: int = 90, again: bool = True) -> None:
        """One REGISTER, and the next after a while."""
        if not self.faithful:
            return
        self.sequence += 1
        host, port = self.address
        contact = "*" if not expires else f"<sip:{self.user}@{host}:{port}>;expires={expires}"
        text = (
            f"REGISTER sip:{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKreg{self.sequence};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{EDGE}>;tag=f\r\nTo: <sip:{self.user}@{EDGE}>\r\n"
            f"Call-ID: reg-{host}\r\nCSeq: {self.sequence} REGISTER\r\nContact: {contact}\r\n"
            f"Expires: {expires}\r\n{self.proof}Content-Length: 0\r\n\r\n"
        )
        self.world.carry(Flow("udp", self.address, (EDGE, 5060)), text.encode())
        if again:
            self.world.after(self.interval, self.register)

    def leave(self) -> None:
        self.register(0, False)
        self.faithful = False

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        if not isinstance(message, Response) or message.cseq_method != "REGISTER":
            super().receive(data, flow, now)
            return
        if message.status == 403:
            self.proof = ""
        if message.status == 401 and message.cseq == self.sequence:
            wrong = self.chance.random() < 0.1
            password = "wrong" if wrong else self.password
            challenges = message.headers("WWW-Authenticate")
            proof = answer(challenges, "REGISTER", f"sip:{EDGE}", self.user, password, f"c{self.sequence}")
            self.proof = f"Authorization: {proof}\r\n"
            self.register(90, False)


class Forker(Peer):
    """A proxy with several agents behind it: early dialogs by the dozen, and sometimes more than one answer."""

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, FORKER, lambda _, message: self._hears(message))
        self.chance = chance
        self.met: set[str] = set()
        self.over: set[str] = set()
        """Call-IDs that have their final answer."""
        self.refused: set[str] = set()

    def _hears(self, message: Message) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if message.method == "CANCEL":
            self.reply(message, 200)
            if message.call_id not in self.over:
                self.over.add(message.call_id)
                self.refused.add(message.call_id)
                invite = next(r for r in self.requests if r.method == "INVITE" and r.call_id == message.call_id)
                self.reply(invite, 487)
            return
        if message.method != "INVITE" or message.to_tag is not None:
            self.reply(message, 200, ANSWER if message.method == "INVITE" else b"")
            return
        if message.call_id in self.met:
            return
        self.met.add(message.call_id)
        self._fork(message)

    def _fork(self, invite: Request) -> None:
        chance, after = self.chance, self.world.after
        body = ANSWER if invite.body else OFFER
        answers = chance.choice([0, 0, 1, 1, 2, 3])
        for n in range(chance.randint(1, 5)):
            wait, shown = chance.uniform(0, 1.5), ANSWER if chance.random() < 0.4 and invite.body else b""
            after(wait, partial(self._early, invite, chance.choice([180, 183, 199]), shown, f"f{n}"))
            if n < answers:
                after(chance.uniform(0.5, 4), partial(self._final, invite, 200, body, f"f{n}"))
        if not answers and chance.random() < 0.8:
            after(chance.uniform(0.5, 4), partial(self._final, invite, chance.choice(_REFUSALS), b"", "f0"))

    def _early(self, invite: Request, status: int, body: bytes, tag: str) -> None:
        if invite.call_id not in self.over:
            self.reply(invite, status, body, tag=tag)

    def _final(self, invite: Request, status: int, body: bytes, tag: str) -> None:
        if (status >= 300 and invite.call_id in self.over) or invite.call_id in self.refused:
            return
        self.over.add(invite.call_id)
        if status >= 300:
            self.refused.add(invite.call_id)
        self.reply(invite, status, body, tag=tag)


class Stranger(Peer):
    """Somebody who looks for a way in."""

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, STRANGER)
        self.chance = chance

    def knock(self) -> None:
        n = self.chance.randrange(4)
        if n == 0:
            self.invite(call_id=f"s{len(self.world.seen)}")
        elif n == 1:
            self.inside("BYE", call_id=f"s{len(self.world.seen)}", to_tag="x")
        elif n == 2:
            self.inside("OPTIONS", call_id=f"s{len(self.world.seen)}", to_tag="")
        else:
            self.inside("REGISTER", call_id=f"s{len(self.world.seen)}", to_tag="", extra="Authorization: Digest a=b")


def rings(leg: Leg) -> bool:
    """Whether it waits for the phone's answer."""
    return isinstance(leg, UasLeg) and leg.open


def replaces(leg: Leg) -> str:
    """What names a phone's dialog to its other end."""
    if isinstance(leg, UasLeg) and leg.session is None:
        return f"{leg.identity[0]};to-tag={leg.identity[1]};from-tag={leg.tag}"
    assert leg.session is not None
    dialog = leg.session.dialog
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
