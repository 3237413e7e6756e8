"""The leg that our own INVITE opens: we are its UAC (RFC 3261 §13.2).

It goes to the resolved flows in turn (`call/leg/course.py`), answers one challenge, keeps early dialogs apart, and ends
whatever answers after it stopped asking: a 200 that crosses the CANCEL, and the second 200 of a forking proxy, are
acknowledged and ended with BYE.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.leg import early
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.course import Course
from trunkline.call.leg.credentials import Shown, authorize
from trunkline.call.leg.early import EarlyDialog
from trunkline.call.leg.events import Connected, Failed, Rang
from trunkline.call.leg.headers import SDP, content_type, taken
from trunkline.call.leg.receipts import Receipts, number
from trunkline.call.leg.route import private
from trunkline.call.leg.session import Session
from trunkline.call.leg.sip_leg import SipLeg
from trunkline.call.leg.target import Target
from trunkline.call.leg.unwanted import Unwanted
from trunkline.call.leg.user_agent import CAPABLE, UNRELIABLE, UserAgent
from trunkline.call.outputs import Resolve
from trunkline.sdp.origin import relocated
from trunkline.sip import compose
from trunkline.sip.dialog.dialog import Dialog, DialogKey, Ends, established
from trunkline.sip.dialog.session_timer import SessionTimer
from trunkline.sip.flow import Flow, host_port
from trunkline.sip.grammar import bracketed
from trunkline.sip.message import Request, Response

_NOTHING: Final = Shown()


class UacLeg(SipLeg):
    """One outgoing call."""

    __slots__ = (
        "_branch",
        "_cancel",
        "_course",
        "_data",
        "_dialogs",
        "_key",
        "_sequence",
        "_receipts",
        "_shown",
        "_timer",
        "_unwanted",
        "body",
        "ends",
        "flow",
        "origin",
        "over",
        "provisional",
        "sip_call_id",
        "target",
    )

    def __init__(self, ua: UserAgent, leg: str, call: str, target: Target, body: bytes) -> None:
        super().__init__(ua, leg, call)
        self.target = target
        self.body = body
        self.origin = ""
        """The address that the body's o= line names, where the flow decides it; else empty."""
        # Begins with the time, as our call ids do: an index of the call log then grows at its end.
        self.sip_call_id = f"{ua.tokens.worker}{leg.replace(':', '-')}"
        self.ends = Ends("", ua.tokens.token(), target.callee)
        self.flow: Flow | None = None
        """The flow of the latest INVITE."""
        self.provisional = False
        """Whether any response came."""
        self.over = False
        """The INVITE has its final answer, or was given up before it was sent."""
        self._course = Course(ua.penalties)
        self._shown = _NOTHING
        self._timer = SessionTimer(ua.extensions.session_expires, ua.extensions.min_se)
        self._sequence = 0
        self._branch = ""
        self._key = ""
        self._data = b""
        self._cancel: str | None = None
        """The Reason line of the CANCEL that is wanted or sent; None while the call is wanted."""
        self._dialogs: list[DialogKey] = []
        self._receipts = Receipts()
        """The early dialogs with reliable provisional responses."""
        self._unwanted = Unwanted(ua, leg, call)

    @property
    def gone(self) -> bool:
        return self.over and not self._unwanted.open and (self.session is None or self.session.gone)

    # ── from the call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def earlies(self) -> list[EarlyDialog]:
        return self._receipts.all()

    def acknowledge(self, body: bytes, now: float) -> Outs:
        """The answer to the offer that the peer's 2xx brought, or its reliable provisional response."""
        return super().acknowledge(body, now) if self.session is not None else self._receipts.answer(body, now)

    def begin(self) -> Outs:
        target = self.target
        first = target.route[0] if target.route else target.proxy or target.uri
        return [Resolve(self.id, first, target.transport, target.tls, target.flow)]

    def disconnect(self, reason: str, now: float) -> Outs:
        """The call is not wanted any more: BYE when it was answered, else CANCEL once there was a response (§9.1)."""
        if self.session is not None:
            return self.session.bye(reason, now)
        if self.over or self._cancel is not None:
            return []
        self._cancel = f"Reason: {reason}\r\n" if reason else ""
        if not self._key:
            self.over = True
            return []
        # What its peer asked in an early dialog must not wait for the end of the INVITE.
        dropped = self._receipts.drop(None, now)
        return dropped + self._send_cancel(now) if self.provisional else dropped

    def close(self) -> Outs:
        self.ua.forget(self._dialogs)
        self._receipts.close()
        if self.session is not None:
            self.session.close()
        invite = self.ua.layer.clients.get(self._key)
        if invite is not None:
            # Its answers may come again yet, and have had their BYE.
            wanted = (self.session.dialog.remote_tag,) if self.session is not None else ()
            invite.forks = wanted + self._unwanted.tags
        return []

    # ── from the network ──────────────────────────────────────────────────────────────────────────────────────────────

    def resolved(self, flows: tuple[Flow, ...], now: float) -> Outs:
        if self.session is not None or self.searching:
            return super().resolved(flows, now)
        if self.over:
            return []
        if self.target.public:
            flows = tuple([flow for flow in flows if not private(flow.remote[0])])
        course = self._course
        if course.asked and course.udp is not None:
            udp = course.udp
            tcp = course.arrived(flows, now)
            return self._invite(tcp or udp, now, as_it_is=tcp is None)
        course.found(flows, now)
        return self._next(now, 503, "Service Unavailable", "unreachable", "no address to send to", False)

    def unresolvable(self, reason: str, now: float) -> Outs:
        if self.session is not None or self.searching:
            return super().unresolvable(reason, now)
        if self.over:
            return []
        if self._course.asked:
            return self.resolved((), now)
        self.over = True
        return [Failed(self.id, 503, "Service Unavailable", "unresolvable", reason, "", False)]

    def receive(self, request: Request, flow: Flow, now: float) -> Outs:
        """A request inside the dialog, or inside an early one."""
        # Who leaves its own tag out, as in RFC 2543, knows ours all the same.
        if self.session is not None and (request.from_tag or "") in ("", self.session.dialog.remote_tag):
            return self.session.receive(request, flow, now)
        if request.method == "ACK":
            return []
        receipt = self._receipts.of(request.from_tag)
        wanted = not self.over and self._cancel is None
        if receipt is not None and request.method == "UPDATE" and wanted and receipt.session is self.current:
            return receipt.session.receive(request, flow, now)
        key = self.ua.layer.open(request, flow, self.id, self.call).key
        if (request.call_id, self.ends.local_tag, request.from_tag or "") not in self.ua.dialogs:
            # A dialog that no answer of the peer's has shown yet; only a change of it is worth a second try.
            status = 491 if request.method == "INVITE" and not self.over else 481
            return [*self.ua.layer.respond(key, status, now)]
        if request.method == "BYE":
            return [*self.ua.layer.respond(key, 200, now)]
        status, headers = early.told_callee(request.method) if not self.over else (481, "")
        if request.method == "UPDATE" and not self.over:
            if not early.offers(request):
                status, headers = 200, self._contact(flow) + CAPABLE
            elif receipt is not None and receipt.settled:
                status, headers = early.UNDECIDED
            elif self.body:
                status, headers = 491, ""
        return [*self.ua.layer.respond(key, status, now, headers=headers)]

    def answered(self, transaction: str, response: Response, now: float) -> Outs:
        if transaction != self._key:
            if response.status >= 200:
                self._unwanted.ended(transaction)
            return super().answered(transaction, response, now)
        status = response.status
        if status == 503 or self.ua.penalties or self._course.udp is not None:
            self._course.answered(self.flow, response, now)
        if status < 200:
            return self._progress(response, now)
        if status < 300:
            return self._accepted(response, now)
        if self.over:
            return []
        dropped = self._receipts.drop(None, now)
        if self._cancel is not None:
            self.over = True
            return dropped
        if status in (401, 407) and self.target.credentials is not None:
            cnonce = self.ua.tokens.token()
            shown = authorize(self.target.credentials, response, "INVITE", self.target.uri, cnonce, self._shown)
            if shown is not None and self.flow is not None:
                self._shown = shown
                return dropped + self._invite(self.flow, now)
        if status == 422 and self.flow is not None and self._timer.refused(response):
            return dropped + self._invite(self.flow, now)
        reason = response.header("reason") or f'SIP;cause={status};text="{_quoted(response.phrase)}"'
        warning = response.header("warning") or ""
        if status == 503:
            return dropped + self._next(now, status, response.phrase, "refused", reason, True, warning)
        self.over = True
        contacts = tuple(response.headers("contact")) if status < 400 else ()
        return [
            *dropped,
            Failed(self.id, status, response.phrase, "refused", reason, warning, True, contacts, taken(response)),
        ]

    def failed(self, transaction: str, status: int, phrase: str, now: float, why: str = "") -> Outs:
        if transaction != self._key:
            self._unwanted.ended(transaction)
            return super().failed(transaction, status, phrase, now, why)
        udp = self._course.failed(self.flow, now) if not self.provisional else None
        dropped = self._receipts.drop(None, now)
        if self.over or self._cancel is not None:
            self.over = True
            return dropped
        if udp is not None:
            return dropped + self._invite(udp, now, as_it_is=True)
        cause = "timeout" if status == 408 else "unreachable"
        reason = why or f'SIP;cause={status};text="{_quoted(phrase)}"'
        if self.provisional:
            # The connection is lost for good. Whoever rings is told so over a new one, and no other address is tried:
            # it might be the same bot's.
            self._cancel = ""
            lost = Failed(self.id, status, phrase, cause, reason, "", False)
            return [*dropped, *self._send_cancel(now), lost]
        return dropped + self._next(now, status, phrase, cause, reason, False)

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        if what != "attempt":
            return super().expire(what, transaction, now)
        if transaction != self._key or self.provisional or self.over or self._cancel is not None:
            return []
        self.ua.layer.leave(self._key, now)
        why = f"no answer within {self.ua.attempt:g} s"
        return self.failed(self._key, 408, "Request Timeout", now, f'SIP;cause=408;text="{why}"')

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _next(
        self, now: float, status: int, phrase: str, cause: str, reason: str, by_peer: bool, warning: str = ""
    ) -> Outs:
        """The next address, or the failure of the last."""
        flow = self._course.next()
        if flow is not None:
            return self._invite(flow, now)
        self.over = True
        return [Failed(self.id, status, phrase, cause, reason, warning, by_peer)]

    def _invite(self, flow: Flow, now: float, as_it_is: bool = False) -> Outs:
        """Send it over this flow; first by TCP when it is too large for UDP, unless it is to go `as_it_is`."""
        ua, target = self.ua, self.target
        self.flow = flow
        self.provisional = False
        self._receipts.clear()
        self._sequence += 1
        self._branch = ua.tokens.branch()
        address = ua.address(flow)
        sent_by = host_port(address)
        local = f"{target.caller.replace('{host}', bracketed(address[0]))};tag={self.ends.local_tag}"
        self.ends = Ends(local, self.ends.local_tag, target.callee)
        passed = target.route or ((target.proxy,) if target.proxy else ())
        route = "".join([f"Route: <{uri}>\r\n" for uri in passed])
        kind = f"Content-Type: {SDP}\r\n" if self.body else ""
        contact = self._contact(flow)
        able = CAPABLE if self.body or target.reliable else UNRELIABLE
        origin = ua.origin(flow)
        if self.body and self.origin and origin != self.origin:
            self.body, self.origin = relocated(self.body, origin), origin
        self._data = compose.request(
            f"INVITE {target.uri}",
            compose.via_line(flow, sent_by, self._branch),
            self.sip_call_id,
            f"{self._sequence} INVITE",
            f"{route}From: {local}\r\nTo: {target.callee}\r\n{contact}{able}{self._timer.lines}"
            f"User-Agent: {ua.brand}\r\n{self._shown}{target.headers}{kind}",
            self.body,
            target.max_forwards,
        )
        if len(self._data) > ua.mtu and flow.transport == "udp" and target.by_tcp and not as_it_is:
            # A literal address, which is answered at once; the number of this INVITE goes to the one that is sent.
            self._sequence -= 1
            return [Resolve(self.id, self._course.detour(flow), "tcp")]
        half = (self.sip_call_id, self.ends.local_tag, "")
        if half not in ua.dialogs:
            # Its callee may be heard before its answer is (RFC 5407 §3.1).
            ua.dialogs[half] = self.id
            self._dialogs.append(half)
        self._key, told = ua.layer.request(self._data, "INVITE", self._branch, flow, self.id, self.call, now)
        if target.others or self._course.more:
            ua.timers.arm(now, ua.attempt, (self.id, "attempt", self._key))
        return [*told]

    def _contact(self, flow: Flow) -> str:
        return self.ua.contact(flow, self.ends.local_tag, self.target.uri[:5].lower() == "sips:")

    def _progress(self, response: Response, now: float) -> Outs:
        if self.over:
            return []
        first, self.provisional = not self.provisional, True
        if self._cancel is not None:
            return self._send_cancel(now) if first else []
        if response.status == 100:
            return []
        tag = response.to_tag or ""
        key = (self.sip_call_id, self.ends.local_tag, tag)
        if tag and key not in self.ua.dialogs:
            if len(self._dialogs) >= early.MOST_FORKS:
                return []
            self.ua.dialogs[key] = self.id
            self._dialogs.append(key)
        if tag and self.flow is not None and number(response) is not None:
            return self._reliable(response, self.flow, tag, now)
        return [Rang(self.id, response.status, response.phrase, response.body, content_type(response), tag)]

    def _reliable(self, response: Response, flow: Flow, tag: str, now: float) -> Outs:
        """A reliable provisional response (RFC 3262)."""
        outs: Outs = []
        receipt = self._receipts.of(tag)
        if receipt is None:
            session = self._begin(established(self.ends, response, flow, self.target.uri))
            receipt = self._receipts.open(tag, session)
            outs += session.met(response, flow)
        taken = self._receipts.take(receipt, response, bool(self.body), now)
        if taken is None:
            return outs
        acknowledged, body = taken
        outs += acknowledged
        return [*outs, Rang(self.id, response.status, response.phrase, body, content_type(response), tag, True)]

    def _begin(self, dialog: Dialog) -> Session:
        """A dialog's session, early or confirmed."""
        to = self.target
        session = Session(self.ua, self.id, self.call, dialog, to.nat, to.credentials, to.tls, self._timer)
        session.asking.description = self.body
        return session

    def _accepted(self, response: Response, now: float) -> Outs:
        assert self.flow is not None
        tag = response.to_tag or ""
        if self.session is not None and tag == self.session.dialog.remote_tag:
            return self.session.asking.again(response)
        again = self._unwanted.again(tag)
        if again or len(self._unwanted) >= early.MOST_FORKS:
            return again
        receipt = self._receipts.of(tag)
        dialog = established(self.ends, response, self.flow, self.target.uri)
        if receipt is not None:
            dialog = receipt.session.dialog.confirmed(dialog)
        if self.session is not None or self.over or self._cancel is not None:
            self.over = True
            return self._unwanted.end(dialog, response.cseq, str(self._shown), self._cancel or "", now)
        self.over = True
        settled = receipt is not None and receipt.settled
        self.session = receipt.session if receipt is not None else self._begin(dialog)
        self._timer.agreed(response, now)
        self.session.asking.shown = self._shown
        self.session.asking.watch()
        outs = self._receipts.drop(receipt, now) + self.session.met(response, self.flow)
        body = b"" if settled else response.body
        if self.body or not body:
            outs += self.session.asking.acknowledge(response.cseq)
        else:
            self.session.asking.offered(response.cseq)
        outs.append(Connected(self.id, body, content_type(response), tag, settled))
        return outs

    def _send_cancel(self, now: float) -> Outs:
        assert self.flow is not None
        ua = self.ua
        data = compose.alongside(self._data, "CANCEL", "", self._cancel or "")
        ua.layer.abandon(self._key, now)
        _, told = ua.layer.request(data, "CANCEL", self._branch, self.flow, self.id, self.call, now)
        return [*told]


def _quoted(text: str) -> str:
    return text.replace("\\", "").replace('"', "'")
