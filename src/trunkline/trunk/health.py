"""Is a trunk's peer, or an agent, reachable? Probed with OPTIONS (RFC 3261 §11), believed only when it repeats.

One lost probe is a lost datagram. So many misses in a row make a peer unreachable, so many hits in a row make it
reachable again, both the record's own settings; nobody has to reset anything. Health is shown and never blocks a call:
whether a peer takes a call is found out by calling it.

Four words, as for every machine here: `receive` takes the answer of a probe, `expire` passes a deadline and may say
that a probe is to be sent, `deadline` is when to come back. The schedule is jittered by the chance passed in, so that
a thousand trunks are not probed in one turn.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk
from trunkline.sip.uri import UriError, parse_uri

State = Literal["unknown", "reachable", "unreachable"]

PATIENCE: Final = 4.0
"""Seconds until a probe without an answer is a miss, or the interval where that is shorter. Timer F (32 s) would be too
long for an operator who watches."""


class Probe(msgspec.Struct, frozen=True):
    """Send an OPTIONS to this trunk or agent now; `number` comes back with its answer."""

    id: str
    number: int


class Transition(msgspec.Struct, frozen=True):
    """The peer is thought of otherwise from now on."""

    id: str
    old: State
    new: State
    at: float
    """Monotonic seconds."""
    detail: str
    """What decided it."""


class Health:
    """The reachability of one trunk or agent. `chance` is evenly spread, 0 <= chance < 1."""

    __slots__ = (
        "_awaited",
        "_due",
        "_hits",
        "_hits_needed",
        "_interval",
        "_misses_allowed",
        "_number",
        "_patience",
        "_sent_at",
        "checked_at",
        "detail",
        "id",
        "latency",
        "misses",
        "since",
        "state",
    )

    def __init__(self, of: Trunk | Agent, now: float, chance: float) -> None:
        """The first probe is due within one interval, but not later than five seconds."""
        self.id = of.id
        self.state: State = "unknown"
        self.since = now
        """When the state began."""
        self.checked_at: float | None = None
        """When the last probe was answered or given up."""
        self.latency: float | None = None
        """Seconds that the last answered probe took."""
        self.detail: str | None = None
        """Why the last probe failed; None when it did not."""
        self._hits = self.misses = 0
        self._number = 0
        self._awaited = False
        self._sent_at = now
        self.configure(of)
        self._due = now + min(self._interval, 5.0) * chance

    def configure(self, of: Trunk | Agent) -> None:
        """The record was changed. What is known of its peer stays known until probes say otherwise."""
        self._interval = max(1.0, of.probe_interval)
        self._patience = min(PATIENCE, 0.9 * self._interval)
        self._misses_allowed = max(1, of.probe_misses)
        self._hits_needed = max(1, of.probe_hits)

    @property
    def deadline(self) -> float:
        """When to call `expire`."""
        return self._sent_at + self._patience if self._awaited else self._due

    def expire(self, now: float, chance: float) -> list[Probe | Transition]:
        """Give up a probe that waited too long; ask for the next when it is due."""
        out: list[Probe | Transition] = []
        if self._awaited and now >= self._sent_at + self._patience:
            self._awaited = False
            out += self._failed(now, f"no answer within {self._patience:g} s")
        if not self._awaited and now >= self._due:
            self._number += 1
            self._awaited = True
            self._sent_at = now
            # Counted from now, so that an edge that stalled does not send them in a row.
            self._due = now + self._interval * (0.9 + 0.2 * chance)
            out.append(Probe(self.id, self._number))
        return out

    def receive(self, number: int, status: int, now: float, reason: str = "") -> list[Transition]:
        """Probe `number` was answered with `status`, or failed: status 0, and `reason` says how. An answer to a probe
        that was given up is too late to count."""
        if not self._awaited or number != self._number or 100 <= status < 200:
            return []
        self._awaited = False
        return self.observe(status, now - self._sent_at, now, reason)

    def observe(self, status: int, latency: float, now: float, reason: str = "") -> list[Transition]:
        """The peer answered something else that we asked (a test, a registration), or did not: as `receive`.

        Any final answer proves that the peer is there, 401, 404, 405 and 501 too; 408 and those that say it cannot work
        now (500, 502 to 504) prove the opposite.
        """
        if status in (0, 408, 500, 502, 503, 504):
            return self._failed(now, reason or f"answered {status}")
        self.checked_at = now
        self.latency = latency
        self.detail = None
        self.misses = 0
        self._hits += 1
        if self.state == "unreachable" and self._hits < self._hits_needed:
            return []
        return self._become("reachable", now, f"answered {status}")

    def _failed(self, now: float, detail: str) -> list[Transition]:
        self.checked_at = now
        self.detail = detail
        self._hits = 0
        self.misses += 1
        if self.misses < self._misses_allowed:
            return []
        return self._become("unreachable", now, detail)

    def _become(self, state: State, now: float, detail: str) -> list[Transition]:
        if state == self.state:
            return []
        old, self.state, self.since = self.state, state, now
        return [Transition(self.id, old, state, now, detail)]


def speaks_for(agent: Agent, trunk: Trunk | None) -> str | None:
    """Whose probes say whether an agent is there: its own, or those of the trunk whose peer it is. None: nobody's."""
    if agent.probe:
        return agent.id
    if trunk is None:
        return None
    if agent.uri is None or trunk.outbound_proxy:
        return trunk.id
    try:
        return trunk.id if parse_uri(agent.uri).host.lower() == (trunk.host or "").lower() else None
    except UriError:
        return None
