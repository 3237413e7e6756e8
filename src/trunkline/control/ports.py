"""What the control plane asks of the engine, as values: changes down, questions and commands down, answers up.

Nothing here knows whether the engine lives in this process: every question and every answer is a msgspec value, and a
question's type says what its answer is.
"""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from trunkline.call.explain import Explanation, Hypothetical
from trunkline.call.inputs import HangUp
from trunkline.model.call import CallRecord
from trunkline.model.change import Change
from trunkline.telemetry.trace import CallTrace

A = TypeVar("A")


class Query(msgspec.Struct, Generic[A], frozen=True):
    """A question that is answered by an `A`."""


class LiveCalls(Query[tuple[CallRecord, ...]], frozen=True, kw_only=True, tag="live-calls"):
    """Calls going on now, newest first, at most `limit`."""

    organization_id: str
    limit: int = 1000


class LiveCall(Query[CallRecord | None], frozen=True, kw_only=True, tag="live-call"):
    call_id: str


class Trace(Query[CallTrace | None], frozen=True, kw_only=True, tag="trace"):
    """The raw messages of a live or recent call; None when they are gone."""

    call_id: str


class Explain(Query[Explanation], frozen=True, tag="explain"):
    """What an INVITE that was not sent would meet now, decided by the same code that decides for calls."""

    hypothetical: Hypothetical


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk's reachability, as its probes see it."""

    state: Literal["unknown", "reachable", "unreachable"] = "unknown"
    since: float | None = None
    """Unix seconds of the last change of state."""
    checked_at: float | None = None
    latency: float | None = None
    """Seconds that the last answered probe took."""
    detail: str | None = None


class TrunkHealth(Query[dict[str, Health]], frozen=True, kw_only=True, tag="trunk-health"):
    """The health of these trunks; one that is not probed may be absent."""

    trunk_ids: tuple[str, ...]


class Tables(Query[dict[str, int]], frozen=True, tag="tables"):
    """How many entries each table of the engine has: transactions, dialogs, calls, limits, timers, connections, …"""


class Settle(Query[None], frozen=True, tag="settle"):
    """Answered when every call that has ended is in the call log, or after a second: what is asked of the log next then
    holds what its caller has just seen happen."""


class Readiness(Query[tuple[str, ...]], frozen=True, tag="readiness"):
    """Why new calls should not be sent here now; empty when they should."""


class Metrics(Query[str], frozen=True, tag="metrics"):
    """The Prometheus text of the whole process."""


class EnginePort(Protocol):
    """The engine as the control plane sees it. A method raises `ConnectionError` when the engine cannot be asked."""

    async def apply(self, changes: tuple[Change, ...]) -> None:
        """Take these into the routing table. Returns when the next INVITE meets them."""

    async def ask(self, query: Query[A]) -> A: ...

    async def command(self, command: HangUp) -> bool:
        """Whether there was something to do it to."""


AnyQuery = LiveCalls | LiveCall | Trace | Explain | TrunkHealth | Tables | Settle | Readiness | Metrics
"""Every question there is: what an engine must answer, and what a queue between processes carries."""
