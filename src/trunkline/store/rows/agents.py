"""Agents in the database."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select, update

from trunkline.model.agent import Agent, Step
from trunkline.store.database.database import Session
from trunkline.store.database.tables import AGENTS

_MEMBERS = msgspec.json.Decoder(tuple[str, ...])
_STEPS = msgspec.json.Decoder(dict[str, Step])
_STATUSES = msgspec.json.Decoder(tuple[int, ...])


class Agents:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def everything(self, *, sandbox: bool = False) -> list[Agent]:
        """All outside the sandboxes, or all in them."""
        statement = select(AGENTS).where(AGENTS.c.sandbox == sandbox).order_by(AGENTS.c.id)
        return [_agent(row) for row in await self._session.rows(statement)]

    async def insert(self, agent: Agent, *, sandbox: bool = False) -> None:
        """Raises `Conflict("reference")` when its organization or trunk does not exist."""
        await self._session.execute(insert(AGENTS).values(**_row(agent), sandbox=sandbox))

    async def update(self, agent: Agent) -> bool:
        """Put the record in place of the one with its id; False when there is none."""
        return (
            await self._session.execute(update(AGENTS).where(AGENTS.c.id == agent.id).values(_row(agent)))
        ).rowcount > 0

    async def delete(self, id_: str) -> bool:
        """Raises `Conflict("reference")` while a number is assigned to it. Groups that name it are not looked at."""
        return (await self._session.execute(delete(AGENTS).where(AGENTS.c.id == id_))).rowcount > 0


def _row(agent: Agent) -> dict[str, Any]:
    row = structs.asdict(agent)
    for field in ("members", "steps", "hunt_on"):
        row[field] = msgspec.json.encode(getattr(agent, field)).decode()
    return row


def _agent(row: Row[Any]) -> Agent:
    fields = dict(row._mapping)
    del fields["sandbox"]
    fields["members"] = _MEMBERS.decode(fields["members"])
    fields["steps"] = _STEPS.decode(fields["steps"])
    fields["hunt_on"] = _STATUSES.decode(fields["hunt_on"])
    return Agent(**fields)
