"""Attended transfer between two calls of ours (RFC 5589 §7): a REFER names, in Replaces, its sender's dialog in another
call here. The far ends of both calls are joined, and the other call ends.

Until they are joined, the far end is only lent: the other call goes on as it is when nothing comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trunkline.call.b2bua.bridge import Seat, opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.joining import Joining
from trunkline.call.b2bua.ledger import LegEntry
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.media_plan import End
from trunkline.call.b2bua.moving import TRANSFERRED, Moving, Transfer
from trunkline.call.decision.admission import Admission
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.transfer.destination import Unreachable
from trunkline.routing.table import Table


class Far(NamedTuple):
    """Who talks to the REFER's sender in another call."""

    call: str
    end: End
    seat: Seat
    shown: str
    """What the record says."""


def far_end(calls: Mapping[str, Call], legs: Legs, call: Call, leg: str, early_only: bool) -> Far | Unreachable:
    """The far end of the call that a dialog of ours belongs to. `leg`: whose dialog it is."""
    found = legs.get(leg)
    other = calls.get(found.call) if found is not None else None
    if other is call:
        return Unreachable(403, "transfer-to-self", "It names the call that it is sent in.")
    if other is None or other.ledger.organization_id != call.ledger.organization_id or not other.answered:
        return Unreachable(481, "no-such-dialog", "There is no answered call of the organization with this dialog.")
    if early_only:
        return Unreachable(486, "answered-already", "The dialog is answered, and early-only was asked for.")
    end = other.bridge.end_of(leg)
    far = other.bridge.seat(opposite(end)) if end is not None else None
    if end is None or far is None or (other.moving is not None and other.moving.busy):
        return Unreachable(491, "transfer-in-progress", "The other call is being transferred itself.")
    return Far(other.id, opposite(end), far, far.line.uri or f"call_{other.id}")


def begin(ua: UserAgent, calls: Mapping[str, Call], call: Call, transfer: Transfer, far: Far) -> None:
    """The far end is lent, and the plan made."""
    other = calls[far.call]
    if other.moving is None:
        other.moving = Moving(other.id, ua.alarms)
    other.moving.lent = call.id
    transfer.lender = other.id
    stays = call.bridge.seat(opposite(transfer.end))
    agent = far.seat if transfer.end == "agent" else stays
    here = agent is not None and isinstance(agent.party, EndpointLeg)
    transfer.plan = call.bridge.plan.merged(transfer.end, other.bridge.plan, far.end, here)


def complete(
    ua: UserAgent,
    calls: Mapping[str, Call],
    admission: Admission,
    table: Table,
    call: Call,
    transfer: Transfer,
    joining: Joining,
    now: float,
) -> tuple[Seat, Outs]:
    """The far end belongs to this call from now on, and its own ends."""
    other = calls[transfer.lender]
    party = joining.party(transfer.end)
    end = other.bridge.end_of(party.id)
    assert end is not None
    outs = other.bridge.abandon(end, now)
    far = other.bridge.leave(end)
    wall = now + ua.epoch
    line = LegEntry(transfer.end, wall, far.line.sip_call_id, far.line.uri, far.line.trunk_id)
    line.agent_id, line.peer, line.codec = far.line.agent_id, far.line.peer, far.line.codec
    line.answered_at, line.status = wall, 200
    call.ledger.legs.append(line)
    far.line.ended_at = wall
    party.belong(call.id)
    if far.trunk is not None:
        admission.capacity.hold(far.trunk.id, party.id)
    if _counts(admission, other, party.id, now):
        organization = table.organizations.get(call.ledger.organization_id)
        transfer.rules = organization.outbound if organization is not None else None
    transfer.lender = ""
    if other.moving is not None:
        other.moving.lent = ""
    other.ledger.detail = f"Its far end was joined to call_{call.id}."
    outs += other.hang_up("transferred", transfer.entry.by, TRANSFERRED, now)
    return Seat(party, line, far.trunk, far.agent), outs


def _counts(admission: Admission, other: Call, leg: str, now: float) -> bool:
    """Whether a leg that leaves the other call is a telephone that its organization's limits on calls out count. One
    that was called by a transfer is counted by itself already; the one that the call was for goes on so."""
    if admission.tolls.counts(leg):
        return True
    called = other.agent is not None and other.agent.id == leg
    return called and admission.follow(other.ledger.organization_id, other.id, leg, now)


def returned(calls: Mapping[str, Call], transfer: Transfer) -> tuple[Call, End] | None:
    """Nothing came of it: the other call has its far end again. The call, and the far end's place where it has to be
    asked back; None when there is nothing to do."""
    other = calls.get(transfer.lender)
    transfer.lender = ""
    if other is None or other.moving is None:
        return None
    other.moving.lent = ""
    joining = transfer.joining
    if joining is None or (transfer.end not in joining.asked and not other.moving.orphaned):
        return None
    end = other.bridge.end_of(joining.party(transfer.end).id)
    return (other, end) if end is not None else None
