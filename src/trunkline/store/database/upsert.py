"""`INSERT … ON CONFLICT`, which SQLite and PostgreSQL both have but SQLAlchemy spells once for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.sql.dml import Delete, Insert

from trunkline.store.database.database import Session

BACKENDS = ("sqlite", "postgresql")

Assign = Callable[[Any], Mapping[str, ColumnElement[Any]]]
"""From the row that was to be inserted (`excluded`) to what changes in the one that is there."""


def upsert(backend: str, table: Table, keys: Sequence[str], assign: Assign | None = None) -> Insert:
    """Insert, or change the row that has the same `keys`: as `assign` says, or all other columns when it is None."""
    statement = sqlite.insert(table) if backend == "sqlite" else postgresql.insert(table)
    excluded = statement.excluded
    changes = assign(excluded) if assign else {c.name: excluded[c.name] for c in table.c if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=dict(changes))


def insert_missing(backend: str, table: Table) -> Insert:
    """Insert, or leave what is there as it is."""
    if backend == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


class Bulk:
    """A statement compiled once, that takes its rows as bare tuples: SQLAlchemy's work for each row of the call log
    would cost more than SQLite's."""

    __slots__ = ("_sql",)

    def __init__(self, backend: str, statement: Insert | Delete, columns: Sequence[str]) -> None:
        dialect = aiosqlite.dialect() if backend == "sqlite" else asyncpg.dialect()  # type: ignore[no-untyped-call]
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) if statement.is_insert else None)
        order = compiled.positiontup or []
        if list(order) != list(columns):
            raise ValueError(f"the driver takes {order}, not {columns}")
        self._sql = str(compiled)

    async def run(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
        await session.run(self._sql, rows)
