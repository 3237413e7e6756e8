"""What operators command on a live call: exchange a party for another, send digits."""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua import digits as dtmf
from trunkline.call.b2bua.bridge import opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.digits import Digits
from trunkline.call.b2bua.moving import Moving, Referral, Transfer
from trunkline.call.inputs import HangUp, SendDigits
from trunkline.call.inputs import Transfer as Wish
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import Replied
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Done
from trunkline.call.transfer.delegating import Delegating
from trunkline.call.transfer.destination import Destination, Unreachable
from trunkline.call.transfer.handover import Handover
from trunkline.call.transfer.heading import Headings
from trunkline.call.transfer.referring import MOST
from trunkline.call.transfer.standing import allows, entered, moving_of, number_of, referred_by
from trunkline.sip.grammar import GrammarError
from trunkline.sip.uri import parse_uri

DIGITS: Final = "digits "
"""What the names of our digits begin with."""


class Commands:
    """Those of one worker's calls."""

    __slots__ = ("_delegating", "_handover", "_headings", "_ua")

    def __init__(self, ua: UserAgent, headings: Headings, handover: Handover, delegating: Delegating) -> None:
        self._ua = ua
        self._headings = headings
        self._handover = handover
        self._delegating = delegating

    def obey(self, call: Call | None, wish: HangUp | Wish | SendDigits, now: float) -> Outs:
        """An operator's wish about a call; None: there is none."""
        if isinstance(wish, HangUp):
            words = "".join([c if " " <= c <= "~" and c not in '"\\' else "?" for c in wish.words])
            reason = f'Q.850;cause=16;text="{words or wish.cause}"'
            return [] if call is None else call.hang_up(wish.cause, "edge", reason, now, wish.status)
        if call is None:
            return [_not(wish.token, "call-not-live", "The call is over.")]
        return self.transfer(call, wish, now) if isinstance(wish, Wish) else self.send_digits(call, wish, now)

    def transfer(self, call: Call, wish: Wish, now: float) -> Outs:
        """An operator's wish."""
        seat, left = call.bridge.seat(wish.stays), call.bridge.seat(opposite(wish.stays))
        if call.ended or not call.answered or seat is None or left is None:
            return [_not(wish.token, "call-not-answered", "The call is not answered.")]
        if call.moving is not None and call.moving.busy:
            return [_not(wish.token, "transfer-in-progress", "Another transfer of this call goes on.")]
        if call.ledger.transfers is not None and len(call.ledger.transfers) >= MOST:
            return [_not(wish.token, "too-many-transfers", f"A call is transferred {MOST} times at most.")]
        try:
            uri = parse_uri(f"tel:{wish.to}" if wish.to[:1] == "+" else wish.to)
        except GrammarError:
            return [_not(wish.token, "transfer-target", "The target is neither a telephone number nor a URI.")]
        found = self._headings.find(call, left, uri, True, now, wish.timeout)
        able = allows(seat, "REFER")
        willing = seat.trunk is not None and seat.trunk.send_refer
        if wish.mode == "refer" or (wish.mode == "auto" and willing and able):
            if not able:
                return [_not(wish.token, "refer-not-supported", "The peer that stays takes no REFER.")]
            shown = found.shown if isinstance(found, Destination) else str(uri)
            return self._delegating.send(call, wish, shown, str(uri), now)
        if isinstance(found, Unreachable):
            return [Done(wish.token, False, found.cause, found.detail, found.status)]
        moving = moving_of(call, self._ua)
        end = opposite(wish.stays)
        entry = entered(call, "edge", end, found.shown, "invite", now + self._ua.epoch)
        transfer = moving.transfer = Transfer(end, entry, wish.token)
        transfer.candidates, transfer.rules = list(found.candidates), found.rules
        transfer.longest = wish.timeout
        transfer.number = found.number
        transfer.caller = number_of(call, wish.stays)
        transfer.referral = Referral(referred_by(self._ua, call, end))
        return self._handover.attempt(call, moving, transfer, now)

    def send_digits(self, call: Call, wish: SendDigits, now: float) -> Outs:
        """An operator's wish."""
        seat = call.bridge.seat(wish.to)
        if call.ended or not call.answered or seat is None:
            return [_not(wish.token, "call-not-answered", "The call is not answered.")]
        if isinstance(seat.party, EndpointLeg):
            return [_not(wish.token, "leg-has-no-sip", "The leg ends in this edge: nobody is there to send to.")]
        if not allows(seat, "INFO"):
            return [_not(wish.token, "info-not-supported", "The peer takes no INFO.")]
        moving = moving_of(call, self._ua)
        if moving.digits is not None:
            return [_not(wish.token, "digits-in-progress", "Digits are being sent on this call already.")]
        moving.digits = Digits(seat.party.id, wish.digits, wish.duration)
        moving.digits_token = wish.token
        return self.next_digit(call, moving, now)

    def next_digit(self, call: Call, moving: Moving, now: float) -> Outs:
        """The pause is over."""
        row = moving.digits
        end = call.bridge.end_of(row.leg) if row is not None else None
        seat = call.bridge.seat(end) if end is not None else None
        if row is None:
            return []
        if seat is None:
            moving.digits = None
            return [_not(moving.digits_token, "leg-gone", "The leg has left the call.")]
        body = row.next()
        return seat.party.ask(f"{DIGITS}{moving.name()}", "INFO", body, dtmf.KIND, (), now) if body else []

    def taken(self, call: Call, moving: Moving, event: Replied, now: float) -> Outs:
        """The answer to a digit."""
        row = moving.digits
        if row is None or row.leg != event.leg:
            return []
        row.answered(event.status, event.phrase)
        if row.sent is None:
            self._ua.alarms.set((call.id, "digits"), now + row.pause)
            return []
        moving.digits = None
        if row.sent.status < 300:
            return [Done(moving.digits_token, True)]
        detail = f"The peer took {row.sent.digits} of them and then answered {row.sent.status}."
        return [Done(moving.digits_token, False, "digits-refused", detail, row.sent.status)]


def _not(token: str, cause: str, detail: str) -> Done:
    return Done(token, False, cause, detail)
