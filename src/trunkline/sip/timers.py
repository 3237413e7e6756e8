"""Deadlines without a timer object each.

SIP asks for a handful of durations (RFC 3261 §17, table 4), and timers of one duration fall due in the order they were
set: a queue per duration, whose heads are all there is to compare. An entry is a plain value; nothing is ever
cancelled: who is told of a deadline that no longer concerns it has no transition for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_NEVER = inf
_MOST_QUEUES = 32
"""Durations beyond these share a heap, so that odd ones (a number's own `max_duration`) cost no queue each."""


class Timing(NamedTuple):
    """The RFC's three constants, in seconds."""

    t1: float = 0.5
    """Estimate of the round trip."""
    t2: float = 4.0
    """The longest gap between retransmissions."""
    t4: float = 5.0
    """How long a message may live in the network."""

    @property
    def patience(self) -> float:
        """64·T1: how long a transaction waits."""
        return 64 * self.t1


class Timers(Generic[T]):
    """Entries of type T, each due once. `now` and every result are monotonic seconds."""

    __slots__ = ("_heap", "_order", "_queues", "_soonest")

    def __init__(self) -> None:
        self._soonest = _NEVER
        self._queues: dict[float, deque[tuple[float, T]]] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._order = 0

    def __len__(self) -> int:
        return sum(map(len, self._queues.values())) + len(self._heap)

    def arm(self, now: float, duration: float, entry: T) -> None:
        """`entry` falls due `duration` seconds after `now`; calls come with `now` never falling."""
        due = now + duration
        if due < self._soonest:
            self._soonest = due
        queue = self._queues.get(duration)
        if queue is None:
            if len(self._queues) >= _MOST_QUEUES:
                self._order += 1
                heappush(self._heap, (due, self._order, entry))
                return
            queue = self._queues[duration] = deque()
        queue.append((due, entry))

    def deadline(self) -> float:
        """When the next entry falls due; infinite when there is none."""
        return self._soonest

    def expire(self, now: float) -> list[T]:
        """The entries due at `now` or before, in the order of their deadlines."""
        due: list[tuple[float, int, T]] = []
        if now < self._soonest:
            return []
        soonest = _NEVER
        for queue in self._queues.values():
            while queue and queue[0][0] <= now:
                at, entry = queue.popleft()
                due.append((at, len(due), entry))
            if queue and queue[0][0] < soonest:
                soonest = queue[0][0]
        while self._heap and self._heap[0][0] <= now:
            at, _, entry = heappop(self._heap)
            due.append((at, len(due), entry))
        if self._heap and self._heap[0][0] < soonest:
            soonest = self._heap[0][0]
        self._soonest = soonest
        if len(due) > 1:
            due.sort()
        return [entry for _, _, entry in due]


class Alarms(Generic[K]):
    """One deadline a key, which can be moved and taken back: for the few long waits of a call, which mostly end before
    their time and must leave nothing behind."""

    __slots__ = ("_due", "_heap", "_order", "_soonest")

    def __init__(self) -> None:
        self._soonest = _NEVER
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: K, due: float) -> None:
        """`key` falls due at `due`, and at no other time any more."""
        before = self._due.get(key)
        self._due[key] = due
        self._order += 1
        heappush(self._heap, (due, self._order, key))
        if before is None:
            self._soonest = min(self._soonest, due)
            return
        self._shrink()
        if before > self._soonest:
            self._soonest = min(self._soonest, due)
        else:
            self._find()

    def sooner(self, key: K, due: float) -> None:
        """`key` falls due at `due`, unless it does so before."""
        if self._due.get(key, due) >= due:
            self.set(key, due)

    def clear(self, key: K) -> None:
        due = self._due.pop(key, None)
        if due is None:
            return
        self._shrink()
        if due <= self._soonest:
            self._find()

    def deadline(self) -> float:
        return self._soonest

    def expire(self, now: float) -> list[K]:
        """The keys due at `now` or before, soonest first; they are no longer set."""
        keys: list[K] = []
        while self._heap and self._soonest <= now:
            key = heappop(self._heap)[2]
            del self._due[key]
            keys.append(key)
            self._find()
        return keys

    def _shrink(self) -> None:
        """Forget what was moved or taken back, when it is most of what stands in the heap: a peer that refreshes its
        session without end would fill it."""
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(due, at, key) for at, (key, due) in enumerate(self._due.items())]
            heapify(self._heap)

    def _find(self) -> None:
        """Which is the soonest now: what was moved or taken back stands in the heap until it comes to its head."""
        heap = self._heap
        while heap and self._due.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        self._soonest = heap[0][0] if heap else _NEVER
