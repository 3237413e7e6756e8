from __future__ import annotations

import asyncio
import contextlib
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.samples import ORGANIZATION, OTHER, owners
from trunkline.model.organization import Organization
from trunkline.store.database.database import Database, database_url
from trunkline.store.database.errors import Conflict, Unavailable
from trunkline.store.store import Store, Unit


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////var/lib/trunkline.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite"),
        ("postgresql://u@h/d", "postgresql+asyncpg"),
    ],
)
def test_a_url_gets_its_driver(given: str, driver: str) -> None:
    assert database_url(given).drivername == driver


@pytest.mark.parametrize("given", ["", "not a url", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_used_is_refused(given: str) -> None:
    with pytest.raises(Unavailable):
        database_url(given)


def test_a_bad_url_does_not_show_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        database_url("postgresql//u:hunter2@h/d")
    assert "hunter2" not in str(caught.value)


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.db", tmp_path):
        with pytest.raises(Unavailable, match=str(path)):
            Database.open(f"sqlite:///{path}")


async def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(Unavailable, match="not a database"):
        await Store.open(f"sqlite:///{path}", tmp_path / "key")


async def test_the_file_is_its_owners_alone_and_journals_ahead(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.db"
    database = Database.open(f"sqlite:///{path}")
    async with database.read() as session:
        pragmas = [
            await session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    await database.close()
    assert pragmas == ["wal", 1, 1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_nothing_of_a_failed_unit_is_kept(store: Store) -> None:
    async def fail() -> None:
        async with store.write() as unit:
            await unit.organizations.insert(ORGANIZATION)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with store.read() as unit:
        assert await unit.organizations.all() == []


async def test_a_part_may_fail_alone(store: Store) -> None:
    async with store.write() as unit:
        await unit.organizations.insert(ORGANIZATION)

        async def add(*organizations: Organization) -> None:
            async with unit.attempt():
                for organization in organizations:
                    await unit.organizations.insert(organization)

        with pytest.raises(Conflict, match=r"^id$"):
            await add(OTHER, ORGANIZATION)
        assert await unit.organizations.all() == [ORGANIZATION]
    async with store.read() as unit:
        assert await unit.organizations.all() == [ORGANIZATION]


async def _acme(unit: Unit) -> Organization:
    (found,) = [each for each in await unit.organizations.all() if each.id == ORGANIZATION.id]
    return found


async def test_writers_come_one_after_the_other(store: Store, url: str, tmp_path: Path) -> None:
    """Also those of two processes."""
    await owners(store)
    other = await Store.open(url, tmp_path / "secret.key")
    inside = 0

    async def rename(letter: str) -> None:
        nonlocal inside
        async with (store if letter in "aceg" else other).write() as unit:
            inside += 1
            assert inside == 1
            found = await _acme(unit)
            await asyncio.sleep(0)
            await unit.organizations.update(
                type(found)(id=found.id, name=found.name + letter, created_at=0.0, updated_at=0.0)
            )
            inside -= 1

    await asyncio.gather(*map(rename, "abcdefgh"))
    await other.close()
    async with store.read() as unit:
        found = await _acme(unit)
    assert sorted(found.name.removeprefix("Acme")) == list("abcdefgh")


async def test_a_reader_sees_one_state_and_waits_for_nobody(store: Store) -> None:
    await owners(store)
    async with store.read() as reader:
        assert len(await reader.organizations.all()) == 2
        async with store.write() as writer:
            await writer.organizations.delete(OTHER.id)
        assert len(await reader.organizations.all()) == 2
    async with store.read() as reader:
        assert len(await reader.organizations.all()) == 1


async def test_who_stops_waiting_leaves_nothing_behind(store: Store) -> None:
    """A reader and a writer that are cancelled in the middle of a statement: those after them see what is there."""
    await owners(store)
    count = 300_000
    long = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT max(i) FROM n"

    async def read() -> None:
        async with store.read() as unit:
            await unit.organizations.all()
            await unit.session.run(long)

    async def write() -> None:
        async with store.write() as unit:
            await unit.organizations.delete(OTHER.id)
            await unit.session.run(long)

    for work in (read, write):
        for _ in range(8):  # more than there are connections
            task = asyncio.create_task(work())
            _, pending = await asyncio.wait((task,), timeout=0.005)
            for each in pending:
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if work is write and not task.cancelled():
                async with store.write() as unit:
                    await unit.organizations.insert(OTHER)
    async with store.read() as unit:
        assert len(await unit.organizations.all()) == 2
    async with store.write() as unit:
        await unit.organizations.delete(OTHER.id)
    for _ in range(8):
        async with store.read() as unit:
            assert len(await unit.organizations.all()) == 1


async def test_a_locked_database_is_unavailable(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.store.database.database._WAIT", 0.5)
    one, other = await Store.open(url, tmp_path / "key"), await Store.open(url, tmp_path / "key")
    async with one.write():
        with pytest.raises(Unavailable, match="lock"):
            async with other.write() as unit:
                await unit.organizations.all()
    async with other.write() as unit:
        await unit.organizations.insert(ORGANIZATION)
    await one.close()
    await other.close()
