"""Long work in short parts: whoever carries calls shares the loop with who changes a hundred thousand records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")
PART = 1000
"""Records that are worked on without a pause: some milliseconds."""


async def parts(items: Sequence[T], size: int = PART) -> AsyncIterator[Sequence[T]]:
    """The items, `size` at a time; others run between."""
    for start in range(0, len(items), size):
        if start:
            await asyncio.sleep(0)
        yield items[start : start + size]
