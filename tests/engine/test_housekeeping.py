"""Refusals that were counted are written, and none is lost while the database cannot take them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from trunkline.engine.housekeeping import write_refusals
from trunkline.store.database.errors import StoreError
from trunkline.store.store import Store
from trunkline.telemetry.refusals import RefusalCounts


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'edge.db'}", tmp_path / "secret.key")
    yield opened
    await opened.close()


async def rows(store: Store) -> dict[tuple[str, str], int]:
    async with store.read() as unit:
        found, _ = await unit.refusals.page()
    return {(row.source, row.reason): row.count for row in found}


async def test_they_are_written_once(store: Store) -> None:
    refusals = RefusalCounts()
    for _ in range(3):
        refusals.add(60.0, "udp:192.0.2.7", "unknown-source", 403)
    await write_refusals(store, refusals)
    await write_refusals(store, refusals)
    refusals.add(61.0, "udp:192.0.2.7", "unknown-source", 403)
    await write_refusals(store, refusals)
    assert await rows(store) == {("192.0.2.7", "unknown-source"): 4}


async def test_a_database_that_fails_loses_none(store: Store, tmp_path: Path) -> None:
    refusals = RefusalCounts()
    refusals.add(60.0, "udp:192.0.2.7", "unknown-source", 403)
    with closing(sqlite3.connect(tmp_path / "edge.db")) as other:
        other.execute("ALTER TABLE refusals RENAME TO elsewhere")
        with pytest.raises(StoreError):
            await write_refusals(store, refusals)
        refusals.add(61.0, "udp:192.0.2.7", "unknown-source", 403)
        other.execute("ALTER TABLE elsewhere RENAME TO refusals")
    await write_refusals(store, refusals)
    assert await rows(store) == {("192.0.2.7", "unknown-source"): 2}
