"""What a leg tells its call. A call knows its legs by these alone: none of them speaks SIP.

`body` is a session description, or empty; `early` names one of several early dialogs that a leg may have.
"""

from __future__ import annotations

import msgspec


class Rang(msgspec.Struct, frozen=True, gc=False):
    """The peer was reached and is alerting, or shows progress (180 to 199)."""

    leg: str
    status: int
    phrase: str
    body: bytes
    content_type: str
    early: str
    reliable: bool = False
    """Whether it waits for an acknowledgement, so that a session description in it counts (RFC 3262)."""


class Connected(msgspec.Struct, frozen=True, gc=False):
    """The peer answered. `body` answers our offer, or is its offer when we made none."""

    leg: str
    body: bytes
    content_type: str
    early: str
    settled: bool = False
    """Whether offer and answer had crossed reliably before."""


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """The peer acknowledged our answer; `body` is its answer when the offer was ours."""

    leg: str
    body: bytes
    exchange: str
    """The exchange it ends; empty for the call's first."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The peer asks for something inside the call: to change the session (INVITE, UPDATE), or to pass information."""

    leg: str
    exchange: str
    """Names the request until it is answered."""
    method: str
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...]
    """Those that cross."""


class Replied(msgspec.Struct, frozen=True, gc=False):
    """The answer to what a leg was told to ask."""

    leg: str
    exchange: str
    status: int
    phrase: str
    body: bytes
    content_type: str
    warning: str = ""
    """The value of a refusal's Warning, where it says what is wrong with a session description."""
    taken: str = ""
    """Lines of a refusal that say what would have been taken (`headers.taken`)."""


class Withdrawn(msgspec.Struct, frozen=True, gc=False):
    """The peer takes back what it asked (a CANCEL of a re-INVITE)."""

    leg: str
    exchange: str


class Disconnected(msgspec.Struct, frozen=True, gc=False):
    """The peer ended the call (BYE or CANCEL), or is lost."""

    leg: str
    cause: str
    reason: str
    """Its Reason header, or ours for what it did; empty for none."""


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """The peer acknowledged early media: it may be answered now."""

    leg: str


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The peer is there no more, as far as can be told: the call is for us to end."""

    leg: str
    cause: str
    reason: str
    """The Reason value that both sides are told."""


class Refreshed(msgspec.Struct, frozen=True, gc=False):
    """The peer's answer to a refresh of ours; `body` is what it describes of itself now."""

    leg: str
    body: bytes
    content_type: str


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The peer was not reached, or refused."""

    leg: str
    status: int
    phrase: str
    cause: str
    reason: str
    warning: str = ""
    answered_by_peer: bool = True
    """Whether the status came from the peer, or stands for what happened on the way."""
    contacts: tuple[str, ...] = ()
    """The Contact lines of a redirection."""
    taken: str = ""
    """As `Replied.taken`."""


class Summoned(msgspec.Struct, frozen=True, gc=False):
    """Who waits with us for an agent is there: the leg that keeps it company is to give its place up."""

    leg: str


LegEvent = (
    Summoned
    | Rang
    | Connected
    | Acknowledged
    | Asked
    | Replied
    | Withdrawn
    | Cleared
    | Disconnected
    | Lost
    | Refreshed
    | Failed
)
EVENTS = (
    Summoned,
    Rang,
    Connected,
    Acknowledged,
    Asked,
    Replied,
    Withdrawn,
    Cleared,
    Disconnected,
    Lost,
    Refreshed,
    Failed,
)
