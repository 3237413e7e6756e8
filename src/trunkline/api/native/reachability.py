"""Whether a peer answers its probes, as trunks and agents show it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trunkline.api.body import exact
from trunkline.control.ports import Health


class Reachability(msgspec.Struct, frozen=True, kw_only=True):
    """As OPTIONS probes see the peer. It blocks no calls."""

    state: Literal["unknown", "reachable", "unreachable"]
    since: datetime | None
    checked_at: datetime | None
    latency_ms: float | None
    detail: str | None


def reachability(health: Health) -> Reachability:
    return Reachability(
        state=health.state,
        since=exact(health.since),
        checked_at=exact(health.checked_at),
        latency_ms=None if health.latency is None else round(health.latency * 1000, 3),
        detail=health.detail,
    )
