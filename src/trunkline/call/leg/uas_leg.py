"""The leg that a peer's INVITE opens: we are its UAS (RFC 3261 §13.3).

Each early dialog that the other side shows gets a To-tag of its own here, so that the caller can tell their sessions
apart; the answer takes the tag of the early dialog that answered.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.call.leg import early as early_dialog
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.early import EarlyDialog
from trunkline.call.leg.events import Acknowledged, Cleared, Disconnected
from trunkline.call.leg.headers import SDP, content_type
from trunkline.call.leg.reliable import GIVE_UP, RESEND, Reliable, Ringing
from trunkline.call.leg.route import behind_nat
from trunkline.call.leg.session import Session
from trunkline.call.leg.sip_leg import SipLeg
from trunkline.call.leg.user_agent import CAPABLE, UserAgent
from trunkline.sdp.multipart import find_sdp
from trunkline.sip.dialog.dialog import DialogKey, accepted, contact_uri
from trunkline.sip.dialog.session_timer import said
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

_SECONDS: Final = re.compile(r"[0-9]{1,10}").fullmatch
_RACK: Final = re.compile(r"[0-9]{1,10}[ \t]+[0-9]{1,10}[ \t]+[^ \t]+").fullmatch
_RINGING: Final = {180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress"}


class UasLeg(SipLeg):
    """One incoming call."""

    __slots__ = (
        "_early",
        "_keys",
        "_knows_199",
        "_moved",
        "_nat",
        "_reliable",
        "_requires",
        "_supports",
        "flow",
        "identity",
        "invite",
        "open",
        "request",
        "tag",
    )

    def __init__(self, ua: UserAgent, leg: str, call: str, request: Request, flow: Flow, nat: bool) -> None:
        super().__init__(ua, leg, call)
        self.request: Request | None = request
        """The INVITE, until it is answered."""
        self.flow = flow
        self.identity = (request.call_id, request.from_tag or "", request.cseq)
        """Call-ID, From tag and CSeq: what a merged request has too (§8.2.2.2)."""
        self.tag = ua.tokens.token()
        self.open = True
        """Whether the INVITE waits for its final response."""
        self._nat = nat or behind_nat(request, flow)
        self._moved = ""
        """Where an UPDATE before the answer says that the caller is now (RFC 3311 §5.1); empty: as in its INVITE."""
        self._early: dict[str, str] = {}
        supported = _tags(request, "supported")
        self._requires, self._supports = "100rel" in _tags(request, "require"), "100rel" in supported
        self._knows_199 = "199" in supported
        self._reliable: dict[str, Reliable] = {}
        """The early dialogs with reliable provisional responses, by our tag."""
        self._keys: list[DialogKey] = []
        self.invite = ua.layer.open(request, flow, leg, call).key
        """The server transaction of the INVITE."""
        self._mint(self.tag)

    @property
    def gone(self) -> bool:
        return not self.open and (self.session is None or self.session.gone)

    @property
    def patience(self) -> int:
        """Seconds within which the caller wants its INVITE answered (§13.3.1); 0 when it does not say."""
        value = self.request.get("expires") if self.request is not None else None
        return int(value) if value is not None and _SECONDS(value) else 0

    @property
    def reliable(self) -> bool:
        """Whether the caller takes reliable provisional responses."""
        return self._requires or self._supports

    @property
    def holds(self) -> bool:
        """Whether the answer must wait for the acknowledgement of early media."""
        return any(early.holds for early in self._reliable.values())

    def settled(self, early: str) -> bool:
        """Whether offer and answer are agreed on in this early dialog of the other side's."""
        known = self._reliable.get(self._early.get(early, ""))
        return known is not None and known.settled

    def earlies(self) -> list[EarlyDialog]:
        return [*self._reliable.values()] if self._reliable else []

    # ── from the call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def trying(self, now: float) -> Outs:
        # §8.2.6.1: the caller measures by it.
        stamp = self.request.get("timestamp") if self.request is not None else None
        return [*self.ua.layer.respond(self.invite, 100, now, "", f"Timestamp: {stamp}\r\n" if stamp else "")]

    def ring(self, status: int, phrase: str, body: bytes, early: str, headers: str, now: float) -> Outs:
        """Pass on that the other side is alerting, or its early media."""
        request = self.request
        if request is None:
            return []
        if status == 199 and not (self._knows_199 and early in self._early):
            # The end of an early dialog (RFC 6228 §4), for who can tell it from a ringing and has heard of that dialog.
            return []
        # A ringing of our own belongs to whichever early dialog comes.
        tag = self._tag(early) if early else self.tag
        headers += _routes(request)
        headers += self.ua.contact(self.flow, self.tag, _secure(request))
        known = self._reliable.get(tag)
        if known is not None and known.told:
            # The first one counts, and it does arrive.
            body = b""
        if body:
            headers += f"Content-Type: {SDP}\r\n"
        words = None if _RINGING.get(status) == phrase else phrase
        if self._requires or (body and self._supports and self.ua.extensions.reliable_early_media):
            return self._ring_reliably(request, tag, Ringing(status, words, headers, body), now)
        return [*self.ua.layer.respond(self.invite, status, now, tag, headers, body, words)]

    def _ring_reliably(self, request: Request, tag: str, ringing: Ringing, now: float) -> Outs:
        early = self._reliable.get(tag)
        outs: Outs = []
        if early is None:
            offered = find_sdp(request.get("content-type"), request.body) is not None
            if not offered and not ringing.body:
                # The first reliable response would have to bring the offer (RFC 3262 §5), and there is none.
                return []
            session = self._begin(request, tag)
            outs += session.met(request, self.flow)
            early = self._reliable[tag] = Reliable(self.ua, self.id, self.invite, tag, session, offered)
        if ringing.body:
            early.session.asking.description = ringing.body
        return outs + early.send(ringing, now)

    def _begin(self, request: Request, tag: str) -> Session:
        """A dialog's session, early or confirmed."""
        dialog = accepted(request, tag, self.flow)
        dialog.target = self._moved or dialog.target
        return Session(self.ua, self.id, self.call, dialog, self._nat, None)

    def connect(self, body: bytes, early: str, headers: str, now: float) -> Outs:
        """Answer the call."""
        request = self.request
        if not self.open or request is None:
            return []
        tag = self._tag(early)
        headers += _routes(request)
        self.open = False
        self.request = None
        known = self._reliable.get(tag)
        outs: Outs = []
        if known is None:
            self.session = self._begin(request, tag)
            outs += self.session.met(request, self.flow)
        else:
            self.session = known.session
            if self._moved:
                self.session.dialog.target = self._moved
                outs += self.session.asking.route(self.session.dialog.flow)
            if known.settled:
                body = b""
        outs += self._drop(tag, now)
        headers += self.ua.contact(self.flow, self.tag, _secure(request)) + CAPABLE
        headers += self.session.begin(said(request), now)
        if body:
            self.session.asking.description = body
            headers += f"Content-Type: {SDP}\r\n"
        outs += self.ua.layer.respond(self.invite, 200, now, tag, headers, body)
        self.session.accepted(self.invite, request.cseq, "", now)
        return outs

    def refuse(self, status: int, phrase: str | None, headers: str, now: float) -> Outs:
        """Answer that there is no call."""
        if not self.open:
            return []
        self.open = False
        self.request = None
        outs = self._drop("", now)
        return [*outs, *self.ua.layer.respond(self.invite, status, now, self.tag, headers, b"", phrase)]

    def _drop(self, kept: str, now: float) -> Outs:
        """Of the early dialogs with reliable responses only that of the tag `kept` goes on."""
        outs: Outs = []
        for tag, early in self._reliable.items():
            early.drop()
            if tag != kept:
                outs += early.session.drop(now)
        return outs

    def disconnect(self, reason: str, now: float) -> Outs:
        """End the call, answered or not."""
        if self.session is not None:
            return self.session.bye(reason, now)
        return self.refuse(480, None, f"Reason: {reason}\r\n" if reason else "", now)

    def close(self) -> Outs:
        """Nothing of this leg is left."""
        self.ua.forget(self._keys)
        if self.session is not None:
            self.session.close()
        for early in self._reliable.values():
            early.session.close()
        return []

    # ── from the peer ─────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request, flow: Flow, now: float) -> Outs:
        """A request inside the dialog, or inside one of the early ones."""
        if request.method == "PRACK" and not _RACK((request.get("rack") or "").strip()):
            words = f'Warning: 399 {self.ua.brand} "a PRACK needs a RAck"\r\n'
            key = self.ua.layer.open(request, flow, self.id, self.call).key
            return [*self.ua.layer.respond(key, 400, now, self.tag, words)]
        if self._reliable:
            if request.method == "PRACK":
                return self._pracked(request, flow, now)
            early = self._reliable.get(request.to_tag or "")
            if early is not None and request.method == "UPDATE" and early.session is self.current:
                return early.session.receive(request, flow, now)
        if self.session is not None:
            return self.session.receive(request, flow, now)
        if request.method == "ACK":
            return []
        layer = self.ua.layer
        key = layer.open(request, flow, self.id, self.call).key
        if request.method == "BYE" and self.open:
            # A caller may end an early dialog with BYE (§15); the INVITE is then over as by CANCEL.
            return [*layer.respond(key, 200, now, self.tag), *self._abandoned(request, now)]
        status, headers = early_dialog.told(request.method) if self.open else (481, "")
        if request.method == "UPDATE" and self.request is not None:
            early = self._reliable.get(request.to_tag or "")
            if not early_dialog.offers(request):
                status, headers = 200, self.ua.contact(self.flow, self.tag, _secure(self.request)) + CAPABLE
                self._moved = contact_uri(request) or self._moved
            elif early is not None and early.settled:
                status, headers = early_dialog.UNDECIDED
            elif early is not None and early.holds and not early.offered:
                status, headers = 491, ""
        return [*layer.respond(key, status, now, self.tag, headers)]

    def _pracked(self, request: Request, flow: Flow, now: float) -> Outs:
        """A PRACK (RFC 3262 §3): it may bring the answer to our offer, or an offer once ours was answered."""
        key = self.ua.layer.open(request, flow, self.id, self.call).key
        early = self._reliable.get(request.to_tag or "")
        if early is None or not early.session.dialog.in_order(request) or not early.acknowledged(request):
            return [*self.ua.layer.respond(key, 481, now, self.tag)]
        body = request.body if find_sdp(content_type(request) or None, request.body) is not None else b""
        outs: Outs = []
        first = early.describes
        early.settled = early.settled or first
        if body and (early.offered or not first):
            if early.settled and early.session is self.current:
                outs += early.session.take(request, key, now)
            else:
                # While the offer of the INVITE is open, or in one of several early dialogs.
                status, headers = early_dialog.UNDECIDED if early.settled else early_dialog.told("UPDATE")
                outs += self.ua.layer.respond(key, status, now, headers=headers)
        else:
            outs += self.ua.layer.respond(key, 200, now)
            if first and not early.offered:
                outs.append(Acknowledged(self.id, body, ""))
        outs += early.proceed(now)
        if first and self.open:
            outs.append(Cleared(self.id))
        return outs

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        if what != RESEND and what != GIVE_UP:
            return super().expire(what, transaction, now)
        early = self._reliable.get(transaction.partition(" ")[0])
        if early is None or not early.concerns(transaction):
            return []
        if what == RESEND:
            return early.resend(now)
        reason = 'SIP;cause=504;text="no PRACK"'
        outs = self.refuse(504, None, f"Reason: {reason}\r\n", now)
        return [*outs, Disconnected(self.id, "no-prack", reason)]

    def cancelled(self, transaction: str, request: Request, now: float) -> Outs:
        """A CANCEL of the INVITE that this leg, or its session, has."""
        if transaction == self.invite:
            return self._abandoned(request, now) if self.open else []
        return super().cancelled(transaction, request, now)

    def _abandoned(self, request: Request, now: float) -> Outs:
        outs = self.refuse(487, None, "", now)
        outs.append(Disconnected(self.id, "cancelled", request.header("reason") or ""))
        return outs

    def _tag(self, early: str) -> str:
        """The To-tag of the dialog that this early dialog of the other side's is shown as."""
        tag = self._early.get(early)
        if tag is None:
            tag = self._early[early] = self._mint(self.ua.tokens.token()) if self._early else self.tag
        return tag

    def _mint(self, tag: str) -> str:
        assert self.request is not None
        key = (self.request.call_id, tag, self.request.from_tag or "")
        self.ua.dialogs[key] = self.id
        self._keys.append(key)
        return tag


def _tags(request: Request, name: str) -> str:
    """The option tags of a header, in lower case; empty when it is not there."""
    return ",".join(request.headers(name)).lower() if request.get(name) is not None else ""


def _secure(request: Request) -> bool:
    """Whether the dialog is to be one of SIPS (§12.1.1)."""
    return request.uri[:5].lower() == "sips:" or "<sips:" in (request.get("contact") or "").lower()


def _routes(request: Request) -> str:
    """What makes a dialog repeats the Record-Route of its INVITE (§12.1.1)."""
    return "".join([f"Record-Route: {value}\r\n" for value in request.headers("record-route")])
