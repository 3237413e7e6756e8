"""Answers that were given under an Idempotency-Key, so that the same request is not carried out twice."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, insert, select, update

from trunkline.model.secret import Secret
from trunkline.store.database.database import Session
from trunkline.store.database.errors import WrongKey
from trunkline.store.database.seal import Seal
from trunkline.store.database.tables import IDEMPOTENCY

_T = IDEMPOTENCY.c


class Given(NamedTuple):
    """An answer as it went out."""

    status: int
    content_type: str
    body: bytes


class Kept(NamedTuple):
    """A request that was begun under a key, and its answer when it got one."""

    digest: bytes
    at: float
    given: Given | None


class Idempotency:
    __slots__ = ("_seal", "_session")

    def __init__(self, session: Session, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def get(self, key_id: str, key: str) -> Kept | None:
        row = await self._session.first(select(IDEMPOTENCY).where(_is(key_id, key)))
        if row is None:
            return None
        given = None
        if row.status is not None:
            body = self._seal.open_token(row.body).reveal().encode("utf-8", "surrogateescape")
            given = Given(row.status, row.content_type, body)
        return Kept(row.digest, row.at, given)

    async def begin(self, key_id: str, key: str, digest: bytes, wall: float) -> None:
        """Raises `Conflict` when the key was used already."""
        row: dict[str, Any] = {"key_id": key_id, "idempotency_key": key, "digest": digest, "at": wall}
        await self._session.execute(insert(IDEMPOTENCY).values(row))

    async def answer(self, key_id: str, key: str, given: Given) -> None:
        body = self._seal.shut(Secret(given.body.decode("utf-8", "surrogateescape")))
        values = {"status": given.status, "content_type": given.content_type, "body": body}
        await self._session.execute(update(IDEMPOTENCY).where(_is(key_id, key)).values(values))

    async def forget(self, key_id: str, key: str) -> None:
        await self._session.execute(delete(IDEMPOTENCY).where(_is(key_id, key)))

    async def reseal(self) -> int:
        """Seal every answer with the first key of the key file; how many there were. One that no key opens is left: it
        is forgotten with its day."""
        kept = await self._session.rows(select(_T.key_id, _T.idempotency_key, _T.body).where(_T.body.is_not(None)))
        for row in kept:
            with contextlib.suppress(WrongKey):
                statement = update(IDEMPOTENCY).where(_is(row.key_id, row.idempotency_key))
                await self._session.execute(statement.values(body=self._seal.renew(row.body)))
        return len(kept)

    async def delete_until(self, wall: float) -> int:
        """Forget what was asked at `wall` (Unix seconds) or earlier; how much that was."""
        return (await self._session.execute(delete(IDEMPOTENCY).where(_T.at <= wall))).rowcount


def _is(key_id: str, key: str) -> ColumnElement[bool]:
    return (_T.key_id == key_id) & (_T.idempotency_key == key)
