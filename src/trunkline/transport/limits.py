"""The bounds of the transports: each is what one peer, or all of them, may cost."""

from __future__ import annotations

import msgspec

from trunkline.sip.framing import FramingLimits


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds, sizes are bytes."""

    batch: int = 64
    """Datagrams taken from one socket before other descriptors have their turn."""
    receive_buffer: int = 4 << 20
    """Asked of the kernel for each UDP socket; beyond `net.core.rmem_max` only a privileged process gets it."""
    send_buffer: int = 4 << 20
    backlog: int = 512
    """Datagrams one UDP socket keeps while the kernel takes no more; what comes then is dropped and counted."""
    known_sources: int = 8192
    """Remote addresses one UDP socket remembers the flow of."""

    connections: int = 4096
    """Accepted connections, those still shaking hands included."""
    connections_per_source: int = 128
    connections_outbound: int = 1024
    """Apart from the accepted ones, so that a crowd at the door does not keep our own calls in."""
    connect_time: float = 5.0
    """TCP connect and TLS handshake of an outbound connection, together. Below Timer B with room for another target."""
    handshakes: int = 1024
    """TLS handshakes of accepted connections under way."""
    handshake_time: float = 5.0
    """TLS handshake of an accepted connection."""
    message_time: float = 20.0
    """From the accept to the first complete message or keep-alive, and from a message's first byte to its last."""
    idle_time: float = 3600.0
    """Silence in both directions after which a connection is closed. Long: live calls keep their connection
    (RFC 3261 §18)."""
    pong_time: float = 10.0
    """How long a peer that answers keep-alives may take to (RFC 5626 §4.4.1)."""
    stranger_time: float = 60.0
    """The same for a connection whose peer the core does not know."""
    linger_time: float = 1.0
    """How long a connection that is being given up may take to read our last answer."""
    queued_messages: int = 256
    """Messages that wait for one outbound connection to open."""
    write_buffer: int = 1 << 20
    """What a connection may leave unread before it counts as stuck and is closed."""
    framing: FramingLimits = FramingLimits()
