"""What is known of who talks in a call, for its transfers."""

from __future__ import annotations

from trunkline.call.b2bua.bridge import Seat
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.ledger import TransferEntry
from trunkline.call.b2bua.media_plan import End
from trunkline.call.b2bua.moving import Moving
from trunkline.call.leg.user_agent import UserAgent
from trunkline.model.call import Side, TransferMode


def moving_of(call: Call, ua: UserAgent) -> Moving:
    """What goes on with its parties; made when it is first asked for."""
    if call.moving is None:
        call.moving = Moving(call.id, ua.alarms)
    return call.moving


def entered(call: Call, by: Side, leaves: End, to: str, mode: TransferMode, wall: float) -> TransferEntry:
    """A new line in the ledger."""
    entry = TransferEntry(by, leaves, to, mode, wall)
    if call.ledger.transfers is None:
        call.ledger.transfers = []
    call.ledger.transfers.append(entry)
    return entry


def referred_by(ua: UserAgent, call: Call, end: End) -> str:
    """Who has transferred, where nobody says so: by a number, because an agent's own URI is nobody's business."""
    number = number_of(call, end)
    seat = call.bridge.seat(end)
    session = seat.party.session if seat is not None else None
    if number is None or session is None or not number.lstrip("+").isdigit():
        return ""
    return f"<sip:{number}@{ua.sent_by(session.dialog.flow)}>"


def agents_side(seat: Seat) -> bool:
    """Whether it is an agent, or the side from which agents dial out."""
    return seat.agent is not None or (seat.trunk is not None and seat.trunk.dials_out)


def number_of(call: Call, end: End) -> str | None:
    """By which number the party at `end` is known: of the agent's side it is the organization's own."""
    ledger = call.ledger
    if (end == "agent") == (ledger.direction == "inbound"):
        return ledger.phone_number
    return ledger.caller if ledger.direction == "inbound" else ledger.callee


def allows(seat: Seat, method: str) -> bool:
    """Whether the peer takes this method, as far as it has said."""
    session = seat.party.session
    return session is not None and (session.allow is None or method in session.allow.upper())
