"""What was said in calls, as agents tell it while a call goes on or after it."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.control.answers import store_answers
from trunkline.control.calls.calls import Calls
from trunkline.control.errors import Conflict
from trunkline.store.rows.transcripts import Segment
from trunkline.store.store import Store

MOST = 10_000
"""Segments of one call."""


class Transcripts:
    __slots__ = ("_calls", "_store")

    def __init__(self, calls: Calls, store: Store) -> None:
        self._calls = calls
        self._store = store

    async def add(self, organization_id: str, call_id: str, segments: Sequence[Segment]) -> int:
        """Put segments after those that are there; how many there are then. Raises `NotFound`, `Conflict` when they
        would be too many, and `Unavailable`."""
        await self._calls.get(organization_id, call_id)
        with store_answers():
            async with self._store.write() as unit:
                if await unit.transcripts.count(call_id) + len(segments) > MOST:
                    raise Conflict("transcript_full", f"The transcript of a call has at most {MOST} segments.")
                return await unit.transcripts.add(call_id, segments)

    async def of(self, call_id: str) -> list[Segment]:
        """Of a call that the asker may see. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.transcripts.of(call_id)

    async def among(self, call_ids: Sequence[str]) -> set[str]:
        """Those of the calls that have a transcript. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.transcripts.among(call_ids)
