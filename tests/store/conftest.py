"""A store for the tests: on a real SQLite file, and on a real PostgreSQL where one is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.postgres import Cluster
from trunkline.store.store import Store


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Cluster:
    """The server, with a database `migrated` to copy."""
    return databases.cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database: a file that is not there yet, or empty tables."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path}/trunkline.db"


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(url, tmp_path / "secret.key")
    yield store
    await store.close()
