"""Deleting what has been kept for long enough, a little at a time."""

from __future__ import annotations

import asyncio

from trunkline.store.store import Store

_CHUNK = 500
_PAUSE = 0.05
"""Seconds between chunks: other writers go first."""


async def purge(store: Store, before: float) -> int:
    """Delete the calls that ended, the refusals that were counted and the changes that were made before `before` (Unix
    seconds); how many calls went. Raises `Unavailable`; what is deleted by then stays deleted."""
    async with store.write() as unit:
        await unit.refusals.delete_before(before)
        await unit.audit.delete_before(before)
    total = 0
    while True:
        async with store.write() as unit:
            deleted = await unit.calls.delete_ended_before(before, limit=_CHUNK)
        total += deleted
        if deleted < _CHUNK:
            return total
        await asyncio.sleep(_PAUSE)
