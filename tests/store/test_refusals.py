from __future__ import annotations

from tests.store.samples import call
from trunkline.store.retention import purge
from trunkline.store.rows.refusals import Refusal
from trunkline.store.store import Store


def refusal(minute: int, source: str, count: int = 1, reason: str = "unknown-source") -> Refusal:
    return Refusal(minute=minute * 60, source=source, reason=reason, status=403, count=count)


async def test_what_is_refused_again_is_one_more_in_its_row(store: Store) -> None:
    async with store.write() as unit:
        await unit.refusals.add([refusal(1, "192.0.2.7", 5), refusal(2, "192.0.2.7"), refusal(2, "192.0.2.8")])
    async with store.write() as unit:
        await unit.refusals.add([refusal(2, "192.0.2.7", 3), refusal(2, "192.0.2.7", reason="shed")])
        await unit.refusals.add([])
    async with store.read() as unit:
        page = await unit.refusals.page()
        assert page.rows == [
            refusal(2, "192.0.2.7", reason="shed"),
            refusal(2, "192.0.2.7", 4),
            refusal(2, "192.0.2.8"),
            refusal(1, "192.0.2.7", 5),
        ]
        assert page.total == 4
        assert (await unit.refusals.page(source="192.0.2.8")).rows == [refusal(2, "192.0.2.8")]
        assert (await unit.refusals.page(start=120, end=180)).total == 3
        assert (await unit.refusals.page(end=120)).rows == [refusal(1, "192.0.2.7", 5)]
        assert (await unit.refusals.page(page=2, per_page=3)).rows == [refusal(1, "192.0.2.7", 5)]


async def test_the_past_is_deleted_a_little_at_a_time(store: Store) -> None:
    records = [call(place) for place in range(1, 1103)]
    async with store.write() as unit:
        await unit.calls.write(records)
        await unit.refusals.add([refusal(1, "192.0.2.7")])
    before = records[1000].ended_at
    assert before is not None
    assert await purge(store, before) == 1000
    async with store.read() as unit:
        page = await unit.calls.page(organization=None, per_page=100)
        assert page.total == 102
        assert page.rows[-1] == records[1002]
        assert await unit.calls.by_sip_call_id("caller-1000@192.0.2.1", organization=None) == []
        assert len(await unit.calls.by_sip_call_id("agent-1001@192.0.2.1", organization=None)) == 1
        assert (await unit.refusals.page()).total == 0
