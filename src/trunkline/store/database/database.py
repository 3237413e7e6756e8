"""The database behind a URL: its connections, and transactions as context managers.

SQLite has one writer at a time whatever one does, so writing transactions queue here for the one connection that
writes, and begin IMMEDIATE: none fails half-way because another was quicker. Readers have connections of their own and
see one state from their first statement on (WAL). PostgreSQL is used in the same way: one connection writes, and holds
an advisory lock while it does, so that two processes take turns too; readers have one snapshot each.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Column, Executable, Row, Select, event, exc
from sqlalchemy.engine import URL, CursorResult, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trunkline.store.database import sqlite
from trunkline.store.database.errors import StoreError, Unavailable, domain_error

T = TypeVar("T")
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_READERS = 4
_POSTGRES_READERS = 7
_WAIT = 10.0
"""Seconds that a transaction waits for a connection, and the database for a lock of another process."""
_STATEMENT = 60.0
"""Seconds that PostgreSQL may take over a statement: a server that has vanished sends nothing at all."""
_PART = 500
"""Rows that are made ready for the driver, or read from it, without a pause: some milliseconds."""
_LOCK = 0x7472756E6B
"""The advisory lock of whoever writes."""


class Session:
    """One transaction's connection. Its errors are the domain's."""

    __slots__ = ("connection", "writing")

    def __init__(self, connection: AsyncConnection, *, writing: bool) -> None:
        self.connection = connection
        self.writing = writing

    async def execute(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """Run a statement, once for each of `rows` when that is a list. Raises `Conflict`, `Unavailable`."""
        try:
            return await self.connection.execute(statement, rows)
        except (exc.SQLAlchemyError, OSError) as error:
            raise translated(error) from None

    async def many(self, statement: Executable, records: Sequence[T], row: Callable[[T], dict[str, Any]]) -> None:
        """As `execute` for however many records, each of which `row` makes a row of, a part at a time: others run
        between the parts."""
        for start in range(0, len(records), _PART):
            await self.execute(statement, list(map(row, records[start : start + _PART])))
            await asyncio.sleep(0)

    async def run(self, sql: str, rows: Any = None) -> CursorResult[Any]:
        """As `execute`, for SQL that is written already in the driver's own words."""
        try:
            return await self.connection.exec_driver_sql(sql, rows)
        except (exc.SQLAlchemyError, OSError) as error:
            raise translated(error) from None

    async def rows(self, statement: Select[Any], values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """`values`: of the statement's own parameters, where it was made once for all."""
        return (await self.execute(statement, values)).all()

    async def each(self, statement: Select[Any], key: Column[Any]) -> AsyncIterator[Sequence[Row[Any]]]:
        """All rows in the order of `key`, which tells them apart, a part at a time: others run between the parts."""
        last = None
        while True:
            part = statement if last is None else statement.where(key > last)
            rows = await self.rows(part.order_by(key).limit(_PART))
            if rows:
                yield rows
            if len(rows) < _PART:
                return
            last = rows[-1]._mapping[key.name]
            await asyncio.sleep(0)

    async def first(self, statement: Select[Any]) -> Row[Any] | None:
        """The first row. In a writing transaction it is locked until the end (PostgreSQL; SQLite has locked all)."""
        return (await self.execute(statement.with_for_update() if self.writing else statement)).first()

    async def scalar(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        return (await self.execute(statement, values)).scalar()

    @contextlib.asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A part that may fail alone: what it wrote is undone, and the transaction goes on."""
        async with self.connection.begin_nested():
            yield


class Database:
    """The engines of one URL. Open with `open`, and `close` at the end."""

    __slots__ = ("_reader", "_writer", "url")

    def __init__(self, url: URL, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.url = url
        self._writer = writer
        self._reader = reader

    @classmethod
    def open(cls, text: str) -> Database:
        """Raises `Unavailable` when the URL cannot be used. Connections are made when they are needed."""
        url = database_url(text)
        if url.get_backend_name() != "sqlite":
            return cls(url, _postgres_writer(url), _postgres(url, _POSTGRES_READERS, "REPEATABLE READ", readonly=True))
        create_file(url)
        return cls(url, _sqlite(url, connections=1, begin="BEGIN IMMEDIATE"), _sqlite(url, _READERS, begin="BEGIN"))

    @property
    def backend(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """One consistent view. Raises `Unavailable`."""
        async with _connection(self._reader) as connection:
            yield Session(connection, writing=False)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """Committed at the end, undone when anything raises. Raises `Conflict`, `Unavailable`."""
        async with _writing(self._writer) as session:
            yield session

    @contextlib.asynccontextmanager
    async def rebuild(self) -> AsyncIterator[Session]:
        """As `write`, for statements that may take as long as they need: an index over all calls."""
        if self.backend == "sqlite":
            async with self.write() as session:
                yield session
            return
        engine = _postgres_writer(self.url, statement=None)
        try:
            async with _writing(engine) as session:
                yield session
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


@contextlib.asynccontextmanager
async def _writing(engine: AsyncEngine) -> AsyncIterator[Session]:
    async with _connection(engine) as connection, connection.begin() as transaction:
        yield Session(connection, writing=True)
        try:
            await transaction.commit()
        except OSError as error:
            raise translated(error) from None


@contextlib.asynccontextmanager
async def _connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    connection = engine.connect()
    try:
        await connection.start()
    except (exc.SQLAlchemyError, OSError) as error:
        raise translated(error) from None
    try:
        async with contextlib.aclosing(connection):
            yield connection
    except exc.SQLAlchemyError as error:
        raise translated(error) from None


def database_url(text: str) -> URL:
    """`sqlite:///file` or `postgresql://…`, with the driver that is used for it. Raises `Unavailable`."""
    try:
        url = make_url(text)
    except exc.ArgumentError:
        # The text may hold a password.
        raise Unavailable("the database URL has not the form sqlite:///path or postgresql://user@host/name") from None
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise Unavailable(f"no database of the kind {url.get_backend_name()!r} is supported")
    if driver.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise Unavailable("the SQLite database must be a file: the call log has to outlive the process")
    return url.set(drivername=driver)


def create_file(url: URL) -> None:
    """The file is made readable by its owner alone: it holds who called whom. Raises `Unavailable`."""
    assert url.database is not None
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"the database file {path} cannot be opened: {error.strerror}") from None


def _sqlite(url: URL, connections: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        module=sqlite.Driver(),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_WAIT,
        connect_args={"timeout": _WAIT},
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver's own habit of beginning transactions is turned off: `begin` below does it.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {int(_WAIT * 1000)}")
        cursor.execute("PRAGMA cache_size = -8000")
        # 32 MB: a page that many calls change is copied into the database once for all of them. A call costs 20 µs
        # less than with the default of 4 MB.
        cursor.execute("PRAGMA wal_autocheckpoint = 8000")
        cursor.close()
        connection.reads = begin == "BEGIN"

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        if begin == "BEGIN":
            # With the first statement: a reader sees nothing before it. A writer has its lock from here on.
            connection.connection.dbapi_connection.begin = begin
        else:
            connection.exec_driver_sql(begin)

    return engine


def _postgres(
    url: URL,
    connections: int,
    isolation: str,
    *,
    readonly: bool = False,
    statement: float | None = _STATEMENT,
    **settings: str,
) -> AsyncEngine:
    # The planner's compiled expressions cost more than they save for questions that an index answers.
    settings |= {"application_name": "trunkline", "jit": "off"}
    # A connection of ours that broke unseen is noticed by the server in a minute, and gives up what it has locked.
    settings |= {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_WAIT,
        pool_pre_ping=True,
        isolation_level=isolation,
        execution_options={"postgresql_readonly": readonly},
        connect_args={"timeout": _WAIT, "command_timeout": statement, "server_settings": settings},
        hide_parameters=True,
    )


def postgres_session(url: URL) -> AsyncEngine:
    """One connection, and no transactions."""
    return _postgres(url, 1, "AUTOCOMMIT")


def _postgres_writer(url: URL, statement: float | None = _STATEMENT) -> AsyncEngine:
    # Each statement sees what was committed before it, which the lock makes all that will ever be.
    engine = _postgres(url, 1, "READ COMMITTED", statement=statement, lock_timeout=str(int(_WAIT * 1000)))

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

    return engine


def translated(error: exc.SQLAlchemyError | OSError) -> StoreError | Exception:
    """The domain's error, or the error itself when it is a bug."""
    if isinstance(error, OSError):
        return Unavailable(f"the database cannot be reached: {str(error) or 'no answer in time'}")
    return domain_error(error) or error
