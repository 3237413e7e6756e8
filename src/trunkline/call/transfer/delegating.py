"""A transfer that is left to the peer: we send it a REFER, and follow its NOTIFYs (RFC 3515, RFC 5589 §6).

When it says that it reached the new party, the call here has done its work and ends. When it says that it did not, or
nothing, the call goes on as it is.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.bridge import opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.media_plan import End
from trunkline.call.b2bua.moving import TRANSFERRED, Moving, Transfer
from trunkline.call.b2bua.subscription import Subscriber
from trunkline.call.inputs import Transfer as Wish
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Asked, Disconnected, Lost, Replied
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Done
from trunkline.call.transfer.standing import entered, moving_of, referred_by
from trunkline.call.transfer.wording import decline, reply, said
from trunkline.model.call import TransferResult
from trunkline.sip.refer import ReferError, parse_event, parse_subscription, read_sipfrag

REFER: Final = "refer "
"""What the names of our REFERs begin with."""


class Delegating:
    """The REFERs that we send."""

    __slots__ = ("_legs", "_ua")

    def __init__(self, ua: UserAgent, legs: Legs) -> None:
        self._ua = ua
        self._legs = legs

    def send(self, call: Call, wish: Wish, shown: str, uri: str, now: float) -> Outs:
        """Ask the party that stays to call `uri`. `shown`: what the record says."""
        seat = call.bridge.seat(wish.stays)
        assert seat is not None
        moving = moving_of(call, self._ua)
        entry = entered(call, "edge", opposite(wish.stays), shown, "refer", now + self._ua.epoch)
        transfer = moving.transfer = Transfer(wish.stays, entry, wish.token)
        transfer.subscriber = Subscriber(now, wish.timeout)
        headers: tuple[tuple[str, str], ...] = (("Refer-To", f"<{uri}>"),)
        by = referred_by(self._ua, call, opposite(wish.stays))
        if by:
            headers = (*headers, ("Referred-By", by))
        self._ua.alarms.set((call.id, "transfer"), transfer.subscriber.deadline)
        transfer.exchange = f"{REFER}{moving.name()}"
        outs = seat.party.ask(transfer.exchange, "REFER", b"", "", headers, now)
        session = seat.party.session
        transfer.sequence = session.dialog.sequence if session is not None else 0
        return outs

    def replied(self, call: Call, moving: Moving, event: Replied, now: float) -> Outs:
        """The answer to the REFER. One to a REFER before it comes too late."""
        transfer = moving.transfer
        if transfer is None or transfer.subscriber is None or transfer.exchange != event.exchange:
            return []
        transfer.subscriber.answered(event.status, event.phrase, now, self._ua.layer.timing.patience)
        return self._told(call, moving, transfer, now)

    def expire(self, call: Call, moving: Moving, transfer: Transfer, now: float) -> Outs:
        """A NOTIFY has not come in time."""
        if transfer.subscriber is not None:
            transfer.subscriber.expire(now)
        return self._told(call, moving, transfer, now)

    def notified(self, call: Call, event: Asked, now: float) -> Outs:
        """A NOTIFY."""
        package, id = parse_event(said(event, "Event"))
        if package != "refer":
            return reply(self._legs, event, 489, "Allow-Events: refer\r\n", now)
        transfer = call.moving.transfer if call.moving is not None else None
        if call.moving is None or transfer is None or transfer.subscriber is None:
            return reply(self._legs, event, 481, "", now)
        earlier = id.isdecimal() and len(id) <= 10 and int(id) < transfer.sequence
        if earlier or call.bridge.end_of(event.leg) != transfer.end:
            return reply(self._legs, event, 481, "", now)
        try:
            state = parse_subscription(said(event, "Subscription-State"))
        except ReferError as error:
            return decline(self._legs, self._ua.brand, event, 400, str(error), now)
        transfer.subscriber.notified(state, read_sipfrag(event.body))
        transfer.entry.progress = transfer.subscriber.progress or None
        outs = reply(self._legs, event, 200, "", now)
        return outs + self._told(call, call.moving, transfer, now)

    def hung_up(
        self, call: Call, moving: Moving, transfer: Transfer, event: Disconnected | Lost, end: End, now: float
    ) -> Outs:
        """Many a peer hangs up as soon as it has taken our REFER: whether it reached anybody is not known then."""
        subscriber = transfer.subscriber
        outs: Outs = []
        if end == transfer.end and subscriber is not None and subscriber.outcome is None:
            moving.transfer = None
            detail = "The peer hung up before it said what came of it."
            transfer.entry.end("unknown", None, None, detail, now + self._ua.epoch)
            if transfer.token:
                outs.append(Done(transfer.token, False, "transfer-unknown", detail))
        return outs + call.receive(event, now)

    def _told(self, call: Call, moving: Moving, transfer: Transfer, now: float) -> Outs:
        """Look at what is known of a REFER of ours."""
        subscriber = transfer.subscriber
        assert subscriber is not None
        outcome = subscriber.outcome
        if outcome is None:
            self._ua.alarms.set((call.id, "transfer"), subscriber.deadline)
            return []
        self._ua.alarms.clear((call.id, "transfer"))
        moving.transfer = None
        wall = now + self._ua.epoch
        if outcome.done:
            transfer.entry.end("completed", outcome.status, outcome.phrase, "", wall)
            outs: Outs = [Done(transfer.token, True, status=outcome.status)] if transfer.token else []
            return outs + call.hang_up("transferred", "edge", TRANSFERRED, now)
        detail = "The peer did not say what came of it." if not outcome.told else "The peer could not do it."
        result: TransferResult = "failed" if outcome.told else "unknown"
        transfer.entry.end(result, outcome.status or None, outcome.phrase, detail, wall)
        if transfer.token:
            cause = "transfer-failed" if outcome.told else "transfer-unknown"
            return [Done(transfer.token, False, cause, detail, outcome.status)]
        return []
