"""One call of this process's own: a user agent with a single outgoing leg, on real sockets.

It is what `pump` and `perform` are to the core, for a leg without a call around it: sockets hand it messages, it keeps
the one timer, performs what the leg asks for, and queues what the leg tells for whoever placed the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Protocol

from trunkline.call.inputs import Input, Resolved, Unresolvable
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import EVENTS, Asked, Disconnected, LegEvent, Lost
from trunkline.call.leg.target import Target
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.user_agent import ALLOW, UserAgent
from trunkline.call.outputs import Resolve, Transmit
from trunkline.engine.perform import Finder, Wire
from trunkline.sdp.refusal import Refusal
from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.framing import FramingError
from trunkline.sip.message import Malformed, Request, parse
from trunkline.sip.transaction.events import Acknowledged, Answered, Told
from trunkline.sip.transaction.events import Failed as NotSent
from trunkline.sip.transaction.server import reply_flow


class Audio(Protocol):
    """The call's session descriptions."""

    def offer(self, host: str) -> bytes | None:
        """Our offer, media at this local address; None when no port is free."""

    def answer(self, offer: bytes) -> bytes | Refusal:
        """Our answer to an offer within the call, or an offer of ours when there is none."""


class Watch(Protocol):
    """Who sees what passes."""

    def passed(self, direction: str, flow: Flow, data: bytes, now: float) -> None:
        """A message, `in` or `out`."""


