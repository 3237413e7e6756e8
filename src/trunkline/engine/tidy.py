"""The collector of cycles, and giving memory back, when the edge is at rest.

Calls free what they were made of when they end, so the collector finds only what the database and HTTP leave behind,
and looking for it holds up the loop. It runs when nothing goes on, and in a load that never rests now and then.

A load also leaves the allocator's heap full of holes: transactions of one second lived among traces that stay for
hours. Nothing leaks, but the next load would be laid beside the holes of the last; the C library is asked to return
whole pages (glibc; others do by themselves).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable
from time import monotonic

_EVERY = 3.0
"""Seconds between looks."""
_AT_LAST = 300.0
"""Seconds after which the collector runs though the edge is busy."""


async def tidy_up(resting: Callable[[], bool], turns: Callable[[], int]) -> None:
    """Without end. `resting`: whether no call and no transaction is there; `turns`: how much the pump has done."""
    trim = _trim()
    done = turns()
    collected = monotonic()
    while True:
        await asyncio.sleep(_EVERY)
        if turns() != done and resting():
            done = turns()
            gc.collect()
            if trim is not None:
                trim(0)
            collected = monotonic()
        elif monotonic() - collected >= _AT_LAST:
            gc.collect()
            collected = monotonic()


def _trim() -> Callable[[int], int] | None:
    """`malloc_trim`, where the C library has it."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found
