from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import text

from tests.store.counts import recount
from tests.store.samples import ORGANIZATION, OTHER, WALL, call, dialog, ident
from trunkline.model.call import CallRecord
from trunkline.store.store import Store


async def test_a_call_comes_back_whole_to_its_organization(store: Store) -> None:
    full = call(100, trunk_id="t", agent_id="a", detail="why", sip_status=200, ringing_at=WALL + 101, attestation="A")
    bare = call(101, answered=False, legs=(), number_id=None, phone_number=None, caller=None, callee=None)
    async with store.write() as unit:
        await unit.calls.write([full, bare])
        await unit.calls.write([])
    async with store.read() as unit:
        assert await unit.calls.get(full.id, organization=ORGANIZATION.id) == full
        assert await unit.calls.get(bare.id, organization=None) == bare
        assert await unit.calls.get(full.id, organization=OTHER.id) is None
        assert await unit.calls.get("nothing", organization=None) is None


async def test_a_call_that_goes_on_is_in_the_lists(store: Store) -> None:
    live = call(101, ended=False)
    async with store.write() as unit:
        await unit.calls.write([call(100), call(102)])
        await unit.open_calls.write("main", [(live, ())])
    async with store.read() as unit:
        assert await unit.calls.get(live.id, organization=ORGANIZATION.id) == live
        assert await unit.calls.get(live.id, organization=OTHER.id) is None
        page = await unit.calls.page(organization=ORGANIZATION.id)
        assert page.rows == [call(102), live, call(100)]
        assert page.total == 3
        assert (await unit.calls.page(organization=ORGANIZATION.id, status="in-progress")).rows == [live]


async def test_a_call_whose_byes_are_left_is_there_once(store: Store) -> None:
    async with store.write() as unit:
        await unit.open_calls.write("main", [(call(100, ended=False), (dialog(),))])
        await unit.calls.write([call(100)])
        await unit.open_calls.close([call(100).id])
    async with store.read() as unit:
        assert await unit.calls.page(organization=ORGANIZATION.id) == ([call(100)], 1)
        assert (await unit.calls.page(organization=ORGANIZATION.id, status="in-progress")).total == 0


async def test_each_filter(store: Store) -> None:
    records = [
        call(100),
        call(101, direction="outbound"),
        call(102, answered=False),
        call(103, phone_number="+12025550031", status="failed"),
        call(104, organization_id=OTHER.id),
    ]
    async with store.write() as unit:
        await unit.calls.write(records)
        await unit.open_calls.write("main", [(call(105, ended=False), ()), (call(106, ended=False), (dialog(),))])

    async def places(**filters: object) -> list[int]:
        async with store.read() as unit:
            page = await unit.calls.page(organization=ORGANIZATION.id, **filters)  # type: ignore[arg-type]
            assert page.total == len(page.rows)
            return [int(row.started_at - WALL) for row in page.rows]

    assert await places() == [106, 105, 103, 102, 101, 100]
    assert await places(direction="outbound") == [101]
    assert await places(status="completed") == [101, 100]
    assert await places(status="no-answer") == [102]
    assert await places(status="failed") == [103]
    assert await places(phone_number="+12025550031") == [103]
    assert await places(start=WALL + 101, end=WALL + 103) == [102, 101]
    assert await places(start=WALL + 103) == [106, 105, 103]
    assert await places(status="completed", direction="inbound", phone_number="+12025550030", end=WALL + 200) == [100]
    async with store.read() as unit:
        everyones = await unit.calls.page(organization=None)
        assert [int(row.started_at - WALL) for row in everyones.rows] == [106, 105, 104, 103, 102, 101, 100]


