"""Organizations in the database."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select, update

from trunkline.model.organization import Organization, OutboundRules
from trunkline.store.database.database import Session
from trunkline.store.database.tables import ORGANIZATIONS

_RULES = msgspec.json.Decoder(OutboundRules)
_DEFAULT = OutboundRules()
_DEFAULTS = "{}"


class Organizations:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> list[Organization]:
        return [_organization(row) for row in await self._session.rows(select(ORGANIZATIONS))]

    async def insert(self, organization: Organization) -> None:
        """Raises `Conflict("id")`."""
        await self._session.execute(insert(ORGANIZATIONS).values(_row(organization)))

    async def update(self, organization: Organization) -> bool:
        """Put the record in place of the one with its id; False when there is none."""
        statement = update(ORGANIZATIONS).where(ORGANIZATIONS.c.id == organization.id)
        return (await self._session.execute(statement.values(_row(organization)))).rowcount > 0

    async def delete(self, id_: str) -> bool:
        """Raises `Conflict("reference")` while anything but calls belongs to it."""
        return (await self._session.execute(delete(ORGANIZATIONS).where(ORGANIZATIONS.c.id == id_))).rowcount > 0


def _row(organization: Organization) -> dict[str, Any]:
    row = structs.asdict(organization)
    rules = organization.outbound
    row["outbound"] = _DEFAULTS if rules == _DEFAULT else msgspec.json.encode(rules).decode()
    return row


def _organization(row: Row[Any]) -> Organization:
    fields = dict(row._mapping)
    text = fields["outbound"]
    fields["outbound"] = _DEFAULT if text == _DEFAULTS else _RULES.decode(text)
    return Organization(**fields)
