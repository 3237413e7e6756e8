"""The audit log in the database: written in the transaction of the change it tells of, read by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Row, delete, desc, insert

from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page, page_of
from trunkline.store.database.tables import AUDIT

_CHANGES = msgspec.json.Decoder(dict[str, tuple[Any, Any]])


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One record made, changed or removed, and by whom."""

    id: str
    at: float
    organization_id: str | None
    """Whose it is; None for what stands above the organizations."""
    key_id: str | None
    """None when this system itself did it."""
    actor: str
    """The key's name at the time."""
    role: str | None
    source: str | None
    """The address that asked."""
    request_id: str | None
    action: str
    """`create`, `update` or `delete`."""
    kind: str
    resource_id: str
    name: str | None
    changes: dict[str, tuple[Any, Any]]
    """Field: before and after. A credential is shown as dots."""
    note: str | None = None


class Audit:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        await self._session.many(insert(AUDIT), entries, _row)

    async def page(
        self,
        *,
        organization: str | None,
        kind: str | None = None,
        resource_id: str | None = None,
        key_id: str | None = None,
        start: float | None = None,
        end: float | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[AuditEntry]:
        """Newest first; `organization` None asks for an operator, who sees all."""
        where: list[ColumnElement[bool]] = [
            column == value
            for column, value in (
                (AUDIT.c.organization_id, organization),
                (AUDIT.c.kind, kind),
                (AUDIT.c.resource_id, resource_id),
                (AUDIT.c.key_id, key_id),
            )
            if value is not None
        ]
        if start is not None:
            where.append(AUDIT.c.at >= start)
        if end is not None:
            where.append(AUDIT.c.at < end)
        rows, total = await page_of(self._session, AUDIT, where, (desc(AUDIT.c.id),), page, per_page)
        return Page([_entry(row) for row in rows], total)

    async def delete_before(self, wall: float) -> int:
        return (await self._session.execute(delete(AUDIT).where(AUDIT.c.at < wall))).rowcount


def _row(entry: AuditEntry) -> dict[str, Any]:
    row = structs.asdict(entry)
    row["changes"] = msgspec.json.encode(entry.changes).decode()
    return row


def _entry(row: Row[Any]) -> AuditEntry:
    fields = dict(row._mapping)
    fields["changes"] = _CHANGES.decode(fields["changes"])
    return AuditEntry(**fields)
