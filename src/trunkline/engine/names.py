"""Keeps the addresses of peers that are configured by name: a trunk with a host name and no networks is known by where
its name leads (RFC 3263), which changes without anybody telling us.

Each name is looked up when its trunk is new or changed, and then every half minute; the resolver answers from memory
until a record's time has run out, so DNS is asked no more often than it wishes. A zone may show a part of its addresses
at a time, and a peer may still send from one that has just left it: an address counts for ten minutes after it was last
seen. While DNS fails, what is known stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic

from trunkline.model.trunk import Trunk
from trunkline.routing.table import Table
from trunkline.sip.flow import host_port
from trunkline.transport.records import Nowhere
from trunkline.transport.resolver import Resolver

EVERY = 30.0
"""Seconds between two looks at a name."""
LINGER = 600.0
"""Seconds that an address counts after it was last seen."""
_TICK = 1.0
_MOST = 64
"""Addresses of one name."""
_AT_ONCE = 16
_PATIENCE = 1.0
"""Seconds that a change of configuration waits for its names."""

_Way = tuple[str | None, int | None, str]


class _Name:
    """What is known of one trunk's name."""

    __slots__ = ("due", "seen", "way")

    def __init__(self, way: _Way) -> None:
        self.way = way
        self.due = 0.0
        self.seen: dict[str, float] = {}
        """When each address was last seen."""


class Names:
    """One engine's. `keep` is a duty; `meet` is for whoever has just changed the table."""

    __slots__ = ("_led", "_names", "_now", "_resolver", "_table")

    def __init__(
        self,
        table: Table,
        resolver: Resolver,
        now: Callable[[], float] = monotonic,
        led: Callable[[], None] = lambda: None,
    ) -> None:
        """`led` is told when a name leads elsewhere than before."""
        self._table = table
        self._resolver = resolver
        self._now = now
        self._led = led
        self._names: dict[str, _Name] = {}

    async def keep(self) -> None:
        """Look up what is due, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_TICK)

    async def meet(self, ids: Iterable[str]) -> None:
        """Look up the trunks among these ids that are new or changed, for a second at most: the duty goes on with what
        takes longer."""
        named = self._table.named
        fresh = [named[id] for id in ids if id in named and self._known(named[id]).due == 0.0]
        if fresh:
            tasks = {asyncio.ensure_future(self._look_up(trunk)) for trunk in fresh[:_AT_ONCE]}
            _, late = await asyncio.wait(tasks, timeout=_PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Look up every name that is due."""
        named, now = self._table.named, self._now()
        for gone in [id for id in self._names if id not in named]:
            del self._names[gone]
        due = [trunk for trunk in named.values() if self._known(trunk).due <= now]
        for start in range(0, len(due), _AT_ONCE):
            await asyncio.gather(*[self._look_up(trunk) for trunk in due[start : start + _AT_ONCE]])

    def _known(self, trunk: Trunk) -> _Name:
        way = _way(trunk)
        name = self._names.get(trunk.id)
        if name is None or name.way != way:
            name = self._names[trunk.id] = _Name(way)
        return name

    async def _look_up(self, trunk: Trunk) -> None:
        name = self._known(trunk)
        host = (trunk.host or "").strip("[]")
        # Where calls go to it, and its own addresses: a peer that names its servers in SRV may call from the other.
        ways = {f"sip:{host_port((host, trunk.port or 5060))}"}
        if trunk.port is None:
            ways.add(f"sip:{host}")
        hosts: list[str] = []
        for uri in sorted(ways):
            found = self._resolver.resolve_now(uri, trunk.transport)
            if found is None:
                found = await self._resolver.resolve(uri, trunk.transport)
            if not isinstance(found, Nowhere):
                hosts += [hop.address[0] for hop in found]
        now = self._now()
        for each in hosts:
            name.seen[each] = now
        for each in [each for each, at in name.seen.items() if now - at >= LINGER]:
            del name.seen[each]
        name.due = now + EVERY
        current = self._table.named.get(trunk.id)
        if current is not None and _way(current) == name.way:
            newest = sorted(name.seen, key=lambda each: (-name.seen[each], each))[:_MOST]
            if self._table.lead(trunk.id, tuple(sorted(newest))):
                self._led()

    def __len__(self) -> int:
        return len(self._names)


def _way(trunk: Trunk) -> _Way:
    """What decides where its name leads."""
    return trunk.host, trunk.port, trunk.transport
