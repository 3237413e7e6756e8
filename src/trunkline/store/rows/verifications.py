"""Business verifications in the database: one for each organization."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, select

from trunkline.model.verification import Business, Representative, Verification, VerificationStatus
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page, page_of
from trunkline.store.database.tables import ORGANIZATIONS, VERIFICATIONS
from trunkline.store.database.upsert import upsert

_T = VERIFICATIONS.c
_LIVE = _T.organization_id.in_(select(ORGANIZATIONS.c.id).where(ORGANIZATIONS.c.sandbox_of.is_(None)))
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
        return None if row is None else _verification(row)

    async def called(self, id: str) -> Verification | None:
        row = await self._session.first(select(VERIFICATIONS).where(_T.id == id, _LIVE))
        return None if row is None else _verification(row)

    async def page(self, status: VerificationStatus | None, page: int, per_page: int) -> Page[Verification]:
        """Of all organizations, the latest first; none of a test key's."""
        where = [_LIVE] if status is None else [_LIVE, _T.status == status]
        rows, total = await page_of(
            self._session, VERIFICATIONS, where, (_T.updated_at.desc(), _T.id.desc()), page, per_page
        )
        return Page([_verification(row) for row in rows], total)

    async def put(self, verification: Verification) -> None:
        row: dict[str, Any] = structs.asdict(verification)
        row["business"] = msgspec.json.encode(verification.business).decode()
        row["representative"] = msgspec.json.encode(verification.representative).decode()
        await self._session.execute(upsert(self._backend, VERIFICATIONS, ["organization_id"]), [row])


def _verification(row: Row[Any]) -> Verification:
    fields = dict(row._mapping)
    fields["business"] = _BUSINESS.decode(fields["business"])
    fields["representative"] = _PERSON.decode(fields["representative"])
    return Verification(**fields)
