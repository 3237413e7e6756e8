"""Numbers that an engine has still to be told of: a row each, from the request until it is done or has failed for
good."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import delete, select, update

from trunkline.store.database.database import Session
from trunkline.store.database.outside import JOBS
from trunkline.store.database.upsert import upsert


class Job(NamedTuple):
    number_id: str
    organization_id: str
    attempts: int
    due_at: float
    """Unix seconds."""
    error: str | None = None
    created_at: float = 0.0


class Jobs:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def put(self, job: Job) -> None:
        """Begin it, or begin it anew."""
        await self._session.execute(upsert(self._backend, JOBS, ["number_id"]), [job._asdict()])

    async def postpone(self, number_id: str, **changes: Any) -> None:
        await self._session.execute(update(JOBS).where(JOBS.c.number_id == number_id).values(**changes))

    async def remove(self, number_id: str) -> None:
        await self._session.execute(delete(JOBS).where(JOBS.c.number_id == number_id))

    async def all(self) -> list[Job]:
        return [Job(**row._mapping) for row in await self._session.rows(select(JOBS).order_by(JOBS.c.due_at))]
