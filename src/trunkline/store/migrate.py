"""Bringing a database's tables up to date.

Migrations are frozen once released: a change of `tables` comes with a new file in `migrations/versions`. A test holds
the migrated tables equal to `tables`. Alembic is imported only when there is something to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from trunkline.store.database.database import Database
from trunkline.store.database.errors import SchemaMismatch

HEAD = "0016"
"""The newest migration."""


async def migrate(database: Database) -> None:
    """Raises `Unavailable`, and `SchemaMismatch` when a newer program has been here. All of it happens, or none."""
    async with database.read() as session:
        if await session.connection.run_sync(_revision) == HEAD:
            return
    async with database.rebuild() as session:
        await session.connection.run_sync(_upgrade)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        revision = _revision(connection)
        raise SchemaMismatch(
            f"the database's tables are at version {revision}, which this program does not know: it was used by a newer"
            " one. Run that, or restore a backup made before it"
        ) from None
