"""What the metrics show beside what the observer counts."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.engine.duties import Duties
from trunkline.engine.engine import Engine
from trunkline.store.mover import Mover
from trunkline.telemetry.log import Log
from trunkline.telemetry.metrics import Metrics


def metrics_of(
    engine: Engine, mover: Mover, log: Log, duties: Duties, api_certificate: Callable[[], float | None]
) -> Metrics:
    """`api_certificate`: when the API's certificate ends (Unix seconds); None without one."""

    def kept_back() -> dict[str, float]:
        health = mover.health()
        return {
            "journal_waiting_bytes": health.waiting_bytes,
            "journal_waiting_entries": health.waiting_entries,
            "journal_failing": float(bool(health.journal)),
            "database_failing": float(bool(health.database)),
        }

    def lost() -> dict[str, float]:
        health = mover.health()
        return {
            "journal_dropped": health.dropped,
            "journal_rejected": health.rejected,
            "log_dropped": log.dropped,
            "duties_died": duties.faults,
        }

    def api_expires() -> dict[str, float]:
        at = api_certificate()
        return {} if at is None else {"api": at}

    return Metrics(
        engine.observer,
        [engine.tables, engine.standing, kept_back],
        [engine.counters, lost],
        [engine.transports.certificates_expire, api_expires],
        lambda: engine.core.probing.reached()[0],
        lambda: engine.core.probing.reached()[1],
    )
