"""Which database a test runs on: an SQLite file, or a PostgreSQL database of its own; both with the tables made."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import select

from tests.postgres import Cluster
from trunkline.store.database.tables import METADATA
from trunkline.store.migrate import HEAD
from trunkline.store.store import Store

SQLITE, POSTGRES, BOTH = "sqlite", "postgres", "both"
CHOICES = (SQLITE, POSTGRES, BOTH)


def backends(wanted: str | None, *, on_both: bool) -> Sequence[str]:
    """What a test runs on: as `--store` says; without it on SQLite, and on PostgreSQL too where the test asks for it
    by `pytest.mark.both_stores`."""
    if wanted == BOTH or (wanted is None and on_both):
        return (SQLITE, POSTGRES)
    return (wanted or SQLITE,)


_EMPTY = """
DO $$
DECLARE one text;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', one);
    END LOOP;
    FOR one IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', one);
    END LOOP;
END $$
"""
"""Makes a database as it was when its tables were made, in a tenth of the time that a new one takes."""
_SHAPE = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' UNION ALL SELECT version_num FROM alembic_version
"""
_UNCHANGED = {"alembic_version", HEAD, *METADATA.tables}


class Databases:
    """Databases on a server, with empty tables: each is used again by the next test unless its tables were changed."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._serial = itertools.count(1)
        self._idle: list[str] = []
        asyncio.run(self._migrate(folder))

    async def _migrate(self, folder: Path) -> None:
        await self.cluster.command("CREATE DATABASE migrated")
        store = await Store.open(self.cluster.url("migrated"), folder / "secret.key")
        await store.close()

    @contextlib.contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of one."""
        name = self._idle.pop() if self._idle else asyncio.run(self._make())
        yield self.cluster.url(name)
        asyncio.run(self._clear(name))

    async def _make(self) -> str:
        name = f"test{next(self._serial)}"
        await self.cluster.command(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")
        return name

    async def _clear(self, name: str) -> None:
        if {row[0] for row in await self.cluster.command(_SHAPE, name)} == _UNCHANGED:
            await self.cluster.command(_EMPTY, name)
            self._idle.append(name)
        else:
            await self.cluster.command(f"DROP DATABASE {name} WITH (FORCE)")


async def contents(store: Store) -> str:
    """Everything that is in a store's database."""
    async with store.read() as unit:
        found = [await unit.session.rows(select(table)) for table in METADATA.tables.values()]
    return "\n".join(str(row) for rows in found for row in rows)
