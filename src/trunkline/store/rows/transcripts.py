"""What was said in calls, as agents tell it, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, func, insert, select

from trunkline.store.database.call_tables import TRANSCRIPTS
from trunkline.store.database.database import Session

_T = TRANSCRIPTS.c
_OF = select(_T.speaker, _T.text, _T.at).where(_T.call_id == bindparam("call")).order_by(_T.at, _T.position)
_AMONG = select(_T.call_id).where(_T.call_id.in_(bindparam("calls", expanding=True))).distinct()


class Segment(NamedTuple):
    speaker: str
    """`agent` or `caller`."""
    text: str
    at: float
    """Unix seconds."""


class Transcripts:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, call_id: str, segments: Sequence[Segment]) -> int:
        """Put them after those that are there; how many there are then. In a writing transaction alone, which is what
        keeps two from taking one place."""
        count = await self.count(call_id)
        rows = [
            {"call_id": call_id, "position": count + number, **segment._asdict()}
            for number, segment in enumerate(segments)
        ]
        if rows:
            await self._session.execute(insert(TRANSCRIPTS), rows)
        return count + len(rows)

    async def count(self, call_id: str) -> int:
        return int(await self._session.scalar(select(func.count()).where(_T.call_id == call_id)))

    async def of(self, call_id: str) -> list[Segment]:
        """In the order of time, and as they came where that says nothing."""
        return [Segment._make(row) for row in await self._session.rows(_OF, {"call": call_id})]

    async def among(self, call_ids: Sequence[str]) -> set[str]:
        """Those of the calls that have any."""
        return {row.call_id for row in await self._session.rows(_AMONG, {"calls": call_ids})} if call_ids else set()
