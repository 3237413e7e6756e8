"""Agents in the database."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select, update

from trunkline.model.agent import Agent, Step
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page, page_of
from trunkline.store.database.tables import AGENTS

_MEMBERS = msgspec.json.Decoder(tuple[str, ...])
_STEPS = msgspec.json.Decoder(dict[str, Step])
_STATUSES = msgspec.json.Decoder(tuple[int, ...])


class Agents:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, id_: str, *, organization: str | None) -> Agent | None:
        """None also when it is another organization's; `organization` None asks for an operator, who sees all."""
        where = [AGENTS.c.id == id_]
        if organization is not None:
            where.append(AGENTS.c.organization_id == organization)
        row = await self._session.first(select(AGENTS).where(*where))
        return _agent(row) if row else None

    async def by_external_id(self, trunk_id: str, external_id: str) -> Agent | None:
        """The agent that stands for an engine's own, on the engine's trunk."""
        statement = select(AGENTS).where(AGENTS.c.trunk_id == trunk_id, AGENTS.c.external_id == external_id)
        row = await self._session.first(statement.order_by(AGENTS.c.id).limit(1))
        return _agent(row) if row else None

    async def on_trunk(self, trunk_id: str) -> list[Agent]:
        return [_agent(row) for row in await self._session.rows(select(AGENTS).where(AGENTS.c.trunk_id == trunk_id))]

    async def page(
        self,
        *,
        organization: str | None,
        kind: str | None = None,
        sandbox: bool = False,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Agent]:
        """In the order they were made."""
        where = [AGENTS.c.sandbox == sandbox]
        if organization is not None:
            where.append(AGENTS.c.organization_id == organization)
        if kind is not None:
            where.append(AGENTS.c.kind == kind)
        rows, total = await page_of(self._session, AGENTS, where, (AGENTS.c.id,), page, per_page)
        return Page([_agent(row) for row in rows], total)

    async def everything(self, *, sandbox: bool = False) -> list[Agent]:
        """All outside the sandboxes, or all in them."""
        statement = select(AGENTS).where(AGENTS.c.sandbox == sandbox).order_by(AGENTS.c.id)
        return [_agent(row) for row in await self._session.rows(statement)]

    async def names(self, ids: set[str]) -> dict[str, str]:
        """The names of the agents of a page, to show beside their ids."""
        rows = await self._session.rows(select(AGENTS.c.id, AGENTS.c.name).where(AGENTS.c.id.in_(ids)))
        return {row.id: row.name for row in rows}

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
