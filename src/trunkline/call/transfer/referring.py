"""REFER from a peer (RFC 3515): what it asks for, whether it may, and who is told what comes of it.

A REFER that cannot be followed at all is answered so at once; else 202, and NOTIFYs say what comes of it. One transfer
of a call goes on at a time: a second REFER gets 491.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.bridge import Seat, opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.moving import TRANSFERRED, Moving, Referral, Telling, Transfer
from trunkline.call.b2bua.subscription import Notifier
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Asked
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.transfer import merging
from trunkline.call.transfer.destination import Destination, Unreachable
from trunkline.call.transfer.handover import Handover
from trunkline.call.transfer.heading import Headings
from trunkline.call.transfer.merging import Far
from trunkline.call.transfer.standing import agents_side, entered, moving_of, number_of, referred_by
from trunkline.call.transfer.wording import decline, private, reply, said, seconds
from trunkline.model.call import TransferMode
from trunkline.sip.refer import (
    ReferError,
    ReferTo,
    parse_event,
    parse_refer_to,
    parse_referred_by,
    wants_no_subscription,
)
from trunkline.sip.status import phrase

MOST: Final = 16
"""Transfers of one call: more of them go in a circle."""


class Referring:
    """The REFERs that come."""

    __slots__ = ("_calls", "_handover", "_headings", "_legs", "_ua")

    def __init__(
        self, ua: UserAgent, calls: dict[str, Call], legs: Legs, headings: Headings, handover: Handover
    ) -> None:
        self._ua = ua
        self._calls = calls
        self._legs = legs
        self._headings = headings
        self._handover = handover

    def refer(self, call: Call, event: Asked, now: float) -> Outs:
        """A REFER."""
        end = call.bridge.end_of(event.leg)
        seat = call.bridge.seat(end) if end is not None else None
        if end is None or seat is None or not call.answered:
            return decline(self._legs, self._ua.brand, event, 603, "refer-too-late", now)
        if len([1 for name, _ in event.headers if name == "Refer-To"]) != 1:
            return decline(self._legs, self._ua.brand, event, 400, "one Refer-To is needed", now)
        try:
            asked = parse_refer_to(said(event, "Refer-To"))
            by = parse_referred_by(said(event, "Referred-By")) if said(event, "Referred-By") else ""
        except ReferError as error:
            return decline(self._legs, self._ua.brand, event, 400, str(error), now)
        if not agents_side(seat) and not (seat.trunk is not None and seat.trunk.allow_refer):
            return decline(self._legs, self._ua.brand, event, 603, "refer-not-allowed", now)
        moving = call.moving
        if moving is not None and moving.busy:
            return decline(self._legs, self._ua.brand, event, 491, "a transfer goes on", now)
        if call.ledger.transfers is not None and len(call.ledger.transfers) >= MOST:
            return decline(self._legs, self._ua.brand, event, 603, "too-many-transfers", now)
        mode, found = self._find(call, seat, asked, now)
        if isinstance(found, Unreachable):
            entry = entered(call, end, end, str(asked.uri), mode, now + self._ua.epoch)
            entry.end("failed", found.status, phrase(found.status), found.detail, now + self._ua.epoch)
            return decline(self._legs, self._ua.brand, event, found.status, found.cause, now)
        moving = moving_of(call, self._ua)
        transfer = Transfer(end, entered(call, end, end, found.shown, mode, now + self._ua.epoch))
        silent = wants_no_subscription(said(event, "Refer-Sub") or None)
        outs = reply(self._legs, event, 202, "Refer-Sub: false\r\n" if silent else "", now)
        if not silent:
            sequence = said(event, "CSeq").partition(" ")[0] if event.leg in moving.referred else ""
            telling = transfer.telling = Telling(seat.party, moving.name(), Notifier(sequence, now))
            moving.tellings[telling.name] = telling
            outs += telling.tell(100, "Trying", now)
        moving.referred.add(event.leg)
        moving.transfer = transfer
        if isinstance(found, Far):
            merging.begin(self._ua, self._calls, call, transfer, found)
            joining = self._handover.joining(call, transfer, moving, found.seat.party)
            return outs + joining.invite(now) + self._handover.advance(call, moving, transfer, now)
        transfer.candidates, transfer.rules = list(found.candidates), found.rules
        transfer.number = found.number
        transfer.caller = number_of(call, opposite(end))
        replaces = str(asked.replaces) if asked.replaces is not None else ""
        by = by or referred_by(self._ua, call, end)
        transfer.referral = Referral(by, replaces, private(event, asked, self._ua.brand))
        return outs + self._handover.attempt(call, moving, transfer, now)

    def subscribe(self, call: Call, event: Asked, now: float) -> Outs:
        """A SUBSCRIBE: of a REFER that came before, to renew or to end it (RFC 6665 §4.4.1)."""
        package, id = parse_event(said(event, "Event"))
        moving = call.moving
        for telling in moving.tellings.values() if moving is not None else ():
            if telling.leg.id == event.leg and package == "refer" and not telling.notifier.over and telling.listens(id):
                lasts = seconds(said(event, "Expires"))
                outs = reply(self._legs, event, 200, f"Expires: {lasts}\r\n", now)
                return outs + telling.renewed(lasts, now)
        if package != "refer":
            return reply(self._legs, event, 489, "Allow-Events: refer\r\n", now)
        return reply(self._legs, event, 481, "", now)

    def told(self, moving: Moving, telling: Telling, status: int, now: float) -> Outs:
        """The answer to a NOTIFY of ours."""
        outs = telling.answered(status, now)
        if telling.notifier.over:
            moving.tellings.pop(telling.name, None)
            if telling.leaves:
                telling.leaves = False
                outs += self._handover.part(telling.leg, TRANSFERRED, now)
        return outs

    def _find(
        self, call: Call, seat: Seat, asked: ReferTo, now: float
    ) -> tuple[TransferMode, Destination | Far | Unreachable]:
        """Where a REFER leads: to somebody to be called, or to who talks to its sender in another call here."""
        if asked.replaces is not None:
            replaced = asked.replaces
            leg = self._ua.dialogs.get((replaced.call_id, replaced.to_tag, replaced.from_tag))
            if leg is not None:
                return "attended", merging.far_end(self._calls, self._legs, call, leg, replaced.early_only)
        return "invite", self._headings.find(call, seat, asked.uri, agents_side(seat), now)
