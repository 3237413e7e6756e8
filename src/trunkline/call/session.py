"""The requests inside one confirmed dialog, both ways: BYE, re-INVITE, UPDATE, INFO, ACK.

What changes the session or informs the other side is not answered here: it crosses the call as an exchange of its own,
named by the transaction it came in, and comes back by `reply`. A 2xx of ours to an INVITE is sent again until its ACK
(RFC 3261 §13.3.1.4), on every transport, because the ACK is end to end.
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.acceptance import Acceptance
from trunkline.call.credentials import Credentials
from trunkline.call.events import Acknowledged, Asked, Disconnected, LegEvent, Replied, Withdrawn
from trunkline.call.gate import KNOWN
from trunkline.call.headers import content_type, crossing
from trunkline.call.headers import reason as reason_line
from trunkline.call.outputs import Output, Resolve, Transmit
from trunkline.call.question import Question
from trunkline.call.route import latest, settled
from trunkline.call.user_agent import ALLOW, UserAgent
from trunkline.model.trunk import TlsProfile
from trunkline.sip import compose
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request, Response

Outs = list[Output | LegEvent]
_MOST_ACKS = 4
_MOST_WAITING = 16
"""Requests of one peer that cross at the same time; more of them are a flood."""


class _Waiting(NamedTuple):
    """A request of the peer's that waits for the other leg's answer."""

    method: str
    sequence: int


class Session:
    """One leg's confirmed dialog."""

    __slots__ = (
        "_acceptance",
        "_acks",
        "_ending",
        "_incoming",
        "_nat",
        "_offered",
        "_outgoing",
        "_resolving",
        "_tls",
        "_waiting",
        "allows_update",
        "call",
        "credentials",
        "dialog",
        "ended",
        "gone",
        "leg",
        "ua",
    )

    def __init__(
        self,
        ua: UserAgent,
        leg: str,
        call: str,
        dialog: Dialog,
        nat: bool,
        credentials: Credentials | None,
        tls: TlsProfile | None = None,
    ) -> None:
        self.ua = ua
        self.leg = leg
        self.call = call
        self.dialog = dialog
        self.credentials = credentials
        self.ended = False
        """Nothing but the end of the end is awaited."""
        self.gone = False
        """Nothing is awaited."""
        self.allows_update = False
        """Whether the peer's Allow names UPDATE."""
        self._nat = nat
        self._tls = tls
        self._acceptance = Acceptance(ua, leg)
        self._ending: str | None = None
        self._incoming: dict[str, _Waiting] = {}
        """By server transaction."""
        self._outgoing: dict[str, Question] = {}
        self._offered: int | None = None
        """CSeq of an INVITE of ours whose 2xx brought an offer that is not answered yet."""
        self._acks: dict[int, bytes] = {}
        """Our latest ACKs, by CSeq number."""
        self._resolving = False
        self._waiting: list[Question] = []
        ua.know(dialog, leg)

    # ── made ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def met(self, message: Request | Response, flow: Flow) -> Outs:
        """Take from the message that made the dialog what the peer can do, and decide the flow for our requests."""
        self.allows_update = "UPDATE" in (message.get("allow") or "")
        return self.route(flow)

    def route(self, flow: Flow) -> Outs:
        """Decide the flow for our requests: at the dialog's making, and when its remote target changes."""
        found = settled(self.dialog, flow, self._nat)
        if found is None:
            return self._find(None)
        self.dialog.flow = found
        return []

    def resolved(self, flows: tuple[Flow, ...], now: float) -> Outs:
        """Where the remote target is. When it is nowhere, requests go where the peer was met."""
        self._resolving = False
        if flows:
            self.dialog.flow = flows[0]
        waiting, self._waiting = self._waiting, []
        return [out for question in waiting for out in self._send(question, now)]

    def accepted(self, transaction: str, sequence: int, exchange: str, now: float) -> None:
        """A 2xx of ours went out; it is sent again until its ACK."""
        self._acceptance.begin(transaction, sequence, exchange, now)

    # ── from the peer ─────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request, flow: Flow, now: float) -> Outs:
        """A request inside the dialog."""
        method = request.method
        if method == "ACK":
            self.dialog.flow = latest(self.dialog.flow, flow)
            return self.acknowledged(request, now)
        layer = self.ua.layer
        key = layer.open(request, flow, self.leg, self.call).key
        if not self.dialog.in_order(request):
            return [*layer.respond(key, 500, now, headers='Warning: 399 trunkline "out of order"\r\n')]
        self.dialog.flow = latest(self.dialog.flow, flow)
        if method == "BYE":
            return self._bye_received(request, key, now)
        if self.ended:
            return self._answer(key, 481, now)
        if method == "OPTIONS":
            return self._answer(key, 200, now, f"{ALLOW}Accept: application/sdp\r\n")
        if method not in ("INVITE", "UPDATE", "INFO"):
            return self._answer(key, 405 if method in KNOWN else 501, now, ALLOW)
        if len(self._incoming) >= _MOST_WAITING:
            return self._answer(key, 500, now, "Retry-After: 3\r\n")
        if method != "INFO":
            if self._busy_asking():
                return self._answer(key, 491, now)
            if self._acceptance.pending or any(other.method != "INFO" for other in self._incoming.values()):
                return self._answer(key, 500, now, "Retry-After: 3\r\n")
        outs: Outs = []
        if method != "INFO":
            if flow.transport != "udp" or self._nat:
                self.dialog.flow = flow
            if self.dialog.refresh(request):
                outs += self.route(self.dialog.flow)
        self._incoming[key] = _Waiting(method, request.cseq)
        if method == "INVITE":
            outs += self._answer(key, 100, now)
        headers = crossing(request, f"x-{self.ua.brand.lower()}-")
        return [*outs, Asked(self.leg, key, method, request.body, content_type(request), headers)]

    def acknowledged(self, request: Request, now: float) -> Outs:
        """The ACK of a 2xx of ours. One for another, or a repeat, does nothing."""
        acceptance = self._acceptance
        if not acceptance.acknowledged(request):
            return []
        outs: Outs = [Acknowledged(self.leg, request.body, acceptance.exchange)]
        if self._ending is not None:
            outs += self._send(Question("BYE", "", self._ending, b""), now)
            self._ending = None
        return outs

    def cancelled(self, transaction: str, now: float) -> Outs:
        """A CANCEL of a re-INVITE."""
        if transaction not in self._incoming:
            return []
        del self._incoming[transaction]
        return [*self._answer(transaction, 487, now), Withdrawn(self.leg, transaction)]

    def answered(self, transaction: str, response: Response, now: float) -> Outs:
        """A response to a request of ours inside the dialog."""
        status = response.status
        question = self._outgoing.get(transaction)
        if question is None:
            return self.again(response)
        if status < 200:
            return self._cancel(transaction, question, now) if question.standing == "unwanted" else []
        del self._outgoing[transaction]
        if status in (401, 407):
            cnonce = self.ua.tokens.token()
            retry = question.with_credentials(self.credentials, response, self.dialog.target, cnonce)
            if retry is not None and not self.gone:
                return self._send(retry, now)
        if question.method == "BYE":
            self.gone = True
            return []
        outs: Outs = []
        if question.method == "INVITE" and status < 300:
            if self.dialog.refresh(response):
                outs += self.route(self.dialog.flow)
            if question.body or not response.body or question.standing != "wanted":
                # An offer in the answer to what was withdrawn finds nobody to answer it.
                outs += self.acknowledge(response.cseq)
            else:
                self._offered = response.cseq
        body, kind = response.body, content_type(response)
        return [*outs, Replied(self.leg, question.exchange, status, response.phrase, body, kind)]

    def again(self, response: Response) -> Outs:
        """A 2xx that was acknowledged before: the ACK was lost (§13.2.2.4)."""
        if response.cseq_method != "INVITE" or not 200 <= response.status < 300 or response.cseq not in self._acks:
            return []
        return [Transmit(self.dialog.flow, self._acks[response.cseq], "", self.call)]

    def failed(self, transaction: str, status: int, phrase: str, now: float) -> Outs:
        """Nobody answered a request of ours, or it could not be sent: over a lost connection, once more by address."""
        question = self._outgoing.pop(transaction, None)
        if question is None:
            return []
        flow = self.dialog.flow
        if status == 503 and flow.reliable and not flow.pooled and not question.readdressed:
            self._waiting.append(question._replace(readdressed=True))
            return self._find(flow.transport)
        if question.method == "BYE":
            self.gone = True
        if question.method == "BYE" or question.standing == "cancelled":
            return []
        return [Replied(self.leg, question.exchange, status, phrase, b"", "")]

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        """A wait of this session's is over."""
        acceptance = self._acceptance
        if not acceptance.concerns(transaction):
            return []
        if what == "resend":
            return [*acceptance.resend(now)]
        acceptance.drop()
        reason = 'Reason: SIP;cause=408;text="no ACK"\r\n'
        outs = self._leave(now)
        outs += self._send(Question("BYE", "", self._ending or reason, b""), now)
        if self._ending is None:
            outs.append(Disconnected(self.leg, "no-ack", 'SIP;cause=408;text="no ACK"'))
        self._ending = None
        self.ended = True
        return outs

    # ── from the call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(
        self,
        exchange: str,
        method: str,
        body: bytes,
        content_type: str,
        headers: tuple[tuple[str, str], ...],
        now: float,
    ) -> Outs:
        """Put a request of the other leg's to the peer."""
        text = compose.lines(headers)
        if method != "INFO":
            text += self.ua.contact_in(self.dialog) + ALLOW
        if body:
            text += f"Content-Type: {content_type or 'application/sdp'}\r\n"
        return self._send(Question(method, exchange, text, body), now)

    def reply(
        self, exchange: str, status: int, phrase: str, body: bytes, content_type: str, headers: str, now: float
    ) -> Outs:
        """Answer what the peer asked, as the other leg answered it."""
        waiting = self._incoming.get(exchange)
        if waiting is None:
            return []
        method = waiting.method
        if status >= 200:
            del self._incoming[exchange]
        if status < 300 and method != "INFO":
            headers += self.ua.contact_in(self.dialog) + ALLOW
        if body:
            headers += f"Content-Type: {content_type or 'application/sdp'}\r\n"
        if method == "INVITE" and 200 <= status < 300:
            self.accepted(exchange, waiting.sequence, exchange, now)
        return self._answer(exchange, status, now, headers, body, phrase)

    def withdraw(self, exchange: str, now: float) -> Outs:
        """Take back what was asked of the peer: CANCEL a re-INVITE once there was a response to it (§9.1)."""
        self._waiting = [question for question in self._waiting if question.exchange != exchange]
        for key, question in self._outgoing.items():
            if question.exchange == exchange and question.method == "INVITE":
                self._outgoing[key] = question = question._replace(standing="unwanted")
                client = self.ua.layer.clients.get(key)
                provisional = client is not None and client.state == "proceeding"
                return self._cancel(key, question, now) if provisional else []
        return []

    def offered(self, sequence: int) -> None:
        """The 2xx of our first INVITE brought an offer; its ACK waits for the answer."""
        self._offered = sequence

    def acknowledge(self, sequence: int | None = None, body: bytes = b"") -> Outs:
        """ACK a 2xx: at once (`sequence`), or with the answer to the offer it brought."""
        if sequence is None:
            if self._offered is None:
                return []
            sequence, self._offered = self._offered, None
        headers = "Content-Type: application/sdp\r\n" if body else ""
        question = Question("ACK", "", headers, body, sequence=sequence)
        return self._send(question, 0.0)

    def bye(self, reason: str, now: float) -> Outs:
        """End the dialog. Before the ACK of our 2xx a BYE must wait (§15)."""
        if self.ended:
            return []
        self.ended = True
        headers = reason_line(reason)
        outs = self._leave(now)
        outs += self.acknowledge()
        if self._acceptance.pending:
            self._ending = headers
            return outs
        return outs + self._send(Question("BYE", "", headers, b""), now)

    def close(self) -> None:
        """Forget the dialog."""
        self.ua.forget([self.dialog.key])

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, question: Question, now: float) -> Outs:
        if self._resolving:
            self._waiting.append(question)
            return []
        dialog, ua = self.dialog, self.ua
        branch = ua.tokens.branch()
        data = dialog.request(
            question.method, ua.sent_by(dialog.flow), branch, question.lines, question.body, question.sequence
        )
        if question.method == "ACK":
            assert question.sequence is not None
            self._acks[question.sequence] = data
            if len(self._acks) > _MOST_ACKS:
                del self._acks[next(iter(self._acks))]
            return [Transmit(dialog.flow, data, "", self.call)]
        key, told = ua.layer.request(data, question.method, branch, dialog.flow, self.leg, self.call, now)
        self._outgoing[key] = question
        return [*told]

    def _find(self, transport: Transport | None) -> Outs:
        """Ask where the next hop is, by this transport where its URI names none. Requests wait for the answer."""
        self._resolving = True
        hop = self.dialog.next_hop
        return [Resolve(self.leg, hop, None if "transport=" in hop else transport, self._tls)]

    def _cancel(self, key: str, question: Question, now: float) -> Outs:
        """CANCEL a re-INVITE that had a provisional response."""
        layer = self.ua.layer
        self._outgoing[key] = question._replace(standing="cancelled")
        client = layer.clients[key]
        layer.abandon(key, now)
        data = compose.alongside(client.data, "CANCEL", "")
        branch = key.partition(" ")[0]
        return [*layer.request(data, "CANCEL", branch, client.flow, self.leg, self.call, now)[1]]

    def _leave(self, now: float) -> Outs:
        """The dialog ends: nothing that is open in it, either way, stays so."""
        outs: Outs = []
        for transaction in self._incoming:
            outs += self._answer(transaction, 487, now)
        self._incoming.clear()
        for key, question in self._outgoing.items():
            if question.method == "INVITE":
                self.ua.layer.abandon(key, now)
        return outs

    def _answer(
        self, key: str, status: int, now: float, headers: str = "", body: bytes = b"", words: str | None = None
    ) -> Outs:
        return [*self.ua.layer.respond(key, status, now, self.dialog.local_tag, headers, body, words)]

    def _bye_received(self, request: Request, key: str, now: float) -> Outs:
        outs = self._answer(key, 200, now) + self._leave(now)
        self._acceptance.drop()
        if self._ending is not None:
            # The BYE that waited for the ACK has nobody to go to any more.
            self._ending = None
            self.gone = True
        if not self.ended:
            outs.append(Disconnected(self.leg, "normal", request.get("reason") or ""))
            self.ended = self.gone = True
        return outs

    def _busy_asking(self) -> bool:
        return self._offered is not None or any(question.method != "INFO" for question in self._outgoing.values())
