from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from trunkline.store import migrate as migrate_module
from trunkline.store.database.errors import SchemaMismatch
from trunkline.store.database.tables import METADATA
from trunkline.store.migrate import HEAD, migrate
from trunkline.store.store import Store


async def test_the_migrated_tables_are_the_tables(store: Store) -> None:
    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, METADATA)

    def indexes(connection: Connection) -> dict[str, list[str | None]]:
        found = inspect(connection)
        return {i["name"] or "": i["column_names"] for table in METADATA.tables for i in found.get_indexes(table)}

    async with store.read() as unit:
        assert await unit.session.connection.run_sync(differences) == []
        # The order of an index's columns is what it is made for, and alembic does not compare it.
        assert await unit.session.connection.run_sync(indexes) == {
            str(index.name): [column.name for column in index.columns]
            for table in METADATA.tables.values()
            for index in table.indexes
        }


async def test_the_newest_migration_is_the_head() -> None:
    scripts = ScriptDirectory(str(Path(migrate_module.__file__).parent / "migrations"))
    assert scripts.get_heads() == [HEAD]


async def test_migrating_again_changes_nothing(store: Store) -> None:
    await migrate(store.database)


async def test_a_newer_programs_database_is_left_alone(store: Store, url: str, tmp_path: Path) -> None:
    async with store.write() as unit:
        await unit.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match="9999"):
        await Store.open(url, tmp_path / "secret.key")


def test_alembic_is_imported_only_to_migrate(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from trunkline.store.store import Store

async def start() -> None:
    store = await Store.open("sqlite:///{tmp_path}/x.db", Path("{tmp_path}/key"))
    await store.close()

asyncio.run(start())
print("alembic" in sys.modules)
"""
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "ab"]
    assert [run.stdout.strip() for run in runs] == ["True", "False"]
