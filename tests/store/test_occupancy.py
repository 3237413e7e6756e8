"""A database has one edge, for as long as that lives."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.databases import Databases
from tests.postgres import Cluster
from trunkline.store.database.errors import Occupied, Unavailable
from trunkline.store.database.occupancy import Occupancy


async def test_a_second_edge_is_refused_until_the_first_has_ended(url: str) -> None:
    first = await Occupancy.take(url)
    with pytest.raises(Occupied, match="is in use by another edge"):
        await Occupancy.take(url, patience=0.0)
    await first.look()
    assert first.reason == ""
    await first.close()
    second = await Occupancy.take(url, patience=0.0)
    await second.close()
    await second.close()


async def test_it_waits_for_one_that_is_ending(postgres_url: str) -> None:
    first = await Occupancy.take(postgres_url)
    waiting = asyncio.create_task(Occupancy.take(postgres_url, patience=30.0))
    while not waiting.done():
        await asyncio.sleep(0)
        await first.close()
    await (await waiting).close()


async def test_the_refusal_says_who_has_it(postgres_url: str) -> None:
    first = await Occupancy.take(postgres_url)
    with pytest.raises(Occupied, match=r"\(through a local socket, since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\)"):
        await Occupancy.take(postgres_url, patience=0.0)
    await first.close()


async def test_databases_of_one_server_have_an_edge_each(postgres_url: str, databases: Databases) -> None:
    first = await Occupancy.take(postgres_url)
    second = await Occupancy.take(databases.cluster.url("postgres"), patience=0.0)
    await first.close()
    await second.close()


async def test_a_broken_connection_is_made_good(
    migrated: Cluster, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    first = await Occupancy.take(postgres_url)
    migrated.stop()
    await first.look()
    await first.look()
    assert first.reason == ""
    with pytest.raises(Unavailable):
        await Occupancy.take(postgres_url, patience=0.0)
    migrated.start()
    await first.look()
    with pytest.raises(Occupied):
        await Occupancy.take(postgres_url, patience=0.0)
    assert caplog.messages == []
    await first.close()


async def test_one_that_was_cut_off_and_replaced_says_so(
    migrated: Cluster, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    first = await Occupancy.take(postgres_url)
    await migrated.command("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    second = await Occupancy.take(postgres_url, patience=0.0)
    await first.look()
    await first.look()
    assert "in use by another edge" in first.reason
    assert [message.endswith("stop one of the two") for message in caplog.messages] == [True]
    await second.close()
    await first.look()
    assert first.reason == ""
    await first.close()
