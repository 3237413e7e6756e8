"""Purchases of numbers, each written down before the provider is asked: what was paid for is never forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import insert, select, update

from trunkline.store.database.database import Session
from trunkline.store.database.outside import PURCHASES

PurchaseState = Literal["asked", "lost", "bought", "kept", "failed"]
"""`asked`: the provider is being asked. `lost`: it was, and its answer did not come. `bought`: it said yes, and the
number is not among ours yet. `kept`: it is. `failed`: it said no."""
OPEN: Sequence[PurchaseState] = ("asked", "lost", "bought")


class Purchase(NamedTuple):
    id: str
    organization_id: str
    connection_id: str
    provider: str
    e164: str
    label: str | None
    state: PurchaseState
    resource_id: str | None = None
    error: str | None = None
    wanted: str = "{}"
    """What the number shall be beyond that, as its service understands it."""
    number_id: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0


class Purchases:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, purchase: Purchase) -> None:
        """Raises `Conflict("e164")` while the same number is being bought already."""
        await self._session.execute(insert(PURCHASES).values(**purchase._asdict()))

    async def move(self, id_: str, state: PurchaseState, wall: float, **more: Any) -> None:
        statement = update(PURCHASES).where(PURCHASES.c.id == id_)
        await self._session.execute(statement.values(state=state, updated_at=wall, **more))

    async def unfinished(self) -> list[Purchase]:
        """Those that came to no end, oldest first."""
        rows = await self._session.rows(select(PURCHASES).where(PURCHASES.c.state.in_(OPEN)).order_by(PURCHASES.c.id))
        return [Purchase(**row._mapping) for row in rows]
