"""The table of stream connections: by flow, counted by source, swept of those whose time has run out.

One timer serves all of them, and only while there are any.
"""

from __future__ import annotations

import asyncio
import itertools

from trunkline.sip.flow import Address, Flow, Transport
from trunkline.transport.limits import Limits
from trunkline.transport.stream import Connection


class Connections:
    """Accepted and outbound connections of the edge."""

    __slots__ = (
        "_by_flow", "_empty", "_limits", "_names", "_places", "_silent", "_sweep_every", "_sweeper", "accepted",
        "crowded", "ended", "opened_outbound", "outbound", "overdue", "places",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_flow: dict[Flow, Connection] = {}
        self._places: dict[str, int] = {}
        """Of `places`, by source."""
        self._silent: dict[Flow, Connection] = {}
        """Accepted ones that no message has come over yet, the oldest first."""
        self.places = 0
        """Taken by accepted connections, those still shaking hands included."""
        self.outbound = 0
        """Outbound connections in the table."""
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
        """Take a place for a connection from this address before anything is spent on it. A crowd that only stands at
        the door does not keep others out: when all places are taken, the one that has been silent the longest goes."""
        taken = self._places.get(source, 0)
        full = self.places >= self._limits.connections
        crowded = taken >= self._limits.connections_per_source
        self.crowded += full or crowded
        if crowded or (full and not self._silent):
            return False
        if full:
            # Its place is given back when its end is told, a turn of the loop from now.
            self._silent.pop(next(iter(self._silent))).abort("others need its place")
        self._places[source] = taken + 1
        self.places += 1
        return True

    def release(self, source: str) -> None:
        """Give the place back. Once for each that was taken."""
        self.places -= 1
        taken = self._places[source]
        if taken > 1:
            self._places[source] = taken - 1
        else:
            del self._places[source]

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
        self._silent.pop(connection.flow, None)

    def add(self, connection: Connection) -> None:
        """From now on the flow finds it."""
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
        if not flow.pooled:
            self._silent.pop(flow, None)
            self.release(flow.remote[0])
        if not self._by_flow:
            self._empty.set()
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._sweeper = loop.call_later(self._sweep_every, self._sweep)
        for connection in list(self._by_flow.values()):
            self.overdue += connection.overdue(now)

    def end(self, source: str, why: str) -> None:
        """Abort what was accepted from this address."""
        for connection in list(self._by_flow.values()):
            if connection.flow.remote[0] == source and not connection.flow.pooled:
                connection.abort(why)

    async def close(self) -> None:
        """Close all; what does not let itself be closed within the linger time is aborted."""
        for connection in list(self._by_flow.values()):
            connection.close("the edge stops")
        try:
            async with asyncio.timeout(self._limits.linger_time):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._by_flow.values()):
                connection.abort("the edge stops")
            await self._empty.wait()

    def counts(self) -> dict[str, int]:
        return {
            "connections_accepted": len(self._by_flow) - self.outbound,
            "connections_outbound": self.outbound,
            "connections_handshaking": self.places - len(self._by_flow) + self.outbound,
            "buffered": sum(each.buffered for each in self._by_flow.values()),
            "streams_accepted": self.accepted,
            "streams_opened": self.opened_outbound,
            "streams_ended": self.ended,
            "streams_overdue": self.overdue,
            "streams_crowded": self.crowded,
        }
