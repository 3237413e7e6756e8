"""A network in memory: nodes with addresses, a clock that is a number, and seeded chance.

Messages may be lost, doubled and delayed (and so reordered); nothing else differs from the wire: bytes go in and bytes
come out. A world with the same seed runs the same way again.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from math import inf
from typing import NamedTuple, Protocol

from trunkline.sip.flow import Address, Flow
from trunkline.sip.message import Malformed, parse


class Node(Protocol):
    """Something with an address."""

    def receive(self, data: bytes, flow: Flow, now: float) -> None: ...
    def expire(self, now: float) -> None: ...
    def deadline(self) -> float: ...


class Weather(NamedTuple):
    """What the network does to datagrams."""

    loss: float = 0.0
    doubled: float = 0.0
    delay: tuple[float, float] = (0.001, 0.001)
    """Least and most seconds a datagram takes."""


class Seen(NamedTuple):
    at: float
    source: Address
    target: Address
    data: bytes
    lost: bool
    transport: str = "udp"

    @property
    def start(self) -> str:
        return self.data.split(b"\r\n", 1)[0].decode()


class World:
    """Nodes, wires and time."""

    def __init__(self, seed: int = 1, weather: Weather | None = None) -> None:
        self.now = 100.0
        self.weather = weather or Weather()
        self.chance = random.Random(seed)
        self.seen: list[Seen] = []
        self.arrived: list[Seen] = []
        """What reached somebody, in the order and at the time that it did."""
        self.parted: dict[tuple[str, str], float] = {}
        """From one host to another: when messages pass again. A stream's are late then, a datagram is lost."""
        self.closed: set[Address] = set()
        """Where the machine is up and nobody listens: it says so (ICMP)."""
        self.told: dict[Address, Callable[[bytes, Flow], None]] = {}
        """Who hears that."""
        self.nodes: dict[Address, Node] = {}
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = 0

    def add(self, address: Address, node: Node) -> None:
        self.nodes[address] = node

    def remove(self, address: Address) -> None:
        """The machine there is gone: it says nothing more, and what is sent to it is lost."""
        del self.nodes[address]

    def at(self, when: float, what: Callable[[], object]) -> None:
        self._order += 1
        heapq.heappush(self._due, (when, self._order, what))

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        self.at(self.now + seconds, what)

    def carry(self, flow: Flow, data: bytes) -> None:
        """Take a datagram at `flow.local` towards `flow.remote`."""
        assert not isinstance(parse(data), Malformed), data
        if flow.local not in self.nodes:
            return
        reliable = flow.transport != "udp"
        wall = self.parted.get((flow.local[0], flow.remote[0]), 0.0) - self.now
        lost = not reliable and (self.chance.random() < self.weather.loss or wall > 0)
        self.seen.append(Seen(self.now, flow.local, flow.remote, data, lost, flow.transport))
        if lost:
            return
        if flow.remote in self.closed and not reliable:
            self.after(2 * self.weather.delay[1], lambda: self._refuse(flow, data))
            return
        copies = 1 + (not reliable and self.chance.random() < self.weather.doubled)
        back = Flow(flow.transport, flow.remote, flow.local, flow.connection)
        for _ in range(copies):
            least, most = self.weather.delay
            wait = least + max(wall, 0.0) if reliable else self.chance.uniform(least, most)
            self.after(wait, lambda: self._arrive(back, data))

    def _arrive(self, flow: Flow, data: bytes) -> None:
        node = self.nodes.get(flow.local)
        if node is not None:
            self.arrived.append(Seen(self.now, flow.remote, flow.local, data, False, flow.transport))
            node.receive(data, flow, self.now)

    def _refuse(self, flow: Flow, data: bytes) -> None:
        if flow.local in self.nodes and flow.local in self.told:
            self.told[flow.local](data, flow)

    def run(self, seconds: float) -> None:
        """Let time pass until there is nothing to do, at most this long."""
        end = self.now + seconds
        while True:
            times = [self._due[0][0]] if self._due else []
            times += [node.deadline() for node in self.nodes.values()]
            if min(times, default=inf) > end:
                self.now = end
                return
            self.now = max(self.now, min(times))
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            for node in list(self.nodes.values()):
                if node.deadline() <= self.now:
                    node.expire(self.now)

    def ladder(self) -> str:
        """What passed, a line a message: for the reader of a failure."""
        return "\n".join(
            f"{seen.at - 100:8.3f} {seen.source[0]} → {seen.target[0]} {'LOST ' if seen.lost else ''}{seen.start}"
            for seen in self.seen
        )
