"""API keys in the database: hashes, never keys (see `model.key`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, bindparam, delete, insert, or_, select, update

from trunkline.model.key import ApiKey
from trunkline.store.database.database import Session
from trunkline.store.database.tables import API_KEYS

_STRINGS = msgspec.json.Decoder(tuple[str, ...])


class Keys:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

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
