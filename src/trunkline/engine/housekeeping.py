"""Refusal counts into the store, and away with what was kept long enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, time

from msgspec import convert

from trunkline.store.database.errors import StoreError
from trunkline.store.retention import purge
from trunkline.store.rows.refusals import Refusal
from trunkline.store.store import Store
from trunkline.telemetry.refusals import RefusalCounts

_log = logging.getLogger("trunkline.engine")
_EVERY = 10.0
_PURGE_EVERY = 3600.0
_DAY = 86_400.0


async def keep_house(store: Store, refusals: RefusalCounts, days: Callable[[], int]) -> None:
    """Without end. `days`: how long records are kept, 0 for ever. What the database does not take is tried again."""
    purged_at: float | None = None
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await write_refusals(store, refusals)
            if days() and (purged_at is None or monotonic() - purged_at >= _PURGE_EVERY):
                purged_at = monotonic()
                gone = await purge(store, time() - days() * _DAY)
                if gone:
                    _log.info("%d call records were kept for %d days, and are deleted", gone, days())
        except StoreError as error:
            _log.warning("housekeeping: %s", error)


async def write_refusals(store: Store, refusals: RefusalCounts) -> None:
    """What was counted since the last time. Raises `StoreError`, and the counts are kept for the next."""
    counts = refusals.take()
    if not counts:
        return
    try:
        async with store.write() as unit:
            await unit.refusals.add([convert(count, Refusal, from_attributes=True) for count in counts])
    except BaseException:
        refusals.give_back(counts)
        raise
