"""A binding: where one device of a trunk that registers with us is reached (RFC 3261 §10.3)."""

from __future__ import annotations

import msgspec

from trunkline.sip.flow import Flow


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    trunk_id: str
    key: str
    """What makes it one among the trunk's: its Contact in canonical form, or its instance and flow (RFC 5626 §6)."""
    contact: str
    """The URI that requests to it ask for, as it was registered."""
    call_id: str
    cseq: int
    """Of the REGISTER that made it, so that an older one does not undo it."""
    q: float = 1.0
    """Its preference, 0 to 1."""
    expires_at: float
    """Unix seconds."""
    flow: Flow
    """Where requests to it go: the source that was seen, or the connection."""
    again: bool = False
    """Whether its Contact may be connected to when the connection is gone: the peer named its own address."""
    nat: bool = False
    """Whether the source is another than the Contact says."""
    path: tuple[str, ...] = ()
    """URIs that requests to it pass first (RFC 3327)."""
    instance: str = ""
    """`+sip.instance` (RFC 5626 §4.1)."""
    reg_id: int = 0
    user_agent: str = ""
    registered_at: float = 0.0
    """Unix seconds of the first REGISTER that made it."""
