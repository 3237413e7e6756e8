"""How far a call has come, in a word."""

from __future__ import annotations

from typing import Literal

from trunkline.model.call import CallRecord

State = Literal["dialling", "ringing", "agent-ringing", "answered", "ended"]
"""How far a call has come. `agent-ringing`: the telephone that the edge called is answered, and waits for its agent."""


def state(call: CallRecord) -> State:
    if call.status != "in-progress":
        return "ended"
    if call.answered_at is None:
        return "dialling" if call.ringing_at is None else "ringing"
    waiting = bool(call.legs) and call.legs[0].side == "edge" and call.legs[0].ended_at is None
    return "agent-ringing" if waiting else "answered"
