"""What is done to calls that go on: hang up, exchange a party for another, send digits."""

from __future__ import annotations

from typing import Final, Literal

from trunkline.call.b2bua.digits import sendable
from trunkline.call.inputs import HangUp
from trunkline.control.answers import engine_answers
from trunkline.control.calls.calls import Calls
from trunkline.control.configuration.state import State
from trunkline.control.errors import Conflict, Invalid, Refusal, Unprocessable
from trunkline.control.ports import Commanded, DigitsTo, TransferOf
from trunkline.model.call import CallRecord

Leg = Literal["caller", "agent", "callee"]
Mode = Literal["auto", "invite", "refer"]
LONGEST: Final = 120.0
"""Seconds that a new party may ring."""
WAIT: Final = 20.0
"""Seconds in which the answer says how a transfer ended; after them it goes on, and the call shows it."""

_LATER: Final = frozenset({"transfer-failed", "transfer-unknown", "call-ended"})
"""What became of a transfer that had begun: no refusal, but its result."""
_CONFLICTS: Final = {
    "call-not-live": "call_not_live",
    "call-not-answered": "call_not_answered",
    "call-ended": "call_not_live",
    "transfer-in-progress": "transfer_in_progress",
    "digits-in-progress": "digits_in_progress",
}


class Live:
    __slots__ = ("_calls", "_state")

    def __init__(self, state: State, calls: Calls) -> None:
        self._state = state
        self._calls = calls

    async def hang_up(self, organization_id: str, id: str, reason: str | None) -> CallRecord:
        """End both legs. Answers with the call as it was. Raises `NotFound`, and `Conflict` when it is over."""
        record = await self._calls.get(organization_id, id)
        with engine_answers():
            done = record.status == "in-progress" and await self._state.engine.command(HangUp(id, words=reason or ""))
        if not done:
            raise Conflict("call_not_live", "The call is over.")
        return record

    async def transfer(
        self, organization_id: str, id: str, to: str, leg: Leg | None, mode: Mode, timeout: float
    ) -> CallRecord:
        """Exchange a party for `to`, a telephone number or a URI; `leg` is who talks to it then, and by default who is
        no agent. Answers with the call when the transfer has ended, or goes on after `WAIT`. Raises `NotFound`,
        `Conflict` when the call is over, not answered, or being transferred, and `Unprocessable` when it cannot go
        there."""
        record = await self._calls.get(organization_id, id)
        stays = _end(record, leg or _other(record))
        target = to if to[:1] != "+" else "+" + "".join([c for c in to if c.isdigit()])
        if not target.partition(":")[2] and target[:1] != "+":
            raise Invalid("invalid_parameter", "Give a number in E.164, or a sip, sips or tel URI.", field="to")
        with engine_answers():
            done = await self._state.engine.ask(
                TransferOf(call_id=id, to=target, stays=stays, mode=mode, timeout=timeout, wait=min(WAIT, timeout + 5))
            )
        if done is not None and not done.done and done.cause not in _LATER:
            raise _refused(done, "transfer_refused", "to")
        return await self._calls.get(organization_id, id)

    async def send_digits(
        self, organization_id: str, id: str, digits: str, leg: Leg | None, duration: int
    ) -> CallRecord:
        """Send digits to one side, by default to who is no agent. Answers when the peer has taken them all. Raises as
        `transfer` does, and `Unprocessable` when the peer takes none, or not all."""
        record = await self._calls.get(organization_id, id)
        if not sendable(digits):
            raise Invalid("invalid_parameter", "Digits are 0 to 9, *, # and A to D, 64 at most.", field="digits")
        end = _end(record, leg or _other(record))
        with engine_answers():
            done = await self._state.engine.ask(DigitsTo(call_id=id, digits=digits, to=end, duration=duration))
        if done is not None and not done.done:
            raise _refused(done, "digits_refused", "leg")
        return record


def _other(record: CallRecord) -> Leg:
    """The side that is no agent."""
    return "caller" if record.direction == "inbound" else "callee"


def _end(record: CallRecord, leg: Leg) -> Literal["caller", "agent"]:
    """The place in the call: who called stands in the caller's, an agent that dialled out too."""
    if record.direction == "inbound":
        if leg == "callee":
            raise Invalid("invalid_parameter", "An inbound call has a caller and an agent.", field="leg")
        return leg
    if leg == "caller":
        raise Invalid("invalid_parameter", "An outbound call has an agent and a callee.", field="leg")
    return "caller" if leg == "agent" else "agent"


def _refused(done: Commanded, code: str, field: str) -> Refusal:
    conflict = _CONFLICTS.get(done.cause)
    if conflict is not None:
        return Conflict(conflict, done.detail)
    return Unprocessable(code, f"{done.detail} ({done.cause})", field=field)
