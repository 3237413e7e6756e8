"""An INVITE with Replaces (RFC 3891): its sender takes the place of a party of a call that is up.

Who has the place gets its BYE when the one who stays has agreed to the new session; until then a refusal leaves the
call as it is. The dialog is told by Call-ID and both tags, which nobody can guess; the sender must be of the same
organization besides, and one that may transfer (`sender`).
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.b2bua.bridge import Seat, opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.joining import Joining
from trunkline.call.b2bua.ledger import LegEntry, peer
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.media_plan import End, Terms, policy_of
from trunkline.call.b2bua.moving import Moving, Transfer
from trunkline.call.b2bua.origination import Origination
from trunkline.call.decision.admission import Admission
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.farewell import Farewell
from trunkline.call.leg.gate import Stateless
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Heard, Journal, Observed
from trunkline.call.transfer.handover import Handover
from trunkline.call.transfer.referring import MOST
from trunkline.call.transfer.sender import Senders, Stranger, Unproven
from trunkline.call.transfer.standing import entered, moving_of
from trunkline.model.journal import Rejoined
from trunkline.model.trunk import Trunk
from trunkline.sdp.multipart import find_sdp
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request
from trunkline.sip.refer import ReferError, Replaces, parse_replaces

_SAID = frozenset({"malformed-replaces", "no-sdp", "trunk-full"})


class NotReplaced(NamedTuple):
    """The answer to an INVITE that takes no place."""

    status: int
    reason: str
    """A stable word."""


class Place(NamedTuple):
    """The place that is taken."""

    call: Call
    end: End
    seat: Seat
    trunk: Trunk | None
    """Whose the sender is."""


class Replacing:
    """Those that come to one worker."""

    __slots__ = ("_admission", "_calls", "_handover", "_legs", "_senders", "_ua")

    def __init__(
        self,
        ua: UserAgent,
        senders: Senders,
        admission: Admission,
        calls: dict[str, Call],
        legs: Legs,
        handover: Handover,
    ) -> None:
        self._ua = ua
        self._senders = senders
        self._admission = admission
        self._calls = calls
        self._legs = legs
        self._handover = handover

    def receive(self, request: Request, flow: Flow, data: bytes, gate: Stateless, now: float) -> Outs:
        """Take the place, or refuse without a trace of state."""
        place, source = self.find(request, flow, now), f"{flow.transport}:{flow.remote[0]}"
        if isinstance(place, Unproven):
            observed = Observed("challenged", source, "stale" if place.stale else "credentials", 401)
            return [observed, *gate.answer(request, flow, 401, self._senders.challenge(place, flow, now))]
        if isinstance(place, NotReplaced):
            observed = Observed("refused", source, place.reason, place.status)
            # What is wrong with the request is said; of the calls here nothing is.
            warned = place.reason in _SAID
            words = f'Warning: 399 {self._ua.brand} "{place.reason}"\r\n' if warned else ""
            return [observed, *gate.answer(request, flow, place.status, words)]
        return [Heard(place.call.id, flow, data), *self.begin(request, flow, place, now)]

    def find(self, request: Request, flow: Flow, now: float) -> Place | NotReplaced | Unproven:
        """The place that an INVITE asks for, or how it is answered (RFC 3891 §3)."""
        values = request.headers("Replaces")
        try:
            asked = parse_replaces(values[0])
        except ReferError:
            return NotReplaced(400, "malformed-replaces")
        if len(values) > 1 or request.get("refer-to") is not None:
            return NotReplaced(400, "malformed-replaces")
        place = self._place(asked, request, flow, now)
        if not isinstance(place, Place):
            return place
        if find_sdp(request.get("content-type"), request.body) is None:
            return NotReplaced(488, "no-sdp")
        if place.trunk is not None and self._admission.capacity.full(place.trunk.id, place.trunk.max_concurrent_calls):
            return NotReplaced(503, "trunk-full")
        return place

    def begin(self, request: Request, flow: Flow, place: Place, now: float) -> Outs:
        """Offer the new session to the one who stays."""
        call, end, ua, trunk = place.call, place.end, self._ua, place.trunk
        moving = moving_of(call, ua)
        name = moving.name()
        leg = UasLeg(ua, name, call.id, request, flow, trunk.nat if trunk is not None else False)
        self._legs[name] = leg
        if trunk is not None:
            self._admission.capacity.hold(trunk.id, name)
        wall = now + ua.epoch
        line = LegEntry(end, wall, request.call_id, request.uri, trunk.id if trunk is not None else None)
        line.peer = peer(flow)
        call.ledger.legs.append(line)
        transfer = moving.transfer = Transfer(end, entered(call, end, end, peer(flow) or "", "replaces", wall))
        transfer.leg, transfer.line, transfer.trunk = leg, line, trunk
        stays = call.bridge.seat(opposite(end))
        here = end != "agent" and stays is not None and isinstance(stays.party, EndpointLeg)
        transfer.plan = call.bridge.plan.successor(end, Terms(ua.origin(flow), policy_of(trunk)), here)
        joining = self._handover.joining(call, transfer, moving, leg)
        if not call.answered:
            return self._pick_up(call, moving, transfer, joining, leg, request, now)
        outs = leg.trying(now) + joining.offered(request.body, request.get("content-type") or "", now)
        return outs + self._handover.advance(call, moving, transfer, now)

    def _pick_up(
        self,
        call: Call,
        moving: Moving,
        transfer: Transfer,
        joining: Joining,
        leg: UasLeg,
        request: Request,
        now: float,
    ) -> Outs:
        """The sender answers the call in the place of the agent that rings. It has made an offer, and so has the
        caller: the sender's is answered with silence, and then it is offered what the caller offers."""
        kind = request.get("content-type")
        silence = joining.plan.silence(joining.newcomer, request.body, kind, call.offer, call.kind)
        if silence is None:
            detail = "Its media sections cannot become those of the caller."
            return self._handover.fail(call, moving, 488, "Not Acceptable Here", detail, now)
        outs = leg.connect(silence, "", "", now)
        outs.append(Journal(Rejoined(call.ledger.record(), call.bridge.states(leg))))
        outs += joining.picked_up(call.offer, call.kind, now)
        return outs + self._handover.advance(call, moving, transfer, now)

    def _place(self, asked: Replaces, request: Request, flow: Flow, now: float) -> Place | NotReplaced | Unproven:
        leg = self._legs.get(self._ua.dialogs.get((asked.call_id, asked.to_tag, asked.from_tag), ""))
        call = self._calls.get(leg.call) if leg is not None else None
        if leg is None or isinstance(leg, Farewell):
            return NotReplaced(481, "no-such-dialog")
        if call is None:
            return NotReplaced(603, "dialog-ended")
        if not call.answered and isinstance(leg, UasLeg):
            # An early dialog that its peer began is not ours to give away.
            return NotReplaced(481, "dialog-early")
        if not call.answered and isinstance(call, Origination):
            return NotReplaced(603, "dialog-early")
        end: End | None = "agent" if not call.answered else call.bridge.end_of(leg.id)
        seat = call.ringing if not call.answered else call.bridge.seat(end) if end is not None else None
        if end is None or seat is None or seat.party.id != leg.id:
            transfer = call.moving.transfer if call.moving is not None else None
            if transfer is not None and transfer.leg is not None and transfer.leg.id == leg.id:
                return NotReplaced(491, "transfer-in-progress")
            return NotReplaced(603, "dialog-ended")
        trunk = self._senders.whose(call.ledger.organization_id, seat, request, flow, now)
        if isinstance(trunk, Stranger):
            return NotReplaced(403, trunk.reason)
        if isinstance(trunk, Unproven):
            return trunk
        if asked.early_only and leg.session is not None:
            # Answered, be it that the caller does not know yet.
            return NotReplaced(486, "answered-already")
        if not call.answered and (not call.offer or leg.gone):
            return NotReplaced(488, "no-offer")
        if call.moving is not None and call.moving.busy:
            return NotReplaced(491, "transfer-in-progress")
        if call.ledger.transfers is not None and len(call.ledger.transfers) >= MOST:
            return NotReplaced(603, "too-many-transfers")
        return Place(call, end, seat, trunk)
