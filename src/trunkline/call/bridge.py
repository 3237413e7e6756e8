"""Two parties joined: what either asks inside the call crosses to the other, and their session descriptions with it.

Neither how a party came to the call nor who sent whose INVITE matters here. The two places are named as the media plan
names its ends; who stands in one may be exchanged for another while the call is up.
"""

from __future__ import annotations

from trunkline.call.asking import Outs
from trunkline.call.events import Acknowledged, Asked, LegEvent, Replied, Withdrawn
from trunkline.call.exchange import Exchanges, Party
from trunkline.call.media_plan import End, MediaPlan
from trunkline.model.journal import DialogState
from trunkline.sip.dialog.dialog import Dialog

_SEQUENCE_ROOM = 1000
"""Requests a dialog may send after its journal entry, before a BYE written from that entry would be out of order."""


class Bridge:
    """The joint of one call."""

    __slots__ = ("_exchanges", "_parties", "plan")

    def __init__(self, plan: MediaPlan) -> None:
        self.plan = plan
        self._exchanges = Exchanges(plan)
        self._parties: dict[End, Party] = {}

    def join(self, end: End, party: Party) -> None:
        """`party` has this place from now on."""
        self._parties[end] = party

    def receive(self, event: LegEvent, now: float) -> Outs:
        """A joined party's word about an exchange; any other word changes nothing."""
        for end, party in self._parties.items():
            if party.id == event.leg:
                other = self._parties.get("agent" if end == "caller" else "caller")
                return self._cross(event, end, party, other, now) if other is not None else []
        return []

    def lost(self, event: LegEvent) -> int:
        """The status by which an answer says that the dialog of the leg it comes from is gone; 0 when it says no such
        thing."""
        if isinstance(event, Replied) and self._exchanges.lost(event.exchange, event.status):
            return event.status
        return 0

    def states(self) -> tuple[DialogState, ...]:
        """What would end the parties' dialogs in another process."""
        return tuple([_state(party.session.dialog) for party in self._parties.values() if party.session is not None])

    def _cross(self, event: LegEvent, end: End, party: Party, other: Party, now: float) -> Outs:
        exchanges = self._exchanges
        if isinstance(event, Asked):
            return exchanges.asked(event, end, party, other, now)
        if isinstance(event, Withdrawn):
            return exchanges.withdrawn(event, other, now)
        if isinstance(event, Replied):
            return exchanges.replied(event, other, party, now)
        if isinstance(event, Acknowledged):
            return exchanges.acknowledged(event, other)
        return []


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
