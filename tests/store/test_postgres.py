"""What only PostgreSQL does: refuse, vanish and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.postgres import Cluster
from tests.store.samples import ORGANIZATION, OTHER, WALL, call, dialog, owners, webhook
from trunkline.model.journal import Answered, Began, Ended, JournalEntry
from trunkline.store.database.errors import Unavailable
from trunkline.store.events import of_end
from trunkline.store.journal.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.replay import replay
from trunkline.store.rows.webhooks import Attempt
from trunkline.store.store import Store, Unit


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(postgres_url, tmp_path / "secret.key")
    yield store
    await store.close()


async def test_a_database_that_cannot_be_used_is_said_to_be(migrated: Cluster, tmp_path: Path) -> None:
    key = tmp_path / "key"
    with pytest.raises(Unavailable, match="nowhere"):
        await Store.open(migrated.url("nowhere"), key)
    with pytest.raises(Unavailable, match="nobody"):
        await Store.open(migrated.url("migrated").replace("trunkline@", "nobody:hunter2@"), key)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await Store.open("postgresql://nobody:hunter2@127.0.0.1:1/nowhere", key)
    assert "hunter2" not in str(caught.value)


async def test_two_edges_may_bring_one_database_up_to_date_at_once(migrated: Cluster, tmp_path: Path) -> None:
    await migrated.command("CREATE DATABASE fresh")
    url = migrated.url("fresh")
    stores = await asyncio.gather(*[Store.open(url, tmp_path / "key") for _ in range(3)])
    await owners(stores[0])
    for store in stores:
        async with store.read() as unit:
            assert len(await unit.organizations.all()) == 2
        await store.close()
    await migrated.command("DROP DATABASE fresh")


async def _read(unit: Unit) -> None:
    await unit.organizations.all()


async def _insert(unit: Unit) -> None:
    await unit.organizations.insert(OTHER)


@pytest.mark.parametrize("doing", [_read, _insert])
async def test_a_server_that_dies_is_unavailable_until_it_is_back(
    migrated: Cluster, store: Store, doing: Callable[[Unit], Awaitable[None]]
) -> None:
    async with store.write() as unit:
        await unit.organizations.insert(ORGANIZATION)

    async def die() -> None:
        async with store.read() if doing is _read else store.write() as unit:
            await doing(unit)
            migrated.stop()
            await doing(unit)

    async def die_before_the_commit() -> None:
        async with store.write() as unit:
            await doing(unit)
            migrated.stop()

    for way in (die, die_before_the_commit):
        with pytest.raises(Unavailable):
            await way()
        for transaction in (store.read, store.write):
            with pytest.raises(Unavailable):
                async with transaction() as unit:
                    await doing(unit)
        migrated.start()
        async with store.write() as unit:
            assert await unit.organizations.all() == [ORGANIZATION]
        async with store.read() as unit:
            assert await unit.organizations.all() == [ORGANIZATION]


async def test_many_readers_wait_for_connections_and_for_no_writer(store: Store) -> None:
    await owners(store)

    async def count() -> int:
        async with store.read() as unit:
            await asyncio.sleep(0)
            return len(await unit.organizations.all())

    async with store.write() as unit:
        await unit.organizations.delete(OTHER.id)
        assert await asyncio.gather(*[count() for _ in range(50)]) == [2] * 50


def entries(place: int) -> list[JournalEntry]:
    return [
        Began(call(place, ended=False, answered=False)),
        Answered(call(place, ended=False), (dialog(f"a{place}"), dialog(f"b{place}"))),
        Ended(call(place)),
    ]


async def test_calls_go_on_while_the_database_is_gone(migrated: Cluster, store: Store, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal")
    mover = Mover(journal, store, at=(await replay(journal, store, wall=WALL + 5000)).position, interval=0.01)
    journal.append(entries(100))
    await mover.flush()
    migrated.stop()
    for place in range(101, 120):
        journal.append(entries(place))
    with pytest.raises(Unavailable):
        await mover.flush()
    assert mover.health().database
    migrated.start()
    await mover.flush()
    assert not mover.health().database
    assert mover.health().rejected == 0
    async with store.read() as unit:
        page = await unit.calls.page(organization=ORGANIZATION.id, per_page=100)
    assert page.rows[::-1] == [call(place) for place in range(100, 120)]
    journal.close()


async def test_text_that_postgresql_has_not_costs_no_call(store: Store, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal")
    mover = Mover(journal, store, at=(await replay(journal, store, wall=WALL + 5000)).position, interval=0.01)
    journal.append([Ended(call(100)), Ended(call(101, caller="+1\x00415", detail="a\x00b")), Ended(call(102))])
    await mover.flush()
    assert mover.health().rejected == 0
    async with store.read() as unit:
        page = await unit.calls.page(organization=ORGANIZATION.id)
    assert [(record.id, record.caller) for record in page.rows] == [
        (call(102).id, "+14155550123"),
        (call(101).id, "+1\ufffd415"),
        (call(100).id, "+14155550123"),
    ]
    journal.close()


async def test_deliveries_are_counted_beyond_what_an_integer_holds(store: Store) -> None:
    """Each event takes a number of the sequence, also one that is there already: a busy edge is there in months."""
    await owners(store)
    hook = webhook()
    async with store.write() as unit:
        await unit.webhooks.insert(hook)
        await unit.session.run("SELECT setval('webhook_deliveries_seq_seq', 2147483647)")
        assert await unit.webhooks.note([of_end(call(100))]) == 1
        (delivery,) = await unit.webhooks.due(WALL * 2, 10)
        attempt = Attempt(delivery.seq, 1, WALL, 200, None, None, 0.1)
        assert await unit.webhooks.attempted(attempt, "delivered", WALL)
        assert delivery.seq == 2147483648
        assert await unit.webhooks.attempts([delivery.seq]) == {delivery.seq: [attempt]}
        no_such = await unit.webhooks.delivery(10**15 - 1, organization=ORGANIZATION.id, webhook_id=hook.id)
        assert no_such is None
