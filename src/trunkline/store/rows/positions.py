"""How far each journal has been brought into the database.

A position is written in the transaction that writes the rows, so that they are never at odds.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from trunkline.store.database.database import Session
from trunkline.store.database.tables import JOURNAL_POSITIONS
from trunkline.store.database.upsert import BACKENDS, upsert
from trunkline.store.journal.segments import START, Position


class Positions:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def get(self, journal: str) -> Position:
        """`START` for a journal that is not known."""
        statement = select(JOURNAL_POSITIONS.c.segment, JOURNAL_POSITIONS.c.offset)
        row = await self._session.first(statement.where(JOURNAL_POSITIONS.c.journal == journal))
        return Position(row.segment, row.offset) if row else START

    async def place(self, journal: str, position: Position) -> None:
        """Set the position, wherever it was."""
        row = {"journal": journal, "segment": position.segment, "offset": position.offset}
        await self._session.execute(_PLACE[self._backend], row)

    async def advance(self, journal: str, old: Position, new: Position) -> bool:
        """Move the position from `old`; False when it is elsewhere, and what was read from there must not be written
        again."""
        row = {
            "of": journal,
            "old_segment": old.segment,
            "old_offset": old.offset,
            "new_segment": new.segment,
            "new_offset": new.offset,
        }
        return (await self._session.execute(_ADVANCE, row)).rowcount > 0


_PLACE = {backend: upsert(backend, JOURNAL_POSITIONS, ["journal"]) for backend in BACKENDS}
_ADVANCE = (
    update(JOURNAL_POSITIONS)
    .where(
        JOURNAL_POSITIONS.c.journal == bindparam("of"),
        JOURNAL_POSITIONS.c.segment == bindparam("old_segment"),
        JOURNAL_POSITIONS.c.offset == bindparam("old_offset"),
    )
    .values(segment=bindparam("new_segment"), offset=bindparam("new_offset"))
)
