"""Addresses that failed a while ago, so that calls try them last (RFC 3263 §4.3, RFC 3261 §21.5.4).

An address that could not be reached, did not answer, or answered 503 is put behind the others of its name for ten
seconds, and for twice as long each time it fails again soon after, up to about five minutes; for as long as a 503 asks
for in its Retry-After. Any other answer forgives it at once. Nothing is ever refused for it: where no other address is
left, a failed one is tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

from trunkline.sip.flow import Address, Flow, Transport

FIRST: Final = 10.0
LONGEST: Final = 320.0
MOST_ASKED: Final = 3600.0
"""Seconds. A Retry-After beyond that is not believed."""
KEPT: Final = 4096
"""Addresses; the oldest give way."""

Key = tuple[Transport, Address, str]
"""Transport, address and connection: another server name or TLS profile is another matter."""


class _Penalty(NamedTuple):
    until: float
    """The address comes last until then."""
    forgotten: float
    """Failing again before then counts double."""
    length: float


class Penalties:
    """One worker's. `now` is monotonic seconds."""

    __slots__ = ("_penalties", "_soonest")

    def __init__(self) -> None:
        self._penalties: dict[Key, _Penalty] = {}
        self._soonest = inf

    def __len__(self) -> int:
        return len(self._penalties)

    def failed(self, flow: Flow, now: float, least: float = 0.0) -> None:
        """The address did not do. `least`: seconds that it is to rest at least."""
        key = _key(flow)
        before = self._penalties.pop(key, None)
        length = FIRST if before is None else min(2 * before.length, LONGEST)
        until = now + max(length, min(least, MOST_ASKED))
        if before is not None:
            until = max(until, before.until)
        if len(self._penalties) >= KEPT:
            del self._penalties[next(iter(self._penalties))]
        self._penalties[key] = _Penalty(until, until + length, length)
        self._soonest = min(self._soonest, until + length)

    def forgive(self, flow: Flow) -> None:
        """The address answered."""
        if self._penalties.pop(_key(flow), None) is not None and not self._penalties:
            self._soonest = inf

    def rests(self, flow: Flow, now: float) -> bool:
        """Whether another address should be tried first."""
        penalty = self._penalties.get(_key(flow))
        return penalty is not None and penalty.until > now

    def order(self, flows: Iterable[Flow], now: float) -> list[Flow]:
        """The same flows: as they stand those that are well, then the others, by the end of their rest."""
        if not self._penalties:
            return list(flows)
        rests: list[tuple[float, int]] = []
        found = list(flows)
        for at, flow in enumerate(found):
            penalty = self._penalties.get(_key(flow))
            rests.append((penalty.until if penalty is not None and penalty.until > now else 0.0, at))
        return [found[at] for _, at in sorted(rests)]

    def deadline(self) -> float:
        """When to call `expire`; infinite while nothing is remembered."""
        return self._soonest

    def expire(self, now: float) -> None:
        """Forget what is long past."""
        if now < self._soonest:
            return
        for key in [key for key, penalty in self._penalties.items() if penalty.forgotten <= now]:
            del self._penalties[key]
        self._soonest = min([penalty.forgotten for penalty in self._penalties.values()], default=inf)


def _key(flow: Flow) -> Key:
    return flow.transport, flow.remote, flow.connection
