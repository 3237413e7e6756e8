"""Everything that exchanges the parties of a call that is up, by who began it:

    referring    a REFER from a peer
    replacing    an INVITE with Replaces
    commands     an operator
    delegating   ... who leaves it to a peer, by a REFER of ours

The new party is called and joined in `handover`, or, when it is in another call here, by `merging`. This file says whom
an event of a call is for, where one of these goes on.
"""

from __future__ import annotations

from trunkline.call.b2bua.bridge import opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.exchange import Party
from trunkline.call.b2bua.joining import PREFIX
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.media_plan import End
from trunkline.call.b2bua.moving import NOTIFY, TRANSFERRED, Moving
from trunkline.call.b2bua.origination import originated
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.inputs import HangUp, Originate, SendDigits, Transfer
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Acknowledged, Asked, Disconnected, LegEvent, Lost, Replied, Summoned
from trunkline.call.leg.user_agent import CHANGES, SUBSCRIBING, UserAgent
from trunkline.call.outputs import Journal
from trunkline.call.transfer.commands import DIGITS, Commands
from trunkline.call.transfer.delegating import REFER, Delegating
from trunkline.call.transfer.handover import Handover
from trunkline.call.transfer.heading import Headings
from trunkline.call.transfer.referring import Referring
from trunkline.call.transfer.replacing import Replacing
from trunkline.call.transfer.sender import Senders
from trunkline.call.transfer.wording import reply
from trunkline.model.journal import Rejoined
from trunkline.sip.status import phrase


