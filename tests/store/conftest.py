"""A store for the tests: a real SQLite file, and PostgreSQL where `TRUNKLINE_TEST_POSTGRES` names a database that may
be emptied."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from trunkline.store.database import Database
from trunkline.store.store import Store

POSTGRES = os.environ.get("TRUNKLINE_TEST_POSTGRES")


async def _empty(url: str) -> None:
    database = Database.open(url)
    async with database.write() as session:
        await session.execute(text("DROP SCHEMA public CASCADE"))
        await session.execute(text("CREATE SCHEMA public"))
    await database.close()


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "postgresql":
        assert POSTGRES is not None
        await _empty(POSTGRES)
        return POSTGRES
    return f"sqlite:///{tmp_path}/trunkline.db"


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(url, tmp_path / "secret.key")
    yield store
    await store.close()
