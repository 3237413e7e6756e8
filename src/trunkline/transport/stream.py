"""One TCP or TLS connection, accepted or outbound: framing, writing, and the ways it ends.

A peer may be slow, silent or hostile: what it can hold of us is one framing buffer, one bounded write buffer and one
descriptor, for a bounded time (`overdue`).
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from trunkline.sip.flow import Flow
from trunkline.sip.framing import Framer
from trunkline.transport.limits import Limits
from trunkline.transport.sink import Sink
from trunkline.transport.tls import shown

_PING = b"\r\n\r\n"
_PONG = b"\r\n"
_MOST_UNHEARD = 256


class Owner(Protocol):
    """Who keeps the table of connections."""

    def opened(self, connection: Connection) -> None: ...

    def spoke(self, connection: Connection) -> None: ...

    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """The protocol object that the event loop drives."""

    __slots__ = (
        "_closing", "_framer", "_limits", "_linger_until", "_loop", "_met", "_owner", "_pinged_at", "_pongs", "_since",
        "_sink", "_spoke", "_transport", "_unheard", "_why", "flow", "made", "trusted",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, flow: Flow, owner: Owner, sink: Sink, limits: Limits) -> None:
        self.flow = flow
        self.made = False
        """Whether it ever opened, TLS included."""
        self.trusted = flow.pooled
        """Whether its peer is known."""
        self._loop = loop
        self._owner = owner
        self._sink = sink
        self._limits = limits
        self._framer = Framer(limits.framing)
        self._transport: asyncio.Transport | None = None
        self._spoke = 0.0
        """When something last crossed it, either way."""
        self._since: float | None = None
        """Since when the first whole message, or the rest of one, is awaited."""
        self._linger_until: float | None = None
        """Set once nothing more is heard of it: its stream is broken, or it is being closed. Until then what the peer
        sends is thrown away, but read, lest a reset overtake our last answer."""
        self._closing = False
        """Nothing more is sent over it either."""
        self._unheard: dict[str, None] = {}
        """Transactions written since the peer last said anything: lost, as far as anyone can tell, when it goes."""
        self._met = False
        """Whether a message ever came."""
        self._pinged_at: float | None = None
        """Since when something is awaited after a ping."""
        self._pongs = False
        """Whether the peer ever answered one: only then is the next answer missed (RFC 5626 §4.4.1)."""
        self._why = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have the methods, not the class
        self.made = True
        self._spoke = self._loop.time()
        if not self.flow.pooled:
            self._since = self._spoke
            names = shown(transport) if self.flow.transport == "tls" else ()
            if names:
                self._sink.certified(self.flow, names)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._linger_until is not None:
            return
        now = self._spoke = self._loop.time()
        flow = self.flow
        if self._pinged_at is not None:
            self._pinged_at = None
            self._pongs = self._pongs or data.startswith(_PONG)
        messages, pings, error = self._framer.feed(data)
        if not self._framer.buffered:
            self._since = None
        elif messages or self._since is None:
            self._since = now
        if messages:
            if not self._met:
                self._met = True
                self._owner.spoke(self)
            self._unheard.clear()
            self._sink.received([(message, flow) for message in messages])
        if pings:
            self.send(_PONG)
        if error is not None and self._transport is not None:
            self._why = error.reason
            self._linger_until = now + self._limits.linger_time
            self._sink.unframed(flow, error)

    def eof_received(self) -> None:
        self.close("the peer closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._owner.lost(self)
        why = self._why or ("the connection was lost" if exc is not None else "the peer closed the connection")
        unheard, self._unheard = self._unheard, {}
        for transaction in unheard:
            self._sink.failed(self.flow, transaction, why)
        if self.made:
            self._sink.closed(self.flow)

    @property
    def usable(self) -> bool:
        """Whether something new may be sent over it, and answered."""
        return self._transport is not None and self._linger_until is None and not self._transport.is_closing()

    def send(self, data: bytes, transaction: str = "") -> str | None:
        """Write one message. None when it was taken; else why not."""
        transport = self._transport
        if transport is None or self._closing or transport.is_closing():
            return "the connection is closed"
        if transport.get_write_buffer_size() + len(data) > self._limits.write_buffer:
            self.abort("the peer does not read")
            return self._why
        transport.write(data)
        self._spoke = self._loop.time()
        if transaction and len(self._unheard) < _MOST_UNHEARD:
            self._unheard[transaction] = None
        return None

    def ping(self) -> None:
        """Keep it alive. A peer that answered before and does not within `pong_time` is gone."""
        if self.usable and self.send(_PING) is None and self._pinged_at is None:
            self._pinged_at = self._loop.time()

    def overdue(self, now: float) -> bool:
        """End the connection when one of its times has run out. Whether one did just now."""
        limits = self._limits
        if self._linger_until is not None:
            if now >= self._linger_until:
                if self._closing:
                    self.abort(self._why)
                else:
                    self.give_up(self._why)
            return False
        idle = limits.idle_time if self.trusted else min(limits.stranger_time, limits.idle_time)
        if self._since is not None and now - self._since >= limits.message_time:
            self.abort(f"no whole message within {limits.message_time:g} s")
        elif self._pongs and self._pinged_at is not None and now - self._pinged_at >= limits.pong_time:
            self.abort(f"a keep-alive was not answered within {limits.pong_time:g} s")
        elif now - self._spoke >= idle:
            self.close(f"idle for {idle:g} s")
        else:
            return False
        return True

    def give_up(self, why: str) -> None:
        """Send what was written, nothing more; hear nothing more; close after a moment."""
        if self._transport is None or self._closing:
            return
        self._why = self._why or why
        self._closing = True
        self._linger_until = self._loop.time() + self._limits.linger_time
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self, why: str) -> None:
        """Close once what was written has left, or after a moment."""
        if self._transport is not None:
            self._why = self._why or why
            if not self._closing:
                self._closing = True
                self._linger_until = self._loop.time() + self._limits.linger_time
            self._transport.close()

    def abort(self, why: str) -> None:
        """Close now."""
        if self._transport is not None:
            self._why = self._why or why
            self._transport.abort()

    @property
    def buffered(self) -> int:
        """Bytes held of it, in and out."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return self._framer.buffered + waiting
