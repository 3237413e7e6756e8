"""The way back of a transfer that came to nothing: who had agreed already to send its media to somebody else is asked
to send it where it did before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trunkline.call.b2bua.bridge import opposite
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.exchange import Party
from trunkline.call.b2bua.joining import Joining
from trunkline.call.b2bua.media_plan import End
from trunkline.call.b2bua.moving import Moving, Transfer
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.transfer import merging

PATIENCE: Final = 40.0
"""Seconds after which an answer is not waited for any more: longer than any transaction."""


class Restoring:
    """That of one worker's calls."""

    __slots__ = ("_calls", "_ua")

    def __init__(self, ua: UserAgent, calls: Mapping[str, Call]) -> None:
        self._ua = ua
        self._calls = calls

    def returned(self, transfer: Transfer, now: float) -> Outs:
        """A party that another call has lent goes back there."""
        back = merging.returned(self._calls, transfer) if transfer.lender else None
        if back is None:
            return []
        other, end = back
        if other.moving is not None and other.moving.orphaned:
            return other.hang_up("normal", opposite(end), "", now)
        return self.begin(other, other.moving, end, now) if other.moving is not None else []

    def begin(self, call: Call, moving: Moving, end: End, now: float) -> Outs:
        """The party at `end` has agreed to send its media to somebody who is no more: it is asked back."""
        seats = {each: call.bridge.seat(each) for each in (end, opposite(end))}
        parties: dict[End, Party] = {each: seat.party for each, seat in seats.items() if seat is not None}
        moving.restoring = Joining(moving.name(), call.bridge.plan, opposite(end), parties)
        return moving.restoring.restore(now) + self.advance(call, moving, now)

    def advance(self, call: Call, moving: Moving, now: float) -> Outs:
        """Look at how far the way back has come."""
        joining = moving.restoring
        if joining is None:
            return []
        if joining.joined is None:
            self._ua.alarms.set((call.id, "transfer"), now + (joining.wait or PATIENCE))
            return []
        self._ua.alarms.clear((call.id, "transfer"))
        moving.restoring = None
        if joining.joined.status == 200:
            return []
        reason = f'SIP;cause={joining.joined.status};text="media was not restored"'
        return call.hang_up("transfer-failed", "edge", reason, now)
