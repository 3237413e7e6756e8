"""The one edge of a database: it takes the place at its start, and has it while it lives.

A second edge would close the calls of the first as interrupted when it starts, and neither would learn what the other's
API is told. So it is refused. The place is a lock that goes with the process, however it ends: on SQLite one on the
file, on PostgreSQL an advisory lock of a session of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from datetime import UTC
from typing import Any, Self

from sqlalchemy import Row, exc, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from trunkline.store.database.database import create_file, database_url, postgres_session, translated
from trunkline.store.database.errors import Occupied, Unavailable

_log = logging.getLogger("trunkline.store")
_LOCK = 0x65646765
"""The advisory lock of the edge."""
_PATIENCE = 3.0
"""Seconds that a start waits: the server has yet to see that the edge before it is gone."""
_TRY_EVERY = 0.2
_LOOK_EVERY = 5.0
_TRY = text("SELECT pg_try_advisory_lock(:lock)").bindparams(lock=_LOCK)
_HOLDER = text(
    "SELECT host(client_addr) AS address, backend_start AS since FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :lock AND objsubid = 1"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
).bindparams(lock=_LOCK)


class Occupancy:
    """`take` it; `keep` it, as a duty; `close` it last."""

    __slots__ = ("_connection", "_engine", "_file", "reason")

    def __init__(self, file: int | None, engine: AsyncEngine | None) -> None:
        self._file = file
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self.reason = ""
        """Why the place is not this edge's now; empty while it is, or while nobody can be asked."""

    @classmethod
    async def take(cls, url: str, patience: float = _PATIENCE) -> Self:
        """Take the place of the edge in the database behind `url`, within `patience` seconds. Raises `Unavailable`,
        also when another edge has it."""
        parsed = database_url(url)
        if parsed.get_backend_name() == "sqlite":
            return cls(_locked_file(parsed), None)
        made = cls(None, postgres_session(parsed))
        try:
            await made._take(patience)
        except BaseException:
            await made.close()
            raise
        return made

    async def keep(self) -> None:
        """Without end: take the place again after the connection broke."""
        while self._engine is not None:
            await asyncio.sleep(_LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Whether the place is still this edge's, or is again."""
        if self._engine is None:
            return
        if self._connection is not None:
            with contextlib.suppress(exc.SQLAlchemyError, OSError):
                await self._connection.execute(text("SELECT 1"))
                return
            await self._leave()
        try:
            await self._take(0.0)
        except Occupied as error:
            if not self.reason:
                _log.error("%s: stop one of the two", error.reason)
            self.reason = error.reason
        except Unavailable:
            return  # a database that is away says so elsewhere
        else:
            self.reason = ""

    async def close(self) -> None:
        """Leave the place to others."""
        await self._leave()
        if self._engine is not None:
            await self._engine.dispose()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _take(self, patience: float) -> None:
        assert self._engine is not None
        end = time.monotonic() + patience
        connection = self._engine.connect()
        try:
            await connection.start()
            self._connection = connection
            while not await connection.scalar(_TRY):
                if time.monotonic() >= end:
                    holder = (await connection.execute(_HOLDER)).first()
                    raise _occupied("the database", _holder(holder))
                await asyncio.sleep(_TRY_EVERY)
        except BaseException as error:
            await self._leave()
            if isinstance(error, exc.SQLAlchemyError | OSError):
                raise translated(error) from None
            raise

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The session ends, and its lock with it.
            with contextlib.suppress(exc.SQLAlchemyError, OSError):
                await connection.invalidate()
            with contextlib.suppress(exc.SQLAlchemyError, OSError):
                await connection.close()


def _occupied(what: str, holder: str = "") -> Occupied:
    return Occupied(f"{what} is in use by another edge{holder}, and a database has one")


def _holder(row: Row[Any] | None) -> str:
    """Where it connects from, and since when."""
    if row is None:
        return ""
    return f" ({row.address or 'through a local socket'}, since {row.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


def _locked_file(url: URL) -> int:
    create_file(url)
    assert url.database is not None
    file = os.open(url.database, os.O_RDWR | os.O_CLOEXEC)
    try:
        # SQLite's own locks are of the other kind, and know nothing of this one.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise _occupied(f"the database file {url.database}") from None
    return file