class Transfers:
    """Those of one worker's calls."""

    __slots__ = (
        "_admission", "_arrival", "_calls", "_delegating", "_handover", "_legs", "_referring", "_ua", "commands",
        "replacing",
    )  # fmt: skip

    def __init__(self, ua: UserAgent, arrival: Arrival, calls: dict[str, Call], legs: Legs, digest: Digest) -> None:
        admission = arrival.admission
        self._ua = ua
        self._arrival = arrival
        self._admission = admission
        self._calls = calls
        self._legs = legs
        headings = Headings(ua, arrival)
        self._handover = Handover(ua, arrival.table, admission, calls, legs)
        self._delegating = Delegating(ua, legs)
        self._referring = Referring(ua, calls, legs, headings, self._handover)
        self.commands = Commands(ua, headings, self._handover, self._delegating)
        self.replacing = Replacing(ua, Senders(arrival, digest), admission, calls, legs, self._handover)

    def obey(self, wish: HangUp | Originate | Transfer | SendDigits, now: float) -> Outs:
        """An operator's wish about a call, or for one. Whether one may begin was told before it was asked for."""
        call = self._calls.get(wish.call)
        if not isinstance(wish, Originate):
            return self.commands.obey(call, wish, now)
        if call is not None:
            return []
        begun = originated(self._ua, wish, self._arrival, now)
        if begun is None:
            return []
        self._calls[begun.id] = begun
        self._legs[begun.host.id] = begun.host
        return begun.begin(now)

    def concerns(self, call: Call, event: LegEvent) -> bool:
        """Whether an event is to come here first."""
        return call.moving is not None or (type(event) is Asked and event.method in SUBSCRIBING)

    def receive(self, call: Call, event: LegEvent, now: float) -> Outs:
        """A leg's word, in a call with transfers or digits; what is not about them goes on to the call."""
        if call.ended:
            return []
        if isinstance(event, Asked) and event.method in SUBSCRIBING:
            if event.method == "REFER":
                return self._referring.refer(call, event, now)
            if event.method == "NOTIFY":
                return self._delegating.notified(call, event, now)
            return self._referring.subscribe(call, event, now)
        moving = call.moving
        if moving is None:
            return call.receive(event, now)
        if isinstance(event, Summoned):
            return self._handover.summon(call, moving, now)
        if isinstance(event, Replied) and (mine := self._replied(call, moving, event, now)) is not None:
            return mine
        transfer = moving.transfer
        if transfer is not None and transfer.leg is not None and event.leg == transfer.leg.id and not transfer.lender:
            if isinstance(event, Asked):
                return self._not_yet(transfer.leg, event, now)
            if isinstance(event, Acknowledged):
                return self._handover.again(call, moving, now)
            return self._handover.receive(call, moving, transfer, event, now)
        if not call.answered:
            return self._ringing(call, moving, event, now)
        end = call.bridge.end_of(event.leg)
        if end is None:
            return self._departed(moving, event, now)
        if isinstance(event, Disconnected | Lost):
            return self._hung_up(call, moving, event, end, now)
        if isinstance(event, Asked):
            alone = transfer is not None and (transfer.orphaned or transfer.joining is not None)
            if alone or moving.restoring is not None or moving.lent:
                return self._not_now(event, now)
        return call.receive(event, now)

    def expire(self, call: Call, what: str, now: float) -> Outs:
        """A wait of `moving.ALARMS` is over."""
        moving = call.moving
        if moving is None or call.ended:
            return []
        if what == "digits":
            return self.commands.next_digit(call, moving, now)
        if what == "leave":
            outs: Outs = []
            for telling in list(moving.tellings.values()):
                if telling.leaves:
                    telling.leaves = False
                    outs += self._handover.part(telling.leg, TRANSFERRED, now)
            return outs
        transfer = moving.transfer
        if transfer is not None and transfer.subscriber is not None:
            return self._delegating.expire(call, moving, transfer, now)
        if transfer is not None and transfer.joining is None:
            return self._handover.unanswered(call, moving, transfer, now)
        return self._handover.again(call, moving, now)

    def forget(self, call: Call, now: float) -> Outs:
        """The call has ended: what another one has lent goes back."""
        for leg in call.legs():
            there = self._legs.get(leg)
            if there is None or there.call == call.id:
                self._admission.release(leg, now)
        owner = self._calls.get(call.moving.lent) if call.moving is not None else None
        if owner is not None and owner.moving is not None and owner.moving.transfer is not None:
            # What it has lent ends with it.
            return self._handover.fail(owner, owner.moving, 487, phrase(487), "The other call ended first.", now)
        transfer = call.moving.abandoned if call.moving is not None else None
        return self._handover.restoring.returned(transfer, now) if transfer is not None else []

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _replied(self, call: Call, moving: Moving, event: Replied, now: float) -> Outs | None:
        """The answer to a request of ours; None when it is not one of these."""
        exchange = event.exchange
        if exchange.startswith(PREFIX):
            owner = self._calls.get(exchange[len(PREFIX) :].partition(":")[0])
            if owner is None or owner.moving is None:
                return []
            return self._handover.replied(owner, owner.moving, event, now)
        if exchange.startswith(NOTIFY):
            telling = moving.tellings.get(exchange)
            return self._referring.told(moving, telling, event.status, now) if telling is not None else []
        if exchange.startswith(REFER):
            return self._delegating.replied(call, moving, event, now)
        return self.commands.taken(call, moving, event, now) if exchange.startswith(DIGITS) else None

    def _hung_up(self, call: Call, moving: Moving, event: Disconnected | Lost, end: End, now: float) -> Outs:
        """One of those who talk has hung up. Who asked to be replaced may: the transfer goes on without it."""
        outs: Outs = []
        for telling in moving.tellings.values():
            if telling.leg.id == event.leg:
                telling.hung_up = True
                outs += telling.answered(200, now)
        transfer = moving.transfer
        if moving.lent:
            return outs + self._lender_lost(call, moving, event, now)
        if transfer is None:
            return outs + call.receive(event, now)
        if transfer.subscriber is not None:
            return outs + self._delegating.hung_up(call, moving, transfer, event, end, now)
        if end != transfer.end:
            return outs + call.receive(event, now)
        transfer.orphaned = True
        seat = call.bridge.seat(end)
        if seat is not None:
            seat.line.reason, seat.line.ended_at = event.reason or None, now + call.ua.epoch
        return outs + call.bridge.abandon(opposite(end), now)

    def _lender_lost(self, call: Call, moving: Moving, event: Disconnected | Lost, now: float) -> Outs:
        """Somebody hung up in a call whose far end is to be joined to another. Who has lent it may, at any time."""
        owner = self._calls.get(moving.lent)
        transfer = owner.moving.transfer if owner is not None and owner.moving is not None else None
        joining = transfer.joining if transfer is not None else None
        if owner is None or owner.moving is None or transfer is None or joining is None:
            return call.receive(event, now)
        if joining.party(transfer.end).id != event.leg:
            moving.orphaned = True
            return []
        outs = self._handover.fail(owner, owner.moving, 487, phrase(487), "The new party hung up.", now)
        return outs + call.receive(event, now)

    def _ringing(self, call: Call, moving: Moving, event: LegEvent, now: float) -> Outs:
        """A word of a call that is not answered yet. When its own agent answers, nobody else takes its place."""
        outs = call.receive(event, now)
        if call.answered and not call.ended:
            if moving.transfer is not None:
                outs += self._handover.fail(call, moving, 487, phrase(487), "The agent answered first.", now)
            # Said last, and so it counts: the journal may know of a party that came before.
            outs.append(Journal(Rejoined(call.ledger.record(), call.bridge.states())))
        return outs

    def _departed(self, moving: Moving, event: LegEvent, now: float) -> Outs:
        """A word of a leg that was replaced, and waits for its BYE."""
        if isinstance(event, Asked):
            return self._not_now(event, now)
        if isinstance(event, Disconnected):
            for telling in moving.tellings.values():
                if telling.leg.id == event.leg:
                    telling.hung_up, telling.leaves = True, False
                    return telling.answered(200, now)
        return []

    def _not_yet(self, newcomer: Party, event: Asked, now: float) -> Outs:
        """What a new party asks before it is joined (RFC 3311 §5.2)."""
        if newcomer.session is not None:
            return self._not_now(event, now)
        if newcomer.current is None:
            return []
        if event.method == "UPDATE" and not event.body:
            return newcomer.current.reply(event.exchange, 200, phrase(200), b"", "", "", now)
        return newcomer.current.reply(event.exchange, 504, phrase(504), b"", "", "", now)

    def _not_now(self, event: Asked, now: float) -> Outs:
        """What is asked while nobody is there to ask on."""
        return reply(self._legs, event, 491 if event.method in CHANGES else 200, "", now)