class Caller:
    """Places one call. It is the transports' sink (`transport.sink.Sink`)."""

    __slots__ = (
        "_audio",
        "_finder",
        "_leg",
        "_loop",
        "_now",
        "_timer",
        "_ua",
        "_watch",
        "_wire",
        "ended",
        "events",
        "flow",
    )

    def __init__(
        self, ua: UserAgent, wire: Wire, audio: Audio, watch: Watch, now: Callable[[], float] = monotonic
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ua = ua
        self._wire = wire
        self._audio = audio
        self._watch = watch
        self._now = now
        self._finder: Finder | None = None
        self._leg: UacLeg | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.flow: Flow | None = None
        """The flow of the latest INVITE; None while none was sent."""
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.ended = asyncio.Event()
        """Nothing of the call is left."""

    # ── from whoever calls ────────────────────────────────────────────────────────────────────────────────────────────

    def dial(self, target: Target, finder: Finder) -> None:
        """Begin. Once for each caller."""
        assert self._leg is None
        self._finder = finder
        self._leg = UacLeg(self._ua, self._ua.tokens.token(), "", target, b"")
        self._carry(self._leg.begin())

    def hang_up(self) -> None:
        """BYE, or CANCEL, or nothing when nothing was sent. `ended` is set when the peer has agreed."""
        if self._leg is not None:
            self._carry(self._leg.disconnect("", self._now()))

    @property
    def heard(self) -> bool:
        """Whether the peer has said anything to the latest INVITE."""
        return self._leg is not None and (self._leg.provisional or self._leg.over)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ── from the transports ───────────────────────────────────────────────────────────────────────────────────────────

    def received(self, batch: list[tuple[bytes, Flow]]) -> None:
        now = self._now()
        for data, flow in batch:
            self._watch.passed("in", flow, data, now)
            message = parse(data)
            if isinstance(message, Malformed):
                continue
            told = self._ua.layer.receive(message, now)
            if told is not None:
                self._told(told, flow)
            elif isinstance(message, Request):
                self._request(message, flow, now)
        self._settle()

    def unframed(self, flow: Flow, error: FramingError) -> None:
        """Nothing more comes over this connection; the leg's timers tell the rest."""

    def failed(self, flow: Flow, transaction: str, reason: str) -> None:
        self._told(self._ua.layer.failed(transaction, reason, self._now()), flow)
        self._settle()

    def unreached(self, flow: Flow, transaction: str, reason: str) -> None:
        """From within `send`, too: taken when that is done."""
        self._loop.call_soon(self._unreached, flow, transaction, reason)

    def certified(self, flow: Flow, names: tuple[str, ...]) -> None:
        """Nobody is accepted here."""

    def closed(self, flow: Flow) -> None:
        """The dialog finds another way when it has something to send."""

    def give(self, given: Input) -> None:
        """The finder's answer."""
        leg, now = self._leg, self._now()
        if leg is None:
            return
        if isinstance(given, Resolved):
            if leg.session is None and not leg.body:
                local = given.flows[0].local[0]
                offer = self._audio.offer(local)
                if offer is None:
                    self._carry(leg.unresolvable("no UDP port is free for the audio", now))
                    return
                leg.body = offer
                # The offer names this address: another would send the audio elsewhere.
                given = Resolved(given.leg, tuple(flow for flow in given.flows if flow.local[0] == local))
            self._carry(leg.resolved(given.flows, now))
        elif isinstance(given, Unresolvable):
            self._carry(leg.unresolvable(given.reason, now))

    def _unreached(self, flow: Flow, transaction: str, reason: str) -> None:
        self._told(self._ua.layer.unreached(transaction, reason, self._now()), flow)
        self._settle()

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        """A request that no transaction knows: of the dialog, or of nobody."""
        leg, layer = self._leg, self._ua.layer
        if request.method == "CANCEL":
            invite = layer.invite_of(request)
            if leg is not None and invite is not None and invite.owner == leg.id:
                key = layer.open(request, flow, leg.id).key
                self._carry([*layer.respond(key, 200, now), *leg.cancelled(invite.key, request, now)])
                return
        elif leg is not None and request.to_tag is not None:
            if self._ua.dialogs.get((request.call_id, request.to_tag, request.from_tag or "")) == leg.id:
                self._carry(leg.receive(request, flow, now))
                return
        if request.method != "ACK":
            status = {"OPTIONS": 200, "INVITE": 480}.get(request.method, 481)
            data = Answering(request, flow).response(status, self._ua.tokens.token(), ALLOW)
            self._send(Transmit(reply_flow(request, flow), data))

    def _told(self, told: Sequence[Told], flow: Flow | None) -> None:
        now = self._now()
        for word in told:
            if isinstance(word, Transmit):
                self._send(word)
            elif self._leg is None or word.owner != self._leg.id:
                continue
            elif isinstance(word, Answered):
                self._carry(self._leg.answered(word.transaction, word.response, now))
            elif isinstance(word, Acknowledged):
                if flow is not None:
                    self._carry(self._leg.receive(word.request, flow, now))
            elif isinstance(word, NotSent):
                self._carry(self._leg.failed(word.transaction, 503, word.reason, now))
            elif word.client:
                self._carry(self._leg.failed(word.transaction, 408, "nobody answered", now))

    def _carry(self, outs: Outs) -> None:
        for out in outs:
            if isinstance(out, Transmit):
                self._send(out)
            elif isinstance(out, Resolve):
                assert self._finder is not None
                answer = self._finder.find(out)
                if answer is not None:
                    self.give(answer)
            elif isinstance(out, Asked):
                self._asked(out)
            elif isinstance(out, Lost):
                self.events.put_nowait(Disconnected(out.leg, out.cause, out.reason))
                if self._leg is not None:
                    self._carry(self._leg.disconnect(out.reason, self._now()))
            elif isinstance(out, EVENTS):
                self.events.put_nowait(out)
        self._settle()

    def _asked(self, event: Asked) -> None:
        """What the peer asks within the call: a change of the session is answered with the audio as it can be."""
        leg = self._leg
        if leg is None or leg.session is None:
            return
        status, words, body, headers = 200, "OK", b"", ""
        if event.method == "INVITE" or (event.method == "UPDATE" and event.body):
            answer = self._audio.answer(event.body)
            if isinstance(answer, Refusal):
                status, words, headers = answer.status, answer.phrase, answer.line(self._ua.brand)
            else:
                body = answer
        self._carry(leg.session.reply(event.exchange, status, words, body, "application/sdp", headers, self._now()))

    def _send(self, out: Transmit) -> None:
        if self._leg is not None and out.data.startswith(b"INVITE "):
            self.flow = out.flow
        self._watch.passed("out", out.flow, out.data, self._now())
        reason = self._wire.send(out.flow, out.data, out.transaction)
        if reason is not None and out.transaction:
            self._told(self._ua.layer.failed(out.transaction, reason, self._now()), out.flow)

    def _settle(self) -> None:
        """Let the leg go when nothing of it is left, and keep the timer."""
        if self._leg is not None and self._leg.gone and not self.ended.is_set():
            self._leg.close()
            self.ended.set()
        deadline = self._ua.deadline()
        self.stop()
        if deadline < inf:
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._now()
        self._told(self._ua.layer.expire(now), None)
        for _, what, transaction in self._ua.timers.expire(now):
            if self._leg is not None:
                self._carry(self._leg.expire(what, transaction, now))
        for _, what in self._ua.alarms.expire(now):
            if self._leg is not None:
                self._carry(self._leg.expire(what, "", now))
        self._settle()
