"""Requests that were refused before they belonged to any organization, counted by source, reason and minute.

A scanner sends thousands: each is one more in a row, never a row of its own. Operators see them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import structs
from sqlalchemy import delete, func, select

from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page
from trunkline.store.database.tables import REFUSALS
from trunkline.store.database.upsert import BACKENDS, upsert


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    minute: int
    """Unix seconds at which the minute began."""
    source: str
    """The address, as `192.0.2.7`."""
    reason: str
    status: int
    """The SIP answer; 0 when it was dropped."""
    count: int = 1


class Refusals:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def add(self, refusals: Sequence[Refusal]) -> None:
        """Add to the counts."""
        if refusals:
            await self._session.execute(_ADD[self._backend], [structs.asdict(refusal) for refusal in refusals])

    async def page(
        self,
        *,
        source: str | None = None,
        start: float | None = None,
        end: float | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Refusal]:
        """Those of the minutes from `start` on and before `end` (Unix seconds), newest first."""
        where = []
        if source is not None:
            where.append(REFUSALS.c.source == source)
        if start is not None:
            where.append(REFUSALS.c.minute >= start)
        if end is not None:
            where.append(REFUSALS.c.minute < end)
        total = int(await self._session.scalar(select(func.count()).select_from(REFUSALS).where(*where)))
        order = (REFUSALS.c.minute.desc(), REFUSALS.c.source, REFUSALS.c.reason, REFUSALS.c.status)
        statement = select(REFUSALS).where(*where).order_by(*order).limit(per_page).offset((page - 1) * per_page)
        return Page([Refusal(**row._mapping) for row in await self._session.rows(statement)], total)

    async def delete_before(self, wall: float) -> int:
        return (await self._session.execute(delete(REFUSALS).where(REFUSALS.c.minute < wall))).rowcount


_ADD = {
    backend: upsert(
        backend,
        REFUSALS,
        ["minute", "source", "reason", "status"],
        lambda new: {"count": REFUSALS.c.count + new.count},
    )
    for backend in BACKENDS
}
