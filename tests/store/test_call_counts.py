from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, column, insert, table

from tests.postgres import Cluster
from tests.store.counts import counted, kept
from tests.store.samples import ORGANIZATION, OTHER, WALL, call
from trunkline.model.call import CallRecord
from trunkline.store import migrate
from trunkline.store.database.database import Database
from trunkline.store.rows.call_counts import _parts
from trunkline.store.rows.call_filter import DAY, HOUR
from trunkline.store.store import Store

_HOUR = WALL - WALL % DAY + DAY


def calls_over_days(count: int, seed: int = 7) -> list[CallRecord]:
    """From two organizations and three numbers, over three days, with some at the very edges of hours."""
    chance = random.Random(seed)
    found = []
    for place in range(count):
        start = (
            _HOUR + chance.choice([chance.randrange(3 * DAY), HOUR * chance.randrange(72)]) + chance.choice([0, 0.5])
        )
        status = chance.choice(["completed", "completed", "failed", "no-answer"])
        answered = start + 1 if status == "completed" else None
        found.append(
            call(
                place,
                organization_id=chance.choice([ORGANIZATION.id, ORGANIZATION.id, OTHER.id]),
                phone_number=chance.choice(["+12025550030", "+12025550031", None]),
                direction=chance.choice(["inbound", "outbound"]),
                status=status,
                started_at=start,
                answered_at=answered,
                ended_at=start + chance.randrange(2, 300),
            )
        )
    return found


async def test_counts_are_those_of_the_log_whatever_is_written_and_deleted(store: Store) -> None:
    records = calls_over_days(120)
    changed = [*records[:20], *calls_over_days(130, seed=8)[100:]]
    async with store.write() as unit:
        await unit.calls.write(records[:60], fresh=True)
        await unit.calls.write(records[40:])
        assert await kept(unit.session) == await counted(unit.session)
        await unit.calls.write(changed)
        assert await kept(unit.session) == await counted(unit.session)
    while True:
        async with store.write() as unit:
            gone = await unit.calls.delete_ended_before(_HOUR + 2 * DAY, limit=17)
            assert await kept(unit.session) == await counted(unit.session)
        if gone < 17:
            break
    async with store.write() as unit:
        await unit.calls.delete_ended_before(_HOUR + 9 * DAY)
        assert await kept(unit.session) == ([], [])


async def test_each_filter_and_page_is_what_the_whole_log_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every page is a far one, so that the counts lead to it.
    monkeypatch.setattr("trunkline.store.rows.calls._FAR", 0)
    monkeypatch.setattr("trunkline.store.rows.call_counts._LITTLE", 1)
    records = calls_over_days(90)
    async with store.write() as unit:
        await unit.calls.write(records)
    newest = sorted(records, key=lambda record: (record.started_at, record.id), reverse=True)
    ranges = [
        (None, None),
        (_HOUR, _HOUR + DAY),
        (_HOUR + 100.5, None),
        (None, _HOUR + 2 * DAY - 7),
        (_HOUR + 5000, _HOUR + 2 * DAY + 5000),
        (_HOUR + 3 * HOUR, _HOUR + 4 * HOUR),
        (_HOUR + 60, _HOUR + 600),
    ]
    chance = random.Random(1)
    async with store.read() as unit:
        for (start, end), status, direction, number in itertools.product(
            ranges, (None, "failed"), (None, "outbound"), (None, "+12025550031", "+12025550039")
        ):
            wanted = [
                record
                for record in newest
                if record.organization_id == ORGANIZATION.id
                and status in (None, record.status)
                and direction in (None, record.direction)
                and number in (None, record.phone_number)
                and (start is None or record.started_at >= start)
                and (end is None or record.started_at < end)
            ]
            size = chance.choice([3, 7, 100])
            number_of = chance.randrange(1, len(wanted) // size + 3)
            page = await unit.calls.page(
                organization=ORGANIZATION.id,
                phone_number=number,
                direction=direction,  # type: ignore[arg-type]
                status=status,  # type: ignore[arg-type]
                start=start,
                end=end,
                page=number_of,
                per_page=size,
            )
            assert page.total == len(wanted)
            assert page.rows == wanted[(number_of - 1) * size : number_of * size]
            if number is not None:
                stats = await unit.calls.stats(ORGANIZATION.id, number, start=start, end=end)
                mine = [r for r in newest if r.organization_id == ORGANIZATION.id and r.phone_number == number]
                mine = [r for r in mine if (start or 0) <= r.started_at < (end or r.started_at + 1)]
                inbound = [r for r in mine if r.direction == "inbound"]
                outbound = [r for r in mine if r.direction == "outbound"]
                assert stats == (
                    len(inbound),
                    len(outbound),
                    sum(r.duration for r in mine),
                    sum((r.duration + 59) // 60 for r in inbound),
                    sum((r.duration + 59) // 60 for r in outbound),
                    mine[0].started_at if mine else None,
                )
        assert await unit.calls.reached(ORGANIZATION.id, ["+12025550030", "+12025550039"]) == {"+12025550030"}


@given(
    st.none() | st.floats(-3e10, 3e10) | st.integers(-9, 9).map(lambda n: n * HOUR),
    st.none() | st.floats(-3e10, 3e10) | st.integers(-9, 9).map(lambda n: n * HOUR),
    st.sampled_from([DAY, HOUR]),
)
@example(None, -5e-324, DAY)
@example(5e-324, None, HOUR)
def test_the_parts_of_a_range_are_all_of_it(start: float | None, end: float | None, span: int) -> None:
    def has(at: float, part: tuple[float | None, float | None] | None) -> bool:
        return part is not None and (part[0] is None or at >= part[0]) and (part[1] is None or at < part[1])

    newer, whole, older = _parts(start, end, span)
    edges = [
        edge for part in ((start, end), newer, whole, older) if part is not None for edge in part if edge is not None
    ]
    for at in {edge + less for edge in edges for less in (-1.0, 0.0, 1.0)} | {0.0}:
        assert sum(has(at, part) for part in (newer, whole, older)) == has(at, (start, end))
    for edge in whole or ():
        assert edge is None or edge % span == 0


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
async def test_the_calls_of_an_older_database_are_counted_when_it_is_migrated(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/trunkline.db"
    if backend == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        await cluster.command("CREATE DATABASE older")
        url = cluster.url("older")
    database = Database.open(url)
    async with database.write() as session:
        await session.connection.run_sync(_before_counts)
        for record in calls_over_days(50):
            await session.execute(
                insert(_OLD_CALLS).values(legs="[]", **{name: getattr(record, name) for name in _OLD})
            )
    await database.close()
    store = await Store.open(url, tmp_path / "secret.key")
    async with store.read() as unit:
        assert await kept(unit.session) == await counted(unit.session)
        assert len((await kept(unit.session))[0]) > 20
    await store.close()


_OLD = ("id", "organization_id", "direction", "phone_number", "status", "started_at", "ended_at", "duration")
_OLD_CALLS = table("calls", *map(column, (*_OLD, "legs")))


def _before_counts(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "0013")
