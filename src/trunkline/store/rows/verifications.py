"""Business verifications in the database: one for each organization."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import select

from trunkline.model.verification import Business, Representative, Verification
from trunkline.store.database.database import Session
from trunkline.store.database.tables import VERIFICATIONS
from trunkline.store.database.upsert import upsert

_BUSINESS = msgspec.json.Decoder(Business)
_PERSON = msgspec.json.Decoder(Representative)


class Verifications:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def of(self, organization_id: str) -> Verification | None:
        statement = select(VERIFICATIONS).where(VERIFICATIONS.c.organization_id == organization_id)
        row = await self._session.first(statement)
        if row is None:
            return None
        fields = dict(row._mapping)
        fields["business"] = _BUSINESS.decode(fields["business"])
        fields["representative"] = _PERSON.decode(fields["representative"])
        return Verification(**fields)

    async def put(self, verification: Verification) -> None:
        row: dict[str, Any] = structs.asdict(verification)
        row["business"] = msgspec.json.encode(verification.business).decode()
        row["representative"] = msgspec.json.encode(verification.representative).decode()
        await self._session.execute(upsert(self._backend, VERIFICATIONS, ["organization_id"]), [row])
