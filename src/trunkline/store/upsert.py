"""`INSERT … ON CONFLICT`, which SQLite and PostgreSQL both have but SQLAlchemy spells once for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

Assign = Callable[[Any], Mapping[str, ColumnElement[Any]]]
"""From the row that was to be inserted (`excluded`) to what changes in the one that is there."""


def upsert(
    backend: str,
    table: Table,
    keys: Sequence[str],
    assign: Assign | None = None,
    where: Callable[[Any], ColumnElement[bool]] | None = None,
) -> Executable:
    """Insert, or change the row that has the same `keys`: as `assign` says, all other columns when it is None; and only
    where `where` holds."""
    statement = sqlite.insert(table) if backend == "sqlite" else postgresql.insert(table)
    excluded = statement.excluded
    changes = assign(excluded) if assign else {c.name: excluded[c.name] for c in table.c if c.name not in keys}
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_=dict(changes), where=where(excluded) if where else None
    )


def insert_missing(backend: str, table: Table) -> Executable:
    """Insert, or leave what is there as it is."""
    if backend == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
