"""What a restart has to end: the calls that the journal has seen begin and not end, and how far the journal was read.

Both are written in the transaction that writes the calls, so that they are never at odds with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from trunkline.model.call import CallRecord
from trunkline.model.journal import DialogState
from trunkline.store.calls import call_record
from trunkline.store.database import Session
from trunkline.store.tables import CALLS, JOURNAL_POSITIONS, OPEN_CALLS
from trunkline.store.upsert import upsert

_ENCODER = msgspec.msgpack.Encoder()
_DIALOGS = msgspec.msgpack.Decoder(tuple[DialogState, ...])


class Position(NamedTuple):
    """A place in a journal: everything before it is in the database."""

    segment: int
    offset: int


START = Position(0, 0)


class OpenCall(NamedTuple):
    record: CallRecord
    dialogs: tuple[DialogState, ...]
    """Empty when it was not answered."""


class OpenCalls:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def write(self, journal: str, calls: Iterable[tuple[str, Sequence[DialogState]]]) -> None:
        """Note calls (their ids) as open, or that they are answered by now."""
        rows = [
            {"call_id": id_, "journal": journal, "dialogs": _ENCODER.encode(dialogs) if dialogs else None}
            for id_, dialogs in calls
        ]
        if rows:
            await self._session.execute(_UPSERT[self._backend], rows)

    async def remove(self, ids: Sequence[str]) -> None:
        """These calls are over, and nothing is left to do about them."""
        if ids:
            await self._session.execute(_REMOVE, [{"id": id_} for id_ in ids])

    async def of_journal(self, journal: str) -> list[OpenCall]:
        statement = select(OPEN_CALLS.c.dialogs, CALLS).join(CALLS, CALLS.c.id == OPEN_CALLS.c.call_id)
        rows = await self._session.rows(statement.where(OPEN_CALLS.c.journal == journal).order_by(CALLS.c.id))
        return [OpenCall(call_record(row), _DIALOGS.decode(row.dialogs) if row.dialogs else ()) for row in rows]

    async def position(self, journal: str) -> Position:
        """Up to where the journal is in the database."""
        table = JOURNAL_POSITIONS
        row = await self._session.first(select(table.c.segment, table.c.offset).where(table.c.journal == journal))
        return Position(row.segment, row.offset) if row else START

    async def advance(self, journal: str, old: Position, new: Position) -> bool:
        """Move the position from `old`; False when it is elsewhere, and what was read from there must not be written
        again."""
        table = JOURNAL_POSITIONS
        if old == START and await self.position(journal) == START:
            await self._session.execute(insert(table).values(journal=journal, segment=new.segment, offset=new.offset))
            return True
        statement = update(table).where(
            table.c.journal == journal, table.c.segment == old.segment, table.c.offset == old.offset
        )
        return (await self._session.execute(statement.values(segment=new.segment, offset=new.offset))).rowcount > 0


_UPSERT = {backend: upsert(backend, OPEN_CALLS, ["call_id"]) for backend in ("sqlite", "postgresql")}
_REMOVE = delete(OPEN_CALLS).where(OPEN_CALLS.c.call_id == bindparam("id"))
