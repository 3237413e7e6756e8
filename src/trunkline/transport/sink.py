"""What the transports hand upwards, and to whom. The pump implements it; nothing else is known of it down here."""

from __future__ import annotations

from typing import Protocol

from trunkline.sip.flow import Flow
from trunkline.sip.framing import FramingError


class Sink(Protocol):
    """Called from the event loop, never from another thread. What it raises is a bug and ends in the loop's handler."""

    def received(self, batch: list[tuple[bytes, Flow]]) -> None:
        """Up to 64 datagrams of one socket, or the whole messages that one read of a connection completed. In order,
        never empty."""

    def unframed(self, flow: Flow, error: FramingError) -> None:
        """The stream of this connection cannot be cut into messages any more (RFC 3261 §18.3). Nothing more is heard of
        it; what is sent over the flow within the linger time still leaves, the answer to this message and to those
        before it; then the connection is closed."""

    def failed(self, flow: Flow, transaction: str, reason: str) -> None:
        """What was given to `send` with this transaction key did not get out, or the connection was lost before its
        peer said anything more. Once for each key and loss, never for an empty one, and never from within `send`."""

    def unreached(self, flow: Flow, transaction: str, reason: str) -> None:
        """The network says that a datagram with the request of this client transaction did not arrive (RFC 3261 §18.4).
        Perhaps from within `send`, perhaps more than once, perhaps late."""

    def certified(self, flow: Flow, names: tuple[str, ...]) -> None:
        """The peer of an accepted connection has shown a certificate that was verified: its fingerprint and its names,
        as `tls.shown` gives them. Before any message of it."""

    def closed(self, flow: Flow) -> None:
        """A connection that had been open is gone, an accepted one or ours. What was sent over it and not answered was
        reported by `failed` before."""
