"""The calls that go on, as the journal has told so far: live ones, and after a crash those that are to be closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, select, update

from trunkline.model.call import CallRecord
from trunkline.model.journal import DialogState
from trunkline.store.database.call_tables import OPEN_CALLS
from trunkline.store.database.database import Session
from trunkline.store.database.upsert import BACKENDS, Bulk, upsert

_JSON = msgspec.json.Encoder()
_RECORD = msgspec.json.Decoder(CallRecord)
_MSGPACK = msgspec.msgpack.Encoder()
_DIALOGS = msgspec.msgpack.Decoder(tuple[DialogState, ...])


class OpenCall(NamedTuple):
    id: str
    record: CallRecord | None
    """None when it is closed already."""
    dialogs: tuple[DialogState, ...]
    """What a BYE to each side takes; empty until it is answered."""


class OpenCalls:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def write(self, journal: str, calls: Iterable[tuple[CallRecord, Sequence[DialogState]]]) -> None:
        """Note calls as going on, or how they go on by now."""
        rows = [
            (
                record.id,
                journal,
                record.organization_id,
                record.direction,
                record.phone_number,
                record.started_at,
                _JSON.encode(record).decode(),
                _MSGPACK.encode(dialogs) if dialogs else None,
            )
            for record, dialogs in calls
        ]
        if rows:
            await _UPSERT[self._backend].run(self._session, rows)

    async def close(self, ids: Iterable[str]) -> None:
        """These calls are in the log; their BYEs are still to be sent."""
        rows = [{"call": id_} for id_ in ids]
        if rows:
            await self._session.execute(_CLOSE, rows)

    async def remove(self, ids: Iterable[str]) -> None:
        """These calls are in the log, and nothing is left to do about them."""
        rows = [(id_,) for id_ in ids]
        if rows:
            await _REMOVE[self._backend].run(self._session, rows)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are noted as going on."""
        statement = select(OPEN_CALLS.c.id).where(OPEN_CALLS.c.id.in_(ids))
        return {row.id for row in await self._session.rows(statement)}

    async def of_journal(self, journal: str) -> list[OpenCall]:
        statement = select(OPEN_CALLS.c.id, OPEN_CALLS.c.record, OPEN_CALLS.c.dialogs)
        rows = await self._session.rows(statement.where(OPEN_CALLS.c.journal == journal).order_by(OPEN_CALLS.c.id))
        return [
            OpenCall(
                row.id,
                open_record(row.record) if row.record else None,
                _DIALOGS.decode(row.dialogs) if row.dialogs else (),
            )
            for row in rows
        ]


def open_record(text: str) -> CallRecord:
    """The record of a call that goes on, from its column."""
    return _RECORD.decode(text)


_UPSERT = {
    backend: Bulk(backend, upsert(backend, OPEN_CALLS, ["id"]), [column.name for column in OPEN_CALLS.c])
    for backend in BACKENDS
}
_REMOVE = {
    backend: Bulk(backend, delete(OPEN_CALLS).where(OPEN_CALLS.c.id == bindparam("call")), ["call"])
    for backend in BACKENDS
}
_CLOSE = update(OPEN_CALLS).where(OPEN_CALLS.c.id == bindparam("call")).values(record=None)
