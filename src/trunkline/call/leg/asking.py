"""Our requests inside one confirmed dialog: where they go, their answers, and the ACKs of the 2xx among those.

Requests wait while it is asked where the dialog's peer is. An INVITE that is withdrawn is cancelled once there was a
response to it (RFC 3261 §9.1).
"""

from __future__ import annotations

from typing import Final

from trunkline.call.leg.credentials import Credentials
from trunkline.call.leg.events import LegEvent, Lost, Refreshed, Replied
from trunkline.call.leg.headers import SDP, taken
from trunkline.call.leg.headers import content_type as type_of
from trunkline.call.leg.question import REFRESH, UNASKED, Question
from trunkline.call.leg.route import settled
from trunkline.call.leg.user_agent import CAPABLE, UNRELIABLE, UserAgent
from trunkline.call.outputs import Output, Resolve, Transmit
from trunkline.model.trunk import TlsProfile
from trunkline.sip import compose
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.dialog.session_timer import SessionTimer
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Response

Outs = list[Output | LegEvent]
"""What a leg wants done, and what it tells its call, in order."""
_MOST_ACKS: Final = 4
_ANOTHER_TRY: Final = 10.0
"""Seconds until a refresh is tried again that the peer refused for reasons of its own."""
SESSION: Final = "session"
"""The alarm of a session timer."""


