"""Giving memory back when the edge is at rest.

A load leaves the allocator's heap full of holes: transactions of one second lived among traces that stay for hours.
Nothing leaks, but the next load would be laid beside the holes of the last. So when work was done and none is left,
the collector runs once and the C library is asked to return whole pages (glibc; others do by themselves).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable

_EVERY = 3.0
"""Seconds between looks."""


async def tidy_up(resting: Callable[[], bool], turns: Callable[[], int]) -> None:
    """Without end. `resting`: whether no call and no transaction is there; `turns`: how much the pump has done."""
    trim = _trim()
    done = turns()
    while True:
        await asyncio.sleep(_EVERY)
        if turns() != done and resting():
            done = turns()
            gc.collect()
            if trim is not None:
                trim(0)


def _trim() -> Callable[[int], int] | None:
    """`malloc_trim`, where the C library has it."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found
