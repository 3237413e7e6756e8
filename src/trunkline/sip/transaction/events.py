"""What the transaction layer tells the transaction user."""

from __future__ import annotations

import msgspec

from trunkline.sip.message import Request, Response
from trunkline.sip.transmit import Transmit


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A response to a request of ours."""

    transaction: str
    owner: str
    response: Response


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """The ACK of a 2xx, on the branch of its INVITE as some peers send it (RFC 6026 §8.7); or that of a refusal, which
    concerns no owner any more, and only where there is a call that it is kept for."""

    owner: str
    """Empty for that of a refusal."""
    call: str
    request: Request


class TimedOut(msgspec.Struct, frozen=True, gc=False):
    """Nobody answered a request of ours, or acknowledged a final response."""

    transaction: str
    owner: str
    method: str
    client: bool


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The transport could not send a request of ours (RFC 3261 §8.1.3.1: as a 503)."""

    transaction: str
    owner: str
    method: str
    reason: str


Told = Transmit | Answered | Acknowledged | TimedOut | Failed
