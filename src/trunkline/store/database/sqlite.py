"""The driver of SQLite, with one hop to its thread for each statement.

aiosqlite takes each step of a statement to its thread by itself: a cursor is made, it executes, its rows are fetched,
it is closed. Each of these wakes a thread and then the loop, which is many times what SQLite needs for an answer out of
an index. Here they are one step, and so is a reader's BEGIN before the first of them. Its ROLLBACK is not waited for:
what comes after it on its connection comes after it in its thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.util.concurrency import await_

_Done = tuple[Sequence[Any], Any, int, int | None]
"""Rows, their description, how many were touched, and the last row's id."""


class Cursor:
    """What SQLAlchemy asks of a cursor (PEP 249); it has all of its rows as soon as it has executed."""

    __slots__ = ("_connection", "_next", "_rows", "arraysize", "description", "lastrowid", "rowcount")

    server_side = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self._next = 0
        self.arraysize = 1
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, operation: str, parameters: Any = None) -> None:
        self._run(operation, () if parameters is None else parameters, many=False)

    def executemany(self, operation: str, parameters: Sequence[Any]) -> None:
        self._run(operation, parameters, many=True)

    def _run(self, operation: str, parameters: Any, *, many: bool) -> None:
        done = self._connection.run(operation, parameters, many=many)
        self._rows, self.description, self.rowcount, self.lastrowid = done
        self._next = 0

    def fetchone(self) -> Any:
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        start, self._next = self._next, min(len(self._rows), self._next + (size or self.arraysize))
        return self._rows[start : self._next]

    def fetchall(self) -> Sequence[Any]:
        start, self._next = self._next, len(self._rows)
        return self._rows[start:] if start else self._rows

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def setinputsizes(self, *_: Any) -> None:
        """SQLite has no use for it."""

    def close(self) -> None:
        """The driver's own is closed already."""

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's way to close it and keep the rows."""


class Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ("_asked", "begin", "reads")

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._asked = False
        """Whether anything was, since the last end of a transaction."""
        self.begin: str | None = None
        """What the next statement is to be preceded by."""
        self.reads = False
        """Whether it never has anything to commit."""

    def cursor(self, server_side: bool = False) -> Any:
        assert not server_side
        return Cursor(self)

    def run(self, operation: str, parameters: Any, *, many: bool) -> _Done:
        begin, self.begin, self._asked = self.begin, None, True
        driver: Any = self._connection
        try:
            done: _Done = await_(driver._execute(_run, driver._conn, begin, operation, parameters, many))
        except Exception as error:  # noqa: BLE001 - SQLAlchemy's word for it, which it raises
            self._handle_exception(error)
        return done

    def commit(self) -> None:
        if self._asked:
            super().commit()
        self.begin, self._asked = None, False

    def rollback(self) -> None:
        driver: Any = self._connection
        if self._asked and self.reads and driver._connection is not None:
            driver._tx.put_nowait((None, driver._connection.rollback))
        elif self._asked:
            super().rollback()
        self.begin, self._asked = None, False


def _run(driver: sqlite3.Connection, begin: str | None, operation: str, parameters: Any, many: bool) -> _Done:
    """In the connection's thread."""
    if begin is not None:
        driver.execute(begin)
    cursor = driver.executemany(operation, parameters) if many else driver.execute(operation, parameters)
    rows = cursor.fetchall() if cursor.description else ()
    done = rows, cursor.description, cursor.rowcount, cursor.lastrowid
    cursor.close()
    return done


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """Give it to `create_async_engine` as its `module`."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *positional: Any, **named: Any) -> Connection:
        connection = aiosqlite.connect(*positional, **named)
        connection._thread.daemon = True  # a process that ends waits for no statement
        return Connection(self, await_(connection))