class Asking:
    """The UAC half of one leg's session."""

    __slots__ = (
        "_acks",
        "_credentials",
        "_dialog",
        "_leg",
        "_nat",
        "_offered",
        "_outgoing",
        "_resolving",
        "_tls",
        "_ua",
        "_waiting",
        "allows_update",
        "description",
        "call",
        "over",
        "shown",
        "timer",
    )

    def __init__(
        self,
        ua: UserAgent,
        leg: str,
        call: str,
        dialog: Dialog,
        nat: bool,
        credentials: Credentials | None,
        tls: TlsProfile | None,
        timer: SessionTimer,
    ) -> None:
        self._ua = ua
        self._leg = leg
        self.call = call
        self._dialog = dialog
        self._nat = nat
        self._credentials = credentials
        self._tls = tls
        self.timer = timer
        self.allows_update = False
        """Whether the peer's Allow names UPDATE."""
        self.description = b""
        """The session description that the peer has of us since both agreed, and its type."""
        self.over = False
        """The dialog has its BYE behind it: nothing is awaited any more."""
        self.shown = UNASKED
        """The credentials of our latest INVITE that was agreed to: its ACK bears the same (RFC 3261 §13.2.2.4)."""
        self._outgoing: dict[str, Question] = {}
        """By client transaction."""
        self._offered: int | None = None
        """CSeq of an INVITE of ours whose 2xx brought an offer that is not answered yet."""
        self._acks: dict[int, bytes] = {}
        """Our latest ACKs, by CSeq number."""
        self._resolving = False
        self._waiting: list[Question] = []

    def knows(self, transaction: str) -> bool:
        """Whether a client transaction is one of this dialog's."""
        return transaction in self._outgoing

    @property
    def resolving(self) -> bool:
        """Whether it is being asked where the peer is."""
        return self._resolving

    @property
    def changing(self) -> bool:
        """Whether a change of the session that we asked for is open."""
        return self._offered is not None or any(
            question.method == "INVITE" or (question.method == "UPDATE" and question.body)
            for question in self._outgoing.values()
        )

    # ── where requests go ─────────────────────────────────────────────────────────────────────────────────────────────

    def route(self, flow: Flow) -> Outs:
        """Decide the flow for our requests: at the dialog's making, and when its remote target changes."""
        found = settled(self._dialog, flow, self._nat)
        if found is None:
            return self._find(None)
        self._dialog.flow = found
        return []

    def resolved(self, flows: tuple[Flow, ...], now: float) -> Outs:
        """Where the remote target is. When it is nowhere, requests go where the peer was met."""
        self._resolving = False
        if flows:
            self._dialog.flow = flows[0]
        waiting, self._waiting = self._waiting, []
        return [out for question in waiting for out in self.send(question, now)]

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────

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
            text += self._ua.contact_in(self._dialog) + (UNRELIABLE if method == "INVITE" else CAPABLE)
        return self.send(Question(method, exchange, text, body, content_type), now)

    def refresh(self, now: float) -> Outs:
        """Keep the session alive: by UPDATE where the peer takes it, else by a re-INVITE that says what was said last
        (RFC 4028 §7.4)."""
        text = self._ua.contact_in(self._dialog)
        if self.allows_update:
            return self.send(Question("UPDATE", REFRESH, text + CAPABLE), now)
        return self.send(Question("INVITE", REFRESH, text + UNRELIABLE, self.description), now)

    def send(self, question: Question, now: float) -> Outs:
        if self._resolving:
            self._waiting.append(question)
            return []
        dialog, ua = self._dialog, self._ua
        branch = ua.tokens.branch()
        lines = question.lines
        if question.method == "INVITE" or question.method == "UPDATE":
            lines += self.timer.lines
        data = dialog.request(question.method, ua.sent_by(dialog.flow), branch, lines, question.body, question.sequence)
        if question.method == "ACK":
            assert question.sequence is not None
            self._acks[question.sequence] = data
            if len(self._acks) > _MOST_ACKS:
                del self._acks[next(iter(self._acks))]
            return [Transmit(dialog.flow, data, "", self.call)]
        key, told = ua.layer.request(data, question.method, branch, dialog.flow, self._leg, self.call, now)
        self._outgoing[key] = question
        return [*told]

    def offered(self, sequence: int) -> None:
        """The 2xx of our first INVITE brought an offer; its ACK waits for the answer."""
        self._offered = sequence

    def acknowledge(self, sequence: int | None = None, body: bytes = b"") -> Outs:
        """ACK a 2xx: at once (`sequence`), or with the answer to the offer it brought."""
        if sequence is None:
            if self._offered is None:
                return []
            sequence, self._offered = self._offered, None
        if body:
            self.description = body
        ack = Question("ACK", "", "", body, SDP, sequence=sequence)
        ack.shown = self.shown
        return self.send(ack, 0.0)

    def withdraw(self, exchange: str, now: float) -> Outs:
        """Take back what was asked of the peer: CANCEL a re-INVITE once there was a response to it (§9.1)."""
        self._waiting = [question for question in self._waiting if question.exchange != exchange]
        for key, question in self._outgoing.items():
            if question.exchange == exchange and question.method == "INVITE":
                question.standing = "unwanted"
                client = self._ua.layer.clients.get(key)
                provisional = client is not None and client.state == "proceeding"
                return self._cancel(key, question, now) if provisional else []
        return []

    def abandon(self, now: float) -> None:
        """The dialog ends: an INVITE that is open in it has 64·T1 left."""
        for key, question in self._outgoing.items():
            if question.method == "INVITE":
                self._ua.layer.abandon(key, now)
                if not question.body:
                    # Nobody will answer the offer that its 2xx brings, which still needs its ACK.
                    question.standing = "cancelled"

    # ── back ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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
            cnonce = self._ua.tokens.token()
            if question.authorize(self._credentials, response, self._dialog.target, cnonce) and not self.over:
                return self.send(question, now)
        if question.method == "PRACK":
            return []
        if question.method == "BYE":
            self.over = True
            return []
        if status == 422 and question.standing == "wanted" and self.timer.refused(response) and not self.over:
            return self.send(question, now)
        outs: Outs = []
        if status < 300 and (question.method == "INVITE" or question.method == "UPDATE"):
            self.timer.agreed(response, now)
            self.watch()
            if question.body:
                self.description = question.body
        if question.method == "INVITE" and status < 300:
            self.shown = question.shown
            if self._dialog.refresh(response):
                outs += self.route(self._dialog.flow)
            if question.body or not response.body or question.standing != "wanted":
                # An offer in the answer to what was withdrawn finds nobody to answer it.
                outs += self.acknowledge(response.cseq)
            else:
                self._offered = response.cseq
        body, kind = response.body, type_of(response)
        if question.exchange == REFRESH:
            return outs + self._refreshed(question.method, status, body, kind, now)
        warning = (response.get("warning") or "") if status == 488 else ""
        takes = taken(response)
        return [*outs, Replied(self._leg, question.exchange, status, response.phrase, body, kind, warning, takes)]

    def again(self, response: Response) -> Outs:
        """A 2xx that was acknowledged before: the ACK was lost (§13.2.2.4)."""
        if response.cseq_method != "INVITE" or not 200 <= response.status < 300 or response.cseq not in self._acks:
            return []
        return [Transmit(self._dialog.flow, self._acks[response.cseq], "", self.call)]

    def failed(self, transaction: str, status: int, phrase: str, now: float) -> Outs:
        """Nobody answered a request of ours, or it could not be sent: over a lost connection, once more by address."""
        question = self._outgoing.pop(transaction, None)
        if question is None:
            return []
        flow = self._dialog.flow
        if status == 503 and flow.reliable and not flow.pooled and not question.readdressed:
            question.readdressed = True
            self._waiting.append(question)
            return self._find(flow.transport)
        if question.method == "BYE":
            self.over = True
        if question.method in ("BYE", "PRACK") or question.standing == "cancelled":
            return []
        if question.exchange == REFRESH:
            return self._refreshed(question.method, status, b"", "", now)
        return [Replied(self._leg, question.exchange, status, phrase, b"", "")]

    def _refreshed(self, method: str, status: int, body: bytes, kind: str, now: float) -> Outs:
        """What became of a refresh."""
        if status < 300:
            return [Refreshed(self._leg, body, kind)] if body else []
        if self.over:
            return []
        if status in (408, 481):
            return [Lost(self._leg, "dialog-lost", f'SIP;cause={status};text="no answer to a refresh"')]
        wait = _ANOTHER_TRY
        if status == 491:
            # §14.1: who made the Call-ID waits longer, so that one of the two gets through.
            chance = self._ua.tokens.chance()
            wait = 2.1 + 1.9 * chance if self._dialog.call_id.startswith(self._ua.tokens.worker) else 2.0 * chance
        elif method == "UPDATE" and status in (405, 501):
            self.allows_update, wait = False, 0.0
        elif self.timer.alive(now):
            self.watch()
            return []
        self.wait(now + wait)
        return []

    def wait(self, until: float) -> None:
        """Refresh the session later, where it lives that long."""
        self.timer.again()
        due = self.timer.due
        end = self.timer.end
        if due is not None:
            self._ua.alarms.set((self._leg, SESSION), min(max(due, until), end))

    def watch(self) -> None:
        """Set the alarm of the session timer."""
        due = self.timer.due
        if due is None:
            self._ua.alarms.clear((self._leg, SESSION))
        else:
            self._ua.alarms.set((self._leg, SESSION), due)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self, transport: Transport | None) -> Outs:
        """Ask where the next hop is, by this transport where its URI names none. Requests wait for the answer."""
        self._resolving = True
        hop = self._dialog.next_hop
        return [Resolve(self._leg, hop, None if "transport=" in hop else transport, self._tls)]

    def _cancel(self, key: str, question: Question, now: float) -> Outs:
        """CANCEL a re-INVITE that had a provisional response."""
        layer = self._ua.layer
        question.standing = "cancelled"
        client = layer.clients[key]
        layer.abandon(key, now)
        data = compose.alongside(client.data, "CANCEL", "")
        branch = key.partition(" ")[0]
        return [*layer.request(data, "CANCEL", branch, client.flow, self._leg, self.call, now)[1]]
