"""Every effect the core can ask for. `inputs` lists what comes back.

The engine performs them in order, except that all journal entries of one turn are written before any of its datagrams
leaves.
"""

from __future__ import annotations

import msgspec

from trunkline.model.call import CallRecord
from trunkline.model.journal import JournalEntry
from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.transmit import Transmit


class Resolve(msgspec.Struct, frozen=True):
    """Find where a leg's first request goes (RFC 3263). Answered by `Resolved` or `Unresolvable`."""

    leg: str
    uri: str
    """The next hop: a SIP or SIPS URI (the first Route, the outbound proxy, or the target)."""
    transport: Transport | None = None
    """The transport that the trunk demands, over what the URI says."""
    tls: TlsProfile | None = None
    flow: Flow | None = None
    """The flow to take instead of asking where the URI leads: a device is reached over the one that it registered on
    (RFC 5626 §5.3)."""


class Fetch(msgspec.Struct, frozen=True):
    """Get the certificates at this https URL for a call that waits. Answered by `Fetched`."""

    call: str
    url: str


class OpenMedia(msgspec.Struct, frozen=True):
    """Open, or change, the media of a leg that ends in this process. Answered by `MediaReady` or `MediaFailed`."""

    leg: str
    kind: str
    """`echo`; or `silence`, which hears and says nothing, `secure-silence` where that is offered as SRTP."""
    offer: bytes | None
    """The caller's SDP; None when it asked us to offer."""
    local: Flow
    """The flow of the caller's INVITE: media leaves from the same interface."""
    codecs: tuple[str, ...] = ()
    """What the caller's trunk allows, in order; empty for all that the agent speaks."""
    answer: bytes | None = None
    """The caller's answer, when the offer was ours: nothing to choose any more, only where to send."""


class CloseMedia(msgspec.Struct, frozen=True):
    """The leg is over; its ports are free. Nothing comes back."""

    leg: str


class Journal(msgspec.Struct, frozen=True):
    """Write this before the turn's datagrams leave."""

    entry: JournalEntry


class Observed(msgspec.Struct, frozen=True):
    """Something worth counting or showing that no other output carries (a refusal before any call, a state change)."""

    kind: str
    """`refused`, `challenged`, `dropped`, `malformed`, `shed`, `trunk-state`, `agent-state`, …"""
    source: str = ""
    """Transport and remote address."""
    reason: str = ""
    status: int = 0
    organization_id: str = ""
    trunk_id: str = ""
    detail: str = ""
    proven: bool = False
    """Whether the sender has shown that it receives what is sent to its address."""
    agent_id: str = ""


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A message that came belongs to this call: for its trace."""

    call: str
    flow: Flow
    data: bytes


class CloseFlow(msgspec.Struct, frozen=True):
    """Close an accepted connection that broke the rules of framing."""

    flow: Flow


class Ping(msgspec.Struct, frozen=True):
    """Keep this flow alive (RFC 5626 §3.5.1): CRLFs over it, when it is there. A connection whose peer answers them no
    more is closed."""

    flow: Flow


class Refuse(msgspec.Struct, frozen=True):
    """Hear nothing more from this source: an IPv4 address, or an IPv6 block in CIDR form."""

    source: str
    everywhere: bool
    """By all transports, and end its connections; else by UDP alone."""


class Allow(msgspec.Struct, frozen=True):
    """Hear it again."""

    source: str


class Trust(msgspec.Struct, frozen=True):
    """This accepted connection is one of a known peer's: it keeps its place when places are few."""

    flow: Flow


class Tried(msgspec.Struct, frozen=True):
    """What a trial of a trunk came to. Nothing comes back."""

    trial: str
    status: str
    """`reachable`, `unreachable` or `auth_failed`."""
    latency: float | None
    """Seconds that the OPTIONS took."""
    registration: str
    """`verified`, `unsupported`, `failed` or `skipped`."""
    detail: str | None
    """Why not."""


class Done(msgspec.Struct, frozen=True):
    """What came of a command: of a transfer that an operator asked for, of digits."""

    token: str
    """The command's."""
    done: bool
    cause: str = ""
    """A stable word for why it was not done; empty when it was."""
    detail: str = ""
    """The sentence for people."""
    status: int = 0
    """The SIP answer that it got, where it got one."""


class Finished(msgspec.Struct, frozen=True):
    """A call ended and nothing of it is left; `Journal(Ended)` went before. For live views and the trace."""

    record: CallRecord


__all__ = [
    "Allow",
    "CloseFlow",
    "CloseMedia",
    "Done",
    "Fetch",
    "Finished",
    "Heard",
    "Journal",
    "Observed",
    "OpenMedia",
    "Output",
    "Ping",
    "Refuse",
    "Resolve",
    "Transmit",
    "Tried",
    "Trust",
]

Output = (
    Transmit
    | Resolve
    | OpenMedia
    | CloseMedia
    | Journal
    | Observed
    | Heard
    | CloseFlow
    | Fetch
    | Ping
    | Refuse
    | Allow
    | Trust
    | Tried
    | Done
    | Finished
)
