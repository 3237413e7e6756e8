"""A store for the tests: on a real SQLite file, and on a real PostgreSQL where one is installed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.postgres import Cluster
from trunkline.store.store import Store

_SERIAL = itertools.count(1)


async def _migrated(cluster: Cluster, key: Path) -> None:
    await cluster.command("CREATE DATABASE migrated")
    store = await Store.open(cluster.url("migrated"), key)
    await store.close()


@pytest.fixture(scope="session")
def migrated(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The server, with a database `migrated` to copy."""
    asyncio.run(_migrated(cluster, tmp_path_factory.mktemp("postgres") / "secret.key"))
    return cluster


@pytest.fixture
def postgres_url(migrated: Cluster) -> Iterator[str]:
    """A PostgreSQL database with empty tables."""
    name = f"test{next(_SERIAL)}"
    asyncio.run(migrated.command(f"CREATE DATABASE {name} TEMPLATE migrated"))
    yield migrated.url(name)
    asyncio.run(migrated.command(f"DROP DATABASE {name} WITH (FORCE)"))


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
