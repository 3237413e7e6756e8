"""A transfer while it goes on: the new party is called, one candidate after the other, and joined to the one who stays.

The call that is up is not touched before the new party has answered and the one who stays has agreed to talk to it;
until then a failure leaves everything as it was. Who is replaced may hang up meanwhile: that ends neither the transfer
nor the one who stays. Only when the transfer then fails is there nobody left to talk to.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua import hunt
from trunkline.call.b2bua.bridge import Seat, opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.exchange import Party
from trunkline.call.b2bua.joining import Joining
from trunkline.call.b2bua.ledger import LegEntry, TransferEntry, peer
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.media_plan import ENDS, End, Terms, policy_of
from trunkline.call.b2bua.moving import TRANSFERRED, Moving, Transfer
from trunkline.call.b2bua.origination import Origination
from trunkline.call.b2bua.search import Attempt
from trunkline.call.decision.admission import Admission
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import Connected, Disconnected, Failed, LegEvent, Rang, Replied
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Done, Journal
from trunkline.call.transfer import merging
from trunkline.call.transfer.destination import allowed
from trunkline.call.transfer.newcomer import target
from trunkline.call.transfer.restoring import PATIENCE, Restoring
from trunkline.model.journal import Rejoined
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.routing.outbound import Carrier
from trunkline.routing.table import Table
from trunkline.sdp.refusal import Refusal
from trunkline.sip.status import phrase

_FAREWELL: Final = 4.0
"""Seconds in which who was replaced answers the NOTIFY that says so; then it gets its BYE all the same."""


class Handover:
    """The transfers of one worker's calls."""

    __slots__ = ("_admission", "_calls", "_legs", "_table", "_ua", "restoring")

    def __init__(self, ua: UserAgent, table: Table, admission: Admission, calls: dict[str, Call], legs: Legs) -> None:
        self._ua = ua
        self._table = table
        self._admission = admission
        self._calls = calls
        self._legs = legs
        self.restoring = Restoring(ua, calls)

    # ── the new party ─────────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, call: Call, moving: Moving, transfer: Transfer, now: float) -> Outs:
        """Call the next candidate."""
        name = moving.name()
        transfer.begin(self._ua.penalties, now)
        candidate = self._next_with_room(name, transfer)
        if candidate is None:
            return self.fail(call, moving, 503, "Service Unavailable", "The trunk it goes by is full.", now)
        end = transfer.end
        stays = call.bridge.seat(opposite(end))
        assert stays is not None
        session = stays.party.session
        flow = session.dialog.flow if session is not None else call.flow
        ends_here = candidate.uri is None if end == "agent" else isinstance(stays.party, EndpointLeg)
        plan = call.bridge.plan.successor(end, Terms(self._ua.origin(flow), policy_of(candidate.trunk)), ends_here)
        body = plan.agreed(opposite(end))
        offer = plan.offer(opposite(end), body) if body else None
        if offer is None or isinstance(offer, Refusal):
            self._admission.release(name, now)
            words = "Nothing is agreed on yet that could be offered." if offer is None else offer.detail
            return self.fail(call, moving, 488, phrase(488), words, now)
        transfer.plan, transfer.tried = plan, candidate
        transfer.early.clear()
        trunk = candidate.trunk
        line = LegEntry(end, now + self._ua.epoch, None, candidate.uri, trunk.id if trunk is not None else None)
        line.agent_id = candidate.agent.id or None if candidate.agent is not None else None
        call.ledger.legs.append(line)
        transfer.line = line
        leg: UacLeg | EndpointLeg
        if candidate.uri is None and candidate.agent is not None:
            codecs = stays.trunk.codecs if stays.trunk is not None else ()
            leg = EndpointLeg(name, call.id, candidate.agent.kind, offer, flow, codecs)
        else:
            leg = UacLeg(self._ua, name, call.id, target(self._ua, call.ledger, transfer, candidate), offer)
            line.sip_call_id = leg.sip_call_id
        transfer.leg = self._legs[leg.id] = leg
        if transfer.rules is not None:
            self._admission.take_outbound(call.ledger.organization_id, transfer.rules, name, now)
        longest = candidate.ring_timeout if transfer.longest is None else min(candidate.ring_timeout, transfer.longest)
        self._ua.alarms.set((call.id, "transfer"), min(now + longest, transfer.began + candidate.within))
        return leg.begin()

    def summon(self, call: Call, moving: Moving, now: float) -> Outs:
        """The telephone that a call of ours reached is answered: its agent comes in the place of who keeps it waiting.
        That is no transfer that anybody asked for, and the record shows none."""
        if not isinstance(call, Origination):
            return []
        transfer = Transfer("caller", TransferEntry("edge", "edge", "", "invite", now + self._ua.epoch))
        transfer.vital = "agent-not-reached"
        transfer.candidates = list(call.agents)
        transfer.number = call.number
        transfer.caller = call.ledger.callee
        moving.transfer = transfer
        return self.attempt(call, moving, transfer, now)

    def receive(self, call: Call, moving: Moving, transfer: Transfer, event: LegEvent, now: float) -> Outs:
        """A word of the new party's leg."""
        line = transfer.line
        if isinstance(event, Rang):
            if line is not None and line.ringing_at is None and event.status != 183:
                line.ringing_at = now + self._ua.epoch
            if event.body:
                transfer.early[event.early] = (event.body, event.content_type)
            transfer.entry.progress = event.status
            return transfer.telling.tell(event.status, event.phrase, now) if transfer.telling is not None else []
        if isinstance(event, Connected):
            return self._connected(call, moving, transfer, event, now)
        if isinstance(event, Failed):
            leads_on = transfer.leads_on(event)
            if transfer.redirects is not None:
                transfer.candidates = allowed(self._table, call.ledger.organization_id, transfer.candidates)
            self._close(call, transfer, event.status, event.phrase, event.reason, now)
            if leads_on and transfer.more(now):
                return self.attempt(call, moving, transfer, now)
            status, words = hunt.crossed(event.status, event.phrase)
            return self.fail(call, moving, status, words, event.reason, now)
        if isinstance(event, Disconnected):
            self._close(call, transfer, 200, "OK", event.reason, now)
            return self.fail(call, moving, 487, phrase(487), "The new party hung up before it was joined.", now)
        return []

    def unanswered(self, call: Call, moving: Moving, transfer: Transfer, now: float) -> Outs:
        """The new party rang for as long as it may."""
        self._close(call, transfer, 408, phrase(408), "", now)
        provisional = isinstance(transfer.leg, UacLeg) and transfer.leg.provisional
        outs = self._drop(transfer, 'Q.850;cause=19;text="no answer"', now)
        # A telephone that rang is not made to ring again by another carrier.
        if not (isinstance(transfer.tried, Carrier) and provisional) and transfer.more(now):
            return outs + self.attempt(call, moving, transfer, now)
        return outs + self.fail(call, moving, 480, phrase(480), "Nobody answered in time.", now)

    # ── joining ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def joining(self, call: Call, transfer: Transfer, moving: Moving, newcomer: Party) -> Joining:
        """The one that joins the newcomer to who stays, by the transfer's plan."""
        stays = call.bridge.seat(opposite(transfer.end))
        assert stays is not None
        assert transfer.plan is not None
        parties: dict[End, Party] = {transfer.end: newcomer, opposite(transfer.end): stays.party}
        joining = transfer.joining = Joining(moving.name(), transfer.plan, transfer.end, parties)
        return joining

    def replied(self, call: Call, moving: Moving, event: Replied, now: float) -> Outs:
        """The answer to a change of the session that a joining asked for."""
        transfer = moving.transfer
        chance = self._ua.tokens.chance()
        for joining in (transfer.joining if transfer is not None else None, moving.restoring, moving.settling):
            if joining is not None and joining.exchange == event.exchange:
                outs = joining.replied(event, chance, now)
                if joining is moving.restoring:
                    return outs + self.restoring.advance(call, moving, now)
                if joining is moving.settling:
                    moving.settling = None
                    return outs
                assert transfer is not None
                return outs + self.advance(call, moving, transfer, now)
        return []

    def again(self, call: Call, moving: Moving, now: float) -> Outs:
        """A wait of a joining's is over."""
        transfer = moving.transfer
        if transfer is not None and transfer.joining is not None:
            if transfer.joining.wait is None:
                return self.fail(call, moving, 408, phrase(408), "A party did not answer a change of the session.", now)
            outs = transfer.joining.again(now)
            return outs + self.advance(call, moving, transfer, now)
        if moving.restoring is not None and moving.restoring.wait is None:
            moving.restoring = None
        if moving.restoring is not None:
            outs = moving.restoring.again(now)
            return outs + self.restoring.advance(call, moving, now)
        return []

    def advance(self, call: Call, moving: Moving, transfer: Transfer, now: float) -> Outs:
        """Look at how far the joining has come."""
        joining = transfer.joining
        if joining is None:
            return []
        self._ua.alarms.clear((call.id, "transfer"))
        if joining.joined is None:
            self._ua.alarms.set((call.id, "transfer"), now + (joining.wait or PATIENCE))
            return []
        if joining.joined.status != 200:
            status, words = hunt.crossed(joining.joined.status, joining.joined.phrase)
            return self.fail(call, moving, status, words, "The party that stays does not agree.", now)
        return self._complete(call, moving, transfer, joining, now)

    def _connected(self, call: Call, moving: Moving, transfer: Transfer, event: Connected, now: float) -> Outs:
        line, leg = transfer.line, transfer.leg
        assert line is not None
        assert leg is not None
        self._ua.alarms.clear((call.id, "transfer"))
        line.answered_at, line.status = now + self._ua.epoch, 200
        if transfer.rules is not None:
            self._admission.tolls.begin(call.ledger.organization_id, leg.id, now)
        if isinstance(leg, EndpointLeg):
            line.codec = leg.codec or None
        if isinstance(leg, UacLeg):
            line.peer = peer(leg.flow)
        body, kind = event.body, event.content_type
        if not body:
            # The first answer counts, wherever it stood (RFC 3261 §13.2.1).
            body, kind = transfer.early.get(event.early, (b"", ""))
        if not body:
            self._close(call, transfer, 200, "OK", "", now)
            return self.fail(call, moving, 502, phrase(502), "The new party answered without a session.", now)
        outs: Outs = [self._journal(call, leg), *self.joining(call, transfer, moving, leg).answered(body, kind, now)]
        return outs + self.advance(call, moving, transfer, now)

    def _complete(self, call: Call, moving: Moving, transfer: Transfer, joining: Joining, now: float) -> Outs:
        """The two are joined: the new party has the place, and who had it leaves."""
        end = transfer.end
        left = call.bridge.seat(end) if call.answered else None
        if transfer.lender:
            admission, table = self._admission, self._table
            seat, outs = merging.complete(self._ua, self._calls, admission, table, call, transfer, joining, now)
        else:
            seat, outs = self._seated(transfer, joining, now)
        outs += call.bridge.replace(end, seat, joining.plan, now)
        if left is None:
            outs += call.taken(joining.answer, seat.party.id, now)
        moving.transfer = None
        moving.settling = joining if joining.plan.offerer is not None else None
        transfer.entry.end("completed", 200, "OK", "", now + self._ua.epoch)
        if transfer.rules is not None:
            self._bound(call, transfer.rules, now)
        outs.append(self._journal(call, None))
        if transfer.token:
            outs.append(Done(transfer.token, True))
        return outs + self.leave(call, moving, transfer, left, now) if left is not None else outs

    def _seated(self, transfer: Transfer, joining: Joining, now: float) -> tuple[Seat, Outs]:
        """The new party's seat; one that called is answered."""
        leg, line, tried = transfer.leg, transfer.line, transfer.tried
        assert leg is not None
        assert line is not None
        if tried is not None:
            agent = tried.agent if tried.agent is not None and tried.agent.id else None
            return Seat(leg, line, tried.trunk, agent), []
        outs: Outs = []
        if isinstance(leg, UasLeg):
            outs = leg.connect(joining.answer, "", "", now)
            line.answered_at, line.status = now + self._ua.epoch, 200
        return Seat(leg, line, transfer.trunk), outs

    def leave(self, call: Call, moving: Moving, transfer: Transfer, left: Seat, now: float) -> Outs:
        """Who was replaced is told, and then gets its BYE."""
        left.line.ended_at = now + self._ua.epoch
        self._vacate(call, left.party.id, left.trunk, now)
        outs: Outs = []
        telling = transfer.telling
        if telling is not None:
            outs += telling.tell(200, "OK", now)
        if telling is not None and not transfer.orphaned and not telling.notifier.over:
            telling.leaves = True
            self._ua.alarms.set((call.id, "leave"), now + _FAREWELL)
            return outs
        return outs + self.part(left.party, TRANSFERRED, now)

    def part(self, party: Party, reason: str, now: float) -> Outs:
        """End a leg that is nobody's place; one that ends in this process is closed at once."""
        outs = party.disconnect(reason, now)
        if party.gone and party.session is None:
            self._legs.pop(party.id, None)
            outs += party.close()
        return outs

    # ── failing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def fail(self, call: Call, moving: Moving, status: int, words: str, detail: str, now: float) -> Outs:
        """There is no new party: who asked is told, and the call goes on as it was."""
        transfer, moving.transfer = moving.transfer, None
        if transfer is None:
            return []
        self._ua.alarms.clear((call.id, "transfer"))
        outs: Outs = []
        if isinstance(transfer.leg, UasLeg) and transfer.leg.open:
            outs += transfer.leg.refuse(status, words, "", now)
            self._close(call, transfer, status, words, "", now)
            outs += self.part(transfer.leg, "", now)
        elif transfer.leg is not None:
            self._close(call, transfer, status, words, "", now)
            outs += self._drop(transfer, f'SIP;cause={status};text="transfer failed"', now)
        transfer.entry.end("failed", status, words, detail, now + self._ua.epoch)
        if transfer.telling is not None:
            outs += transfer.telling.tell(status, words, now)
        if transfer.token:
            outs.append(Done(transfer.token, False, "transfer-failed", detail, status))
        outs += self.restoring.returned(transfer, now)
        if transfer.vital:
            call.ledger.detail = detail or None
            reason = f'SIP;cause={status};text="{transfer.vital}"'
            return outs + call.hang_up(transfer.vital, "edge", reason, now)
        if transfer.orphaned:
            reason = f'SIP;cause={status};text="transfer failed"'
            return outs + call.hang_up("transfer-failed", transfer.end, reason, now)
        joining = transfer.joining
        if joining is not None and joining.other in joining.asked:
            outs += self.restoring.begin(call, moving, opposite(transfer.end), now)
        return outs

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _next_with_room(self, leg: str, transfer: Transfer) -> Attempt | None:
        """The next whose trunk has a place for this leg; the place is taken."""
        while transfer.candidates:
            candidate = transfer.candidates.pop(0)
            if candidate.trunk is None or self._admission.attempt(candidate.trunk, leg):
                return candidate
        return None

    def _bound(self, call: Call, rules: OutboundRules, now: float) -> None:
        """The call has come to a telephone: it lasts as long as the organization's rules let it."""
        longest = self._admission.longest(call.ledger.organization_id, rules, now)
        if longest is not None:
            self._ua.alarms.sooner((call.id, "limit"), now + longest)

    def _drop(self, transfer: Transfer, reason: str, now: float) -> Outs:
        leg, transfer.leg = transfer.leg, None
        return self.part(leg, reason, now) if leg is not None else []

    def _close(self, call: Call, transfer: Transfer, status: int, words: str, reason: str, now: float) -> None:
        """The new party's line, and its place, are closed."""
        line, transfer.line = transfer.line, None
        if line is None:
            return
        if line.status is None:
            line.status, line.phrase = status, words
        line.reason, line.ended_at = line.reason or reason or None, now + self._ua.epoch
        if isinstance(transfer.leg, UacLeg):
            line.peer = peer(transfer.leg.flow)
        if transfer.leg is not None:
            self._admission.release(transfer.leg.id, now)

    def _vacate(self, call: Call, leg: str, trunk: Trunk | None, now: float) -> None:
        """What a leg that leaves has held is free. The places of a call's first legs are the call's own: one stays as
        long as somebody who talks came by the same trunk."""
        self._admission.release(leg, now)
        if trunk is None:
            return
        for end in ENDS:
            seat = call.bridge.seat(end)
            if seat is not None and seat.trunk is not None and seat.trunk.id == trunk.id:
                return
        self._admission.capacity.leave(trunk.id, call.id)

    def _journal(self, call: Call, newcomer: Party | None) -> Journal:
        """Who would have to get a BYE if this process ended now."""
        return Journal(Rejoined(call.ledger.record(), call.bridge.states(newcomer)))
