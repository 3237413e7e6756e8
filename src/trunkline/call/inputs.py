"""What comes back to the core from its own outputs, and from the people and machines around it. Messages and time come
by `receive` and `expire`."""

from __future__ import annotations

from typing import Literal

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


class Fetched(msgspec.Struct, frozen=True):
    """What `Fetch` asked for, in PEM; None when it cannot be had."""

    call: str
    pem: bytes | None


class TransportFailed(msgspec.Struct, frozen=True):
    """A message could not be sent: no route, refused, reset, TLS not agreed (RFC 3261 §8.1.3.1)."""

    flow: Flow
    transaction: str
    """The client transaction that waited on it; empty: none."""
    reason: str


class Unreached(msgspec.Struct, frozen=True):
    """The network says that a datagram did not arrive (ICMP; RFC 3261 §18.4)."""

    flow: Flow
    transaction: str
    """The client transaction whose request it was."""
    reason: str


class Certified(msgspec.Struct, frozen=True):
    """The peer of an accepted connection has shown a certificate that was verified; for as long as it is open."""

    flow: Flow
    names: tuple[str, ...]
    """Its SHA-256 fingerprint in hexadecimal, and the names in it, in lower case."""


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
    words: str = ""
    """What the peers are told in the Reason header, instead of the cause."""


class Try(msgspec.Struct, frozen=True):
    """Somebody wants to know whether a trunk's peer is there and takes the credentials. Answered by `outputs.Tried`."""

    trial: str
    trunk: Trunk


class Originate(msgspec.Struct, frozen=True, kw_only=True):
    """An operator connects an agent with a telephone (RFC 3725). What comes of it is the call's record."""

    call: str
    """The id that the call is to have."""
    organization: str
    calling: str
    """The number it calls from, E.164."""
    to: str
    """E.164."""
    agent: str
    local: Flow
    """The address of ours that media is opened at until the agent is there; its far end means nothing."""
    timeout: float = 60.0
    """Seconds that the telephone may ring."""
    metadata: dict[str, str] = {}
    """What the agent is told, beside what the number's says."""


class Transfer(msgspec.Struct, frozen=True):
    """An operator exchanges a party of a live call for another. Answered by `Done` when it has
    ended or cannot begin."""

    token: str
    call: str
    to: str
    """A telephone number in E.164, or a SIP, SIPS or tel URI."""
    stays: Literal["caller", "agent"] = "caller"
    """Who is talking to the new party then."""
    mode: Literal["auto", "invite", "refer"] = "auto"
    timeout: float = 60.0
    """Seconds the new party may ring, or the peer that was sent a REFER may be silent."""


class SendDigits(msgspec.Struct, frozen=True):
    """An operator sends digits on one leg of a live call. Answered by `Done`."""

    token: str
    call: str
    digits: str
    to: Literal["caller", "agent"] = "agent"
    duration: int = 160
    """Milliseconds of each."""


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
    | Unreached
    | Fetched
    | Certified
    | FlowClosed
    | MediaReady
    | MediaFailed
    | MediaEnded
    | HangUp
    | Try
    | Originate
    | Transfer
    | SendDigits
    | Drain
    | AddBan
    | LiftBan
    | Interrupted
)
