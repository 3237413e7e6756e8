"""Two parties joined: what either asks inside the call crosses to the other, and their session descriptions with it.

Neither how a party came to the call nor who sent whose INVITE matters here. The two places are named as the media plan
names its ends; who stands in one may be exchanged for another while the call is up.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.exchange import Exchanges, Party
from trunkline.call.b2bua.ledger import LegEntry
from trunkline.call.b2bua.media_plan import End, MediaPlan
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Acknowledged, Asked, LegEvent, Refreshed, Replied, Withdrawn
from trunkline.model.agent import Agent
from trunkline.model.journal import DialogState
from trunkline.model.trunk import Trunk
from trunkline.sip.dialog.dialog import Dialog

_SEQUENCE_ROOM: Final = 1000
"""Requests a dialog may send after its journal entry, before a BYE written from that entry would be out of order."""


class Seat:
    """Who has one of the two places, and on whose terms."""

    __slots__ = ("agent", "line", "party", "trunk")

    def __init__(self, party: Party, line: LegEntry, trunk: Trunk | None = None, agent: Agent | None = None) -> None:
        self.party = party
        self.line = line
        """The leg's line in the ledger."""
        self.trunk = trunk
        self.agent = agent
        """None for who is no agent of ours."""


class Bridge:
    """The joint of one call."""

    __slots__ = ("_exchanges", "_seats", "plan")

    def __init__(self, plan: MediaPlan) -> None:
        self.plan = plan
        self._exchanges = Exchanges(plan)
        self._seats: dict[End, Seat] = {}

    def join(self, end: End, seat: Seat) -> None:
        """Who has this place from now on."""
        self._seats[end] = seat

    def replace(self, end: End, seat: Seat, plan: MediaPlan, now: float) -> Outs:
        """This place has another party, and their session descriptions cross by `plan` from now on. What was open
        between the parties before is over."""
        outs = self.abandon(opposite(end), now)
        self._seats[end] = seat
        self.plan = plan
        self._exchanges = Exchanges(plan)
        return outs

    def leave(self, end: End) -> Seat:
        """This place is empty from now on; who had it."""
        return self._seats.pop(end)

    def seat(self, end: End) -> Seat | None:
        return self._seats.get(end)

    def seats(self) -> list[Seat]:
        """Those that are taken."""
        return list(self._seats.values())

    def end_of(self, leg: str) -> End | None:
        """The place that a leg has; None for one that has none."""
        for end, seat in self._seats.items():
            if seat.party.id == leg:
                return end
        return None

    @property
    def quiet(self) -> bool:
        """Whether no change of the session crosses now."""
        return self._exchanges.quiet and self.plan.offerer is None

    def receive(self, event: LegEvent, now: float) -> Outs:
        """A joined party's word about an exchange; any other word changes nothing."""
        end = self.end_of(event.leg)
        other = self._seats.get(opposite(end)) if end is not None else None
        if end is None or other is None:
            return []
        return self._cross(event, end, self._seats[end].party, other.party, now)

    def abandon(self, end: End, now: float) -> Outs:
        """Who had the place opposite `end` is gone: what was asked of it has an answer now."""
        seat = self._seats.get(end)
        return self._exchanges.abandon(end, seat.party, now) if seat is not None else []

    def lost(self, event: LegEvent) -> int:
        """The status by which an answer says that the dialog of the leg it comes from is gone; 0 when it says no such
        thing."""
        if isinstance(event, Replied) and self._exchanges.lost(event.exchange, event.status):
            return event.status
        return 0

    def states(self, newcomer: Party | None = None) -> tuple[DialogState, ...]:
        """What would end the parties' dialogs in another process, and that of one who is to be joined."""
        sessions = [seat.party.session for seat in self._seats.values()]
        if newcomer is not None:
            sessions.append(newcomer.session)
        return tuple([_state(session.dialog) for session in sessions if session is not None])

    def _cross(self, event: LegEvent, end: End, party: Party, other: Party, now: float) -> Outs:
        exchanges = self._exchanges
        if isinstance(event, Asked):
            return exchanges.asked(event, end, party, other, now)
        if isinstance(event, Withdrawn):
            return exchanges.withdrawn(event, other, now)
        if isinstance(event, Replied):
            return exchanges.replied(event, other, party, now)
        if isinstance(event, Refreshed):
            return exchanges.refreshed(event, end, other, now)
        if isinstance(event, Acknowledged):
            return exchanges.acknowledged(event, other, now)
        return []


def opposite(end: End) -> End:
    """The other place."""
    return "agent" if end == "caller" else "caller"


def _state(dialog: Dialog) -> DialogState:
    return DialogState(
        call_id=dialog.call_id,
        local=dialog.local,
        remote=dialog.remote,
        target=dialog.target,
        route_set=dialog.route_set,
        sequence=dialog.sequence + _SEQUENCE_ROOM,
        flow=dialog.flow,
    )
