"""API keys in the database: hashes, never keys (see `model.key`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, bindparam, delete, insert, or_, select, update

from trunkline.model.key import ApiKey
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page, page_of
from trunkline.store.database.tables import API_KEYS

_STRINGS = msgspec.json.Decoder(tuple[str, ...])


class Keys:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, id_: str, *, organization: str | None) -> ApiKey | None:
        """None also when it is another organization's; `organization` None asks for an operator, who sees all."""
        where = [API_KEYS.c.id == id_]
        if organization is not None:
            where.append(API_KEYS.c.organization_id == organization)
        row = await self._session.first(select(API_KEYS).where(*where))
        return _key(row) if row else None

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        """The key whose SHA-256 this is, expired or not."""
        row = await self._session.first(select(API_KEYS).where(API_KEYS.c.digest == digest))
        return _key(row) if row else None

    async def page(self, *, organization: str | None, page: int = 1, per_page: int = 20) -> Page[ApiKey]:
        """In the order they were made."""
        where = [] if organization is None else [API_KEYS.c.organization_id == organization]
        rows, total = await page_of(self._session, API_KEYS, where, (API_KEYS.c.id,), page, per_page)
        return Page([_key(row) for row in rows], total)

    async def all(self) -> list[ApiKey]:
        return [_key(row) for row in await self._session.rows(select(API_KEYS).order_by(API_KEYS.c.id))]

    async def insert(self, key: ApiKey) -> None:
        """Raises `Conflict("digest")`, `Conflict("reference")` when there is no such organization."""
        await self._session.execute(insert(API_KEYS).values(_row(key)))

    async def update(self, key: ApiKey) -> bool:
        """Put the record in place of the one with its id; False when there is none."""
        return (
            await self._session.execute(update(API_KEYS).where(API_KEYS.c.id == key.id).values(_row(key)))
        ).rowcount > 0

    async def touch(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used (id: Unix seconds), many at once and off the request's path; a time never goes
        backwards."""
        if not used:
            return
        older = or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < bindparam("used"))
        statement = update(API_KEYS).where(API_KEYS.c.id == bindparam("key"), older)
        rows = [{"key": id_, "used": wall} for id_, wall in used.items()]
        await self._session.execute(statement.values(last_used_at=bindparam("used")), rows)

    async def delete(self, id_: str) -> bool:
        return (await self._session.execute(delete(API_KEYS).where(API_KEYS.c.id == id_))).rowcount > 0


def _row(key: ApiKey) -> dict[str, Any]:
    row = structs.asdict(key)
    row["scopes"] = msgspec.json.encode(key.scopes).decode()
    row["networks"] = msgspec.json.encode(key.networks).decode()
    return row


def _key(row: Row[Any]) -> ApiKey:
    fields = dict(row._mapping)
    fields["scopes"] = _STRINGS.decode(fields["scopes"])
    fields["networks"] = _STRINGS.decode(fields["networks"])
    return ApiKey(**fields)
