"""What comes back to the core from its own outputs, and from the people and machines around it. Messages and time come
by `receive` and `expire`."""

from __future__ import annotations

import msgspec

from trunkline.model.journal import DialogState
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow


class Resolved(msgspec.Struct, frozen=True):
    """Where to go, best first (RFC 3263 §4)."""

    leg: str
    flows: tuple[Flow, ...]


class Unresolvable(msgspec.Struct, frozen=True):
    leg: str
    reason: str


class TransportFailed(msgspec.Struct, frozen=True):
    """A message could not be sent: no route, refused, reset, TLS not agreed (RFC 3261 §8.1.3.1)."""

    flow: Flow
    transaction: str
    """The client transaction that waited on it; empty: none."""
    reason: str


class FlowClosed(msgspec.Struct, frozen=True):
    """A connection is gone, an accepted one or one of ours that had been open."""

    flow: Flow


class MediaReady(msgspec.Struct, frozen=True):
    """The leg's media is open; `sdp` answers the offer, or is ours to offer; empty when the answer was the caller's."""

    leg: str
    sdp: bytes
    codec: str = ""


class MediaFailed(msgspec.Struct, frozen=True):
    leg: str
    status: int
    """The SIP answer it deserves: 488 when no codec is left, 503 when no port is."""
    reason: str
    warning: str = ""
    """The value of a Warning header; empty for none."""


class MediaEnded(msgspec.Struct, frozen=True):
    """The agent in this process hangs up (a silent peer, an end of its own)."""

    leg: str
    reason: str


class HangUp(msgspec.Struct, frozen=True):
    """An operator, or the end of the edge, ends a live call."""

    call: str
    cause: str = "operator"
    status: int = 480
    """The SIP answer, where the call was not answered yet."""


class Try(msgspec.Struct, frozen=True):
    """Somebody wants to know whether a trunk's peer is there and takes the credentials. Answered by `outputs.Tried`."""

    trial: str
    trunk: Trunk


class Drain(msgspec.Struct, frozen=True):
    """Refuse new calls with 503 from now on (`on`), or take them again."""

    on: bool


class AddBan(msgspec.Struct, frozen=True):
    """An operator bans a source."""

    source: str
    """As `guard.source` writes it."""
    reason: str
    seconds: float


class LiftBan(msgspec.Struct, frozen=True):
    """An operator ends a ban, known by its id."""

    id: str


class Interrupted(msgspec.Struct, frozen=True):
    """A dialog that an earlier process left open: end it with a BYE."""

    dialog: DialogState


Input = (
    Resolved
    | Unresolvable
    | TransportFailed
    | FlowClosed
    | MediaReady
    | MediaFailed
    | MediaEnded
    | HangUp
    | Try
    | Drain
    | AddBan
    | LiftBan
    | Interrupted
)