async def test_pages_join_without_a_gap(store: Store) -> None:
    # Some at the same instant: the order between them is fixed as well.
    records = [call(100 + place, started_at=WALL + 100 + place // 3) for place in range(20)]
    async with store.write() as unit:
        await unit.calls.write(records[:10] + records[11:])
        await unit.open_calls.write("main", [(records[10], ())])
    async with store.read() as unit:
        pages = [await unit.calls.page(organization=ORGANIZATION.id, page=page, per_page=7) for page in (1, 2, 3, 4)]
    assert [row.id for page in pages for row in page.rows] == [record.id for record in reversed(records)]
    assert {page.total for page in pages} == {20}


async def test_any_legs_call_id_finds_the_call(store: Store) -> None:
    async with store.write() as unit:
        await unit.calls.write([call(100), call(101), call(102, legs=call(100).legs, organization_id=OTHER.id)])
        await unit.calls.write([call(100)])
    async with store.read() as unit:
        for side in ("caller", "agent"):
            found = await unit.calls.by_sip_call_id(f"{side}-101@192.0.2.1", organization=ORGANIZATION.id)
            assert found == [call(101)]
        both = await unit.calls.by_sip_call_id("caller-100@192.0.2.1", organization=None)
        assert [record.id for record in both] == [ident(102), ident(100)]
        assert await unit.calls.by_sip_call_id("caller-101@192.0.2.1", organization=OTHER.id) == []
        assert await unit.calls.by_sip_call_id("nobody", organization=None) == []


async def test_the_minutes_of_outbound_calls_are_begun_ones_since_then(store: Store) -> None:
    def lasting(place: int, seconds: float, **changes: Any) -> CallRecord:
        start = WALL + place
        changes = {"direction": "outbound", **changes}
        return call(place, started_at=start, answered_at=start, ended_at=start + seconds, **changes)

    async with store.write() as unit:
        await unit.calls.write(
            [
                lasting(0, 600.0),
                lasting(1000, 60.0),
                lasting(1001, 61.0),
                lasting(1002, 1.0, direction="inbound"),
                lasting(1003, 1.0, organization_id=OTHER.id),
                call(1004, answered=False, direction="outbound"),
            ]
        )
    async with store.read() as unit:
        assert await unit.calls.outbound_minutes(WALL + 900) == {ORGANIZATION.id: 3, OTHER.id: 1}
        assert await unit.calls.outbound_minutes(WALL + 90_000) == {}


async def test_a_numbers_calls_are_summed(store: Store) -> None:
    def lasting(place: int, seconds: float | None, **changes: Any) -> CallRecord:
        end = WALL + place + (seconds or 0.0)
        return call(place, answered_at=None if seconds is None else WALL + place, ended_at=end, **changes)

    async with store.write() as unit:
        await unit.calls.write(
            [
                lasting(100, 60.0),
                lasting(200, 61.0),
                lasting(300, None),
                lasting(400, 0.9, direction="outbound"),
                lasting(500, 1.0, direction="outbound"),
                lasting(600, 500.0, phone_number="+12025550031"),
                lasting(700, 500.0, organization_id=OTHER.id),
            ]
        )
    async with store.read() as unit:
        stats = await unit.calls.stats(ORGANIZATION.id, "+12025550030")
        assert stats.total == 5
        assert stats == (3, 2, 122, 3, 1, WALL + 500)
        part = await unit.calls.stats(ORGANIZATION.id, "+12025550030", start=WALL + 200, end=WALL + 400)
        assert part == (2, 0, 61, 2, 0, WALL + 300)
        assert await unit.calls.stats(ORGANIZATION.id, "+1") == (0, 0, 0, 0, 0, None)


@pytest.mark.slow
async def test_lists_stay_fast_at_a_hundred_thousand_calls(store: Store) -> None:
    if store.database.backend != "sqlite":
        pytest.skip("fills SQLite in its own words")
    organizations = [ORGANIZATION.id, OTHER.id]
    async with store.write() as unit:
        await unit.calls.write([call(100)])
        # As many rows as that one, spread over two organizations, 500 numbers and all states.
        await unit.session.execute(
            text(
                f"""
                INSERT INTO calls WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                SELECT printf('01%024d', i), CASE i % 2 WHEN 0 THEN '{organizations[0]}' ELSE '{organizations[1]}' END,
                       CASE i % 3 WHEN 0 THEN 'outbound' ELSE 'inbound' END, number_id,
                       '+1202777' || printf('%04d', i % 500), caller, callee, trunk_id, agent_id,
                       CASE i % 5 WHEN 0 THEN 'failed' ELSE 'completed' END, cause, detail, sip_status, hung_up_by,
                       started_at + i * 0.5, ringing_at, answered_at, ended_at + i * 0.5, i % 90, attestation, legs,
                       transfers
                FROM calls, n"""
            )
        )
        await unit.session.execute(text("INSERT INTO legs SELECT 'leg-' || id, id FROM calls"))
        await recount(unit.session)
    middle = WALL + 25_000
    questions: list[dict[str, object]] = [
        {},
        {"page": 2000},
        {"status": "failed"},
        {"status": "no-answer"},
        {"direction": "outbound", "page": 700},
        {"phone_number": "+12027770002"},
        {"phone_number": "+12027770002", "status": "completed"},
        {"start": middle, "end": middle + 10_000},
    ]
    slowest = 0.0
    async with store.read() as unit:
        await unit.calls.page(organization=OTHER.id)  # the caches are warm, as they are after a minute
        for question in questions:
            begin = time.process_time()
            page = await unit.calls.page(organization=ORGANIZATION.id, **question)  # type: ignore[arg-type]
            slowest = max(slowest, time.process_time() - begin)
            assert page.total > 0 or question == {"status": "no-answer"}
        begin = time.process_time()
        assert (await unit.calls.stats(ORGANIZATION.id, "+12027770002")).total == 200
        found = await unit.calls.by_sip_call_id(f"leg-01{50:024}", organization=None)
        slowest = max(slowest, time.process_time() - begin)
    assert len(found) == 1
    assert slowest < 0.1


async def test_every_page_is_a_part_of_one_list(store: Store) -> None:
    """However calls that go on and calls that have ended lie among each other."""
    going_on, ended = [101, 104, 105, 108], [100, 102, 103, 106, 107, 109]
    async with store.write() as unit:
        await unit.calls.write([call(place) for place in ended])
        opened = [(call(place, ended=False, answered=False), ()) for place in going_on]
        await unit.open_calls.write("edge", opened)
    whole = [call(place).id for place in range(109, 99, -1)]
    async with store.read() as unit:
        for organization in (ORGANIZATION.id, None):
            for per_page in range(1, 12):
                for number in range(1, 13):
                    page = await unit.calls.page(organization=organization, page=number, per_page=per_page)
                    assert [record.id for record in page.rows] == whole[(number - 1) * per_page :][:per_page]
                    assert page.total == 10
        for number in range(1, 5):
            page = await unit.calls.page(organization=ORGANIZATION.id, status="in-progress", page=number, per_page=3)
            assert [record.id for record in page.rows] == [call(place).id for place in going_on[::-1]][
                (number - 1) * 3 :
            ][:3]
            assert page.total == 4
