"""What was said in a call: posted by agents, shown with the call."""

from __future__ import annotations

from tests.api.conftest import Client, Engine, Keys
from tests.api.test_calls import DAY, record
from trunkline.control.calls import transcripts
from trunkline.control.services import Services
from trunkline.store.retention import purge
from trunkline.store.store import Store

SEGMENTS = [
    {"speaker": "agent", "text": "Hello! How can I help you today?", "timestamp": "2024-01-20T14:00:02Z"},
    {"speaker": "caller", "text": "I need help with my account.", "timestamp": "2024-01-20T14:00:05Z"},
]


async def _ended(store: Store, organization: str) -> str:
    call = record(organization, DAY)
    async with store.write() as unit:
        await unit.calls.write([call])
    return f"call_{call.id}"


async def test_s2_33_a_transcript_is_shown_with_its_call(admin: Client, store: Store, organization: str) -> None:
    id = await _ended(store, organization)
    before = (await admin.get(f"/v1/calls/{id}")).json
    assert (before["transcript"], before["transcript_available"]) == (None, False)
    # The second comes first, as it may from two that post at once.
    await admin.post(f"/v1/calls/{id}/transcript", {"segments": SEGMENTS[1:]})
    posted = await admin.post(f"/v1/calls/{id}/transcript", {"segments": SEGMENTS[:1]})
    assert (posted.status, posted.json) == (201, {"call_id": id, "segments": 2})
    shown = (await admin.get(f"/v1/calls/{id}")).json
    assert shown["transcript"] == {"segments": SEGMENTS}
    (item,) = (await admin.get("/v1/calls")).json["data"]
    assert item["transcript_available"] is True


async def test_s2_33_the_caller_is_from_where_the_number_was_given_out(
    admin: Client, store: Store, organization: str
) -> None:
    id = await _ended(store, organization)
    shown = (await admin.get(f"/v1/calls/{id}")).json
    assert shown["metadata"] == {"caller_location": "Colorado", "call_quality": None}


async def test_a_call_that_goes_on_may_have_one(admin: Client, engine: Engine, organization: str) -> None:
    call = record(organization, DAY, status="in-progress", ended_at=None)
    engine.live[call.id] = call
    assert (await admin.post(f"/v1/calls/{call.id}/transcript", {"segments": SEGMENTS})).status == 201
    assert (await admin.get(f"/v1/calls/{call.id}")).json["transcript"] == {"segments": SEGMENTS}


async def test_what_a_segment_cannot_be(admin: Client, store: Store, organization: str) -> None:
    id = await _ended(store, organization)
    for change, field in (
        ({"speaker": "nobody"}, "segments[0].speaker"),
        ({"text": ""}, "segments[0].text"),
        ({"timestamp": "today"}, "segments[0].timestamp"),
        ({"timestamp": "2024-01-20T14:00:02"}, "segments[0].timestamp"),
    ):
        answer = await admin.post(f"/v1/calls/{id}/transcript", {"segments": [{**SEGMENTS[0], **change}]})
        assert (answer.status, answer.details["field"]) == (400, field)
    assert (await admin.post(f"/v1/calls/{id}/transcript", {"segments": []})).status == 400


async def test_it_is_its_organizations_and_bounded(
    admin: Client, client: Keys, services: Services, store: Store, organization: str
) -> None:
    id = await _ended(store, organization)
    stranger = await client((await services.organizations.create("Other")).id)
    answer = await stranger.post(f"/v1/calls/{id}/transcript", {"segments": SEGMENTS})
    assert (answer.status, answer.code) == (404, "call_not_found")
    many = {"segments": SEGMENTS[:1] * 500}
    for _ in range(transcripts.MOST // 500):
        assert (await admin.post(f"/v1/calls/{id}/transcript", many)).status == 201
    assert (await admin.post(f"/v1/calls/{id}/transcript", {"segments": SEGMENTS})).code == "transcript_full"


async def test_it_goes_with_its_call(admin: Client, store: Store, organization: str) -> None:
    id = await _ended(store, organization)
    await admin.post(f"/v1/calls/{id}/transcript", {"segments": SEGMENTS})
    await purge(store, DAY + 86_400 * 365)
    async with store.read() as unit:
        assert await unit.transcripts.count(id.removeprefix("call_")) == 0
