"""The last test of each trunk in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from trunkline.store.database.database import Session
from trunkline.store.database.tables import TRUNK_TESTS
from trunkline.store.database.upsert import upsert


class TrunkTest(NamedTuple):
    """What somebody's test of a trunk came to."""

    trunk_id: str
    at: float
    """Unix seconds."""
    status: str
    """`reachable`, `unreachable` or `auth_failed`."""
    latency: float | None
    registration: str
    detail: str | None


class TrunkTests:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def put(self, test: TrunkTest) -> None:
        """In place of the trunk's last one. Raises `Conflict("reference")` when the trunk is gone."""
        await self._session.execute(upsert(self._backend, TRUNK_TESTS, ["trunk_id"]), [test._asdict()])

    async def of(self, trunk_ids: Sequence[str]) -> dict[str, TrunkTest]:
        statement = select(TRUNK_TESTS).where(TRUNK_TESTS.c.trunk_id.in_(trunk_ids))
        return {row.trunk_id: TrunkTest(**row._mapping) for row in await self._session.rows(statement)}
