"""The table of stream connections: by flow, counted by source, swept of those whose time has run out.

One timer serves all of them, and only while there are any.

A crowd at the door does not keep others out. When all places are taken, who comes next gets the place of the connection
that has been silent the longest, else of the oldest handshake, else of the oldest connection that spoke and was never
trusted. Whom the core trusts (`trust`) keeps its place.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from trunkline.sip.flow import Address, Flow, Transport
from trunkline.transport.banned import Key, key_of
from trunkline.transport.limits import Limits
from trunkline.transport.stream import Connection


class Connections:
    """Accepted and outbound connections of the edge."""

    __slots__ = (
        "_by_flow", "_empty", "_handshakes", "_limits", "_names", "_places", "_replaced", "_silent", "_strangers",
        "_sweep_every", "_sweeper", "accepted", "crowded", "ended", "opened_outbound", "outbound", "overdue", "places",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_flow: dict[Flow, Connection] = {}
        self._replaced: set[Connection] = set()
        """Outbound ones that linger, while another has their flow."""
        self._places: dict[Key, int] = {}
        """Of `places`, by source."""
        self._handshakes: dict[Flow, Callable[[], object]] = {}
        """How each TLS handshake under way is given up, the oldest first."""
        self._silent: dict[Flow, Connection] = {}
        """Accepted ones that no message has come over yet, the oldest first."""
        self._strangers: dict[Flow, Connection] = {}
        """Those that spoke and are not trusted, the oldest first."""
        self.places = 0
        """Taken by accepted connections, those still shaking hands included."""
        self.outbound = 0
        """Outbound connections that are open, those that linger included."""
        self._names = itertools.count(1)
        shortest = min(limits.message_time, limits.idle_time, limits.linger_time)
        self._sweep_every = min(1.0, max(0.01, shortest / 4))
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.accepted = 0
        """Accepted connections that opened, TLS included."""
        self.opened_outbound = 0
        self.crowded = 0
        """Connections refused or ended for the limits, in all or of one source."""
        self.overdue = 0
        """Connections ended because a time ran out."""
        self.ended = 0

    def admit(self, source: str) -> bool:
        """Take a place for a connection from this address before anything is spent on it."""
        key = key_of(source)
        taken = self._places.get(key, 0)
        full = self.places >= self._limits.connections
        crowded = taken >= self._limits.connections_per_source
        self.crowded += full or crowded
        if crowded or (full and not self._make_room()):
            return False
        self._places[key] = taken + 1
        self.places += 1
        return True

    def _make_room(self) -> bool:
        """End whoever has the least claim to a place. The place is given back when its end is told, a turn of the loop
        from now."""
        if self._silent:
            self._silent.pop(next(iter(self._silent))).abort("others need its place")
        elif self._handshakes:
            self._handshakes.pop(next(iter(self._handshakes)))()
        elif self._strangers:
            self._strangers.pop(next(iter(self._strangers))).abort("others need its place")
        else:
            return False
        return True

    def shaking(self, flow: Flow, give_up: Callable[[], object]) -> None:
        """A TLS handshake begins. When too many are under way the oldest is given up: an honest one takes no longer
        than the network does."""
        if len(self._handshakes) >= self._limits.handshakes:
            self.crowded += 1
            self._handshakes.pop(next(iter(self._handshakes)))()
        self._handshakes[flow] = give_up

    def shaken(self, flow: Flow) -> None:
        """The handshake is over, whatever came of it."""
        self._handshakes.pop(flow, None)

    def release(self, source: str) -> None:
        """Give the place back. Once for each that was taken."""
        self.places -= 1
        key = key_of(source)
        taken = self._places[key]
        if taken > 1:
            self._places[key] = taken - 1
        else:
            del self._places[key]

    def accepted_flow(self, transport: Transport, local: Address, remote: Address) -> Flow:
        """A flow for a connection just accepted; its name never comes again."""
        return Flow(transport, local, remote, f"in:{next(self._names)}")

    def get(self, flow: Flow) -> Connection | None:
        return self._by_flow.get(flow)

    def opened(self, connection: Connection) -> None:
        if connection.flow.pooled:
            # The pool adds it after what waited has been written.
            self.opened_outbound += 1
        else:
            self.accepted += 1
            self._silent[connection.flow] = connection
            self.add(connection)

    def spoke(self, connection: Connection) -> None:
        """Its first message came."""
        if self._silent.pop(connection.flow, None) is not None:
            self._strangers[connection.flow] = connection

    def trust(self, flow: Flow) -> None:
        """A known peer's connection keeps its place. Nothing when it is gone, or trusted already."""
        connection = self._by_flow.get(flow)
        if connection is not None and not connection.trusted:
            connection.trusted = True
            self._silent.pop(flow, None)
            self._strangers.pop(flow, None)

    def add(self, connection: Connection) -> None:
        """From now on the flow finds it, and no more the one before, which is swept all the same until it has ended."""
        before = self._by_flow.get(connection.flow)
        if before is not None:
            self._replaced.add(before)
        self._by_flow[connection.flow] = connection
        self.outbound += connection.flow.pooled
        self._empty.clear()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._sweep_every, self._sweep)

    def lost(self, connection: Connection) -> None:
        self.ended += 1
        flow = connection.flow
        if self._by_flow.get(flow) is connection:
            del self._by_flow[flow]
            self.outbound -= flow.pooled
        elif connection in self._replaced:
            self._replaced.remove(connection)
            self.outbound -= 1
        if not flow.pooled:
            self._silent.pop(flow, None)
            self._strangers.pop(flow, None)
            self.release(flow.remote[0])
        if not (self._by_flow or self._replaced):
            self._empty.set()
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._sweeper = loop.call_later(self._sweep_every, self._sweep)
        for connection in self._all():
            self.overdue += connection.overdue(now)

    def end(self, source: str, why: str) -> None:
        """Abort what was accepted from this source."""
        key = key_of(source)
        for connection in list(self._by_flow.values()):
            if not connection.flow.pooled and key_of(connection.flow.remote[0]) == key:
                connection.abort(why)
        for flow in [flow for flow in self._handshakes if key_of(flow.remote[0]) == key]:
            self._handshakes.pop(flow)()

    async def close(self) -> None:
        """Close all; what does not let itself be closed within the linger time is aborted."""
        for connection in self._all():
            connection.close("the edge stops")
        try:
            async with asyncio.timeout(self._limits.linger_time):
                await self._empty.wait()
        except TimeoutError:
            for connection in self._all():
                connection.abort("the edge stops")
            await self._empty.wait()

    def _all(self) -> list[Connection]:
        return [*self._by_flow.values(), *self._replaced]

    def counts(self) -> dict[str, int]:
        return {
            "connections_accepted": len(self._by_flow) + len(self._replaced) - self.outbound,
            "connections_outbound": self.outbound,
            "connections_handshaking": self.places - len(self._by_flow) - len(self._replaced) + self.outbound,
            "streams_untrusted": len(self._silent) + len(self._strangers),
            "buffered": sum(each.buffered for each in self._all()),
            "streams_accepted": self.accepted,
            "streams_opened": self.opened_outbound,
            "streams_ended": self.ended,
            "streams_overdue": self.overdue,
            "streams_crowded": self.crowded,
        }
