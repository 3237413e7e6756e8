"""`/v1/calls`: the log, live calls, hanging up, traces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import Client, Clock, Engine, Keys
from trunkline.control.services import Services
from trunkline.model import ids
from trunkline.model.call import CallRecord, LegRecord
from trunkline.sip.flow import Flow
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores

DAY = 1_705_276_800.0  # 2024-01-15T00:00:00Z
CALLER = Flow("udp", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
AGENT = Flow("tcp", ("192.0.2.9", 5060), ("198.51.100.7", 5060), "out:agent:")
INVITE = (
    b"INVITE sip:+12125551234@192.0.2.9 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
    b"Call-ID: caller\r\n"
    b'Authorization: Digest username="alice", realm="r", nonce="n", uri="sip:x", response="0123456789abcdef"\r\n'
    b"CSeq: 1 INVITE\r\n\r\n"
    b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0a2V5\r\n"
)
RINGING = b"SIP/2.0 180 Ringing\r\nCall-ID: caller\r\nCSeq: 1 INVITE\r\n\r\n"


def record(organization_id: str, started_at: float, **more: Any) -> CallRecord:
    given: dict[str, Any] = {
        "id": ids.mint(started_at, bytes(10)),
        "organization_id": organization_id,
        "direction": "inbound",
        "phone_number": "+12125551234",
        "caller": "+13035559876",
        "callee": "+12125551234",
        "status": "completed",
        "started_at": started_at,
        "answered_at": started_at + 2,
        "ended_at": started_at + 129.9,
    }
    return CallRecord(**{**given, **more})


@pytest.fixture
async def log(store: Store, organization: str) -> list[CallRecord]:
    """Calls of two days and all kinds, oldest first."""
    calls = [
        record(organization, DAY - 1, status="failed", answered_at=None, cause="busy", sip_status=486),
        record(organization, DAY, phone_number="+12125550000"),
        record(organization, DAY + 43200.5, direction="outbound"),
        record(organization, DAY + 86399.9, status="no-answer", answered_at=None, caller=None),
        record(organization, DAY + 86400),
    ]
    async with store.write() as unit:
        await unit.calls.write(calls)
    return calls


async def test_s2_31_list_newest_first(admin: Client, log: list[CallRecord]) -> None:
    answer = await admin.get("/v1/calls")
    assert [item["id"] for item in answer.json["data"]] == [f"call_{call.id}" for call in reversed(log)]
    assert answer.json["pagination"] == {"page": 1, "per_page": 20, "total": 5}
    assert answer.json["data"][0] == {
        "id": f"call_{log[4].id}",
        "phone_number": "+12125551234",
        "direction": "inbound",
        "from": "+13035559876",
        "to": "+12125551234",
        "agent_id": None,
        "status": "completed",
        "duration": 127,
        "started_at": "2024-01-16T00:00:00Z",
        "ended_at": "2024-01-16T00:02:09Z",
        "recording_url": None,
        "transcript_available": False,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("phone_number=%2B12125550000", [1]),
        ("phone_number=+12125550000", [1]),
        ("direction=outbound", [2]),
        ("direction=inbound", [4, 3, 1, 0]),
        ("status=failed", [0]),
        ("status=no-answer", [3]),
        ("status=completed", [4, 2, 1]),
        ("start_date=2024-01-15", [4, 3, 2, 1]),
        ("end_date=2024-01-15", [3, 2, 1, 0]),
        ("start_date=2024-01-15&end_date=2024-01-15", [3, 2, 1]),
        ("start_date=2024-01-15T12:00:00Z", [4, 3, 2]),
        ("end_date=2024-01-15T12:00:00Z", [2, 1, 0]),
        ("start_date=2024-01-15T12:00:01Z", [4, 3]),
        ("start_date=2024-01-15T14:00:00%2B02:00", [4, 3, 2]),
        ("start_date=2024-01-15T14:00:00+02:00", [4, 3, 2]),
        ("start_date=2024-01-15T12:00:00", [4, 3, 2]),
        ("phone_number=%2B12125551234&start_date=2024-01-16", [4]),
        ("per_page=2&page=2", [2, 1]),
    ],
)
async def test_s2_32_r30_filters(admin: Client, log: list[CallRecord], query: str, expected: list[int]) -> None:
    answer = await admin.get(f"/v1/calls?{query}")
    assert answer.status == 200, answer.raw
    assert [item["id"] for item in answer.json["data"]] == [f"call_{log[index].id}" for index in expected]


@pytest.mark.parametrize(
    "query",
    [
        "status=busy",
        "direction=sideways",
        "start_date=yesterday",
        "end_date=2024-02-30",
        "page=0",
        "per_page=101",
        "phone_number=2125551234",
    ],
)
async def test_r2_a_filter_that_cannot_be_is_400(admin: Client, query: str) -> None:
    answer = await admin.get(f"/v1/calls?{query}")
    assert (answer.status, answer.details["field"]) == (400, query.partition("=")[0]), answer.raw


async def test_s2_33_detail_says_null_for_what_is_not_known(
    admin: Client, store: Store, organization: str, echo: str, trunk: str
) -> None:
    call = record(
        organization,
        DAY,
        agent_id=ids.bare(echo),
        trunk_id=ids.bare(trunk),
        hung_up_by="caller",
        cause="normal",
        sip_status=200,
        legs=(
            LegRecord(
                side="caller", sip_call_id="a@b", peer="udp:192.0.2.1:5060", started_at=DAY, answered_at=DAY + 2.0625
            ),
            LegRecord(side="agent", agent_id=ids.bare(echo), started_at=DAY + 0.001, codec="PCMU"),
        ),
    )
    async with store.write() as unit:
        await unit.calls.write([call])
    detail = (await admin.get(f"/v1/calls/call_{call.id}")).json
    assert (detail["agent_id"], detail["agent_name"], detail["trunk_id"]) == (echo, "Echo", trunk)
    assert detail["transcript"] is None
    assert detail["metadata"] == {"caller_location": "Colorado", "call_quality": None}
    assert [leg["sip_call_id"] for leg in detail["legs"]] == ["a@b", None]
    assert detail["legs"][0]["answered_at"] == "2024-01-15T00:00:02.062000Z"
    assert (detail["cause"], detail["hung_up_by"], detail["sip_status"]) == ("normal", "caller", 200)
    missing = await admin.get("/v1/calls/call_01hm6jv4qg0000000000000000")
    assert (missing.status, missing.code) == (404, "call_not_found")


async def test_s2_34_duration_is_whole_seconds_of_the_answer(admin: Client, log: list[CallRecord]) -> None:
    durations = [item["duration"] for item in (await admin.get("/v1/calls")).json["data"]]
    assert durations == [127, 0, 127, 127, 0]


@pytest.fixture
def live(engine: Engine, organization: str, clock: Clock) -> CallRecord:
    call = record(organization, clock.wall, status="in-progress", ended_at=None)
    engine.live[call.id] = call
    foreign = record("01hm6jv4qg0000000000000000", clock.wall + 1, status="in-progress", ended_at=None)
    engine.live[foreign.id] = foreign
    return call


async def test_what_a_peer_said_in_no_utf_8_is_shown_all_the_same(
    admin: Client, engine: Engine, clock: Clock, organization: str
) -> None:
    leg = LegRecord(side="agent", started_at=clock.wall, status=486, phrase="Besch\udcf6ftigt")
    call = record(organization, clock.wall, status="in-progress", ended_at=None, legs=(leg,))
    engine.live[call.id] = call
    answer = await admin.get(f"/v1/calls/call_{call.id}")
    assert (answer.status, answer.json["legs"][0]["phrase"]) == (200, "Besch\ufffdftigt")
    plain = (await admin.get("/v1/calls/live")).json["data"][0]
    assert plain.items() <= answer.json.items(), "the same form, however it was written"


async def test_however_many_go_on_they_are_counted_and_paged(
    admin: Client, engine: Engine, clock: Clock, organization: str
) -> None:
    for place in range(1203):
        call = record(organization, clock.wall + place, status="in-progress", ended_at=None)
        engine.live[call.id] = call
    for path in ("/v1/calls/live?", "/v1/calls?status=in-progress&"):
        answer = (await admin.get(f"{path}page=13&per_page=100")).json
        assert answer["pagination"] == {"page": 13, "per_page": 100, "total": 1203}
        assert [each["started_at"] for each in answer["data"]] == [
            datetime.fromtimestamp(clock.wall + place, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for place in (2, 1, 0)
        ]


async def test_r30_live_calls_by_both_ways(admin: Client, live: CallRecord, log: list[CallRecord]) -> None:
    for path in ("/v1/calls/live", "/v1/calls?status=in-progress", "/v1/calls/live/"):
        answer = await admin.get(path)
        assert [item["id"] for item in answer.json["data"]] == [f"call_{live.id}"]
        assert answer.json["data"][0]["status"] == "in-progress"
        assert answer.json["data"][0]["ended_at"] is None
    assert (await admin.get("/v1/calls?status=in-progress&direction=outbound")).json["data"] == []
    assert (await admin.get(f"/v1/calls/call_{live.id}")).json["status"] == "in-progress"


async def test_a_call_is_found_by_the_call_id_of_either_leg(
    admin: Client,
    client: Keys,
    organization: str,
    services: Services,
    store: Store,
    engine: Engine,
    log: list[CallRecord],
) -> None:
    """As a carrier names it in a complaint."""
    legs = (
        LegRecord(side="caller", sip_call_id="a@carrier.example", started_at=DAY),
        LegRecord(side="agent", sip_call_id="b@192.0.2.9", started_at=DAY),
    )
    async with store.write() as unit:
        await unit.calls.write([record(organization, DAY + 100, legs=legs)])
    going_on = record(
        organization,
        DAY + 200,
        status="in-progress",
        ended_at=None,
        legs=(LegRecord(side="caller", sip_call_id="c", started_at=DAY),),
    )
    engine.live[going_on.id] = going_on
    for query, count in [
        ("a%40carrier.example", 1),
        ("b%40192.0.2.9", 1),
        ("b%40192.0.2.9&direction=inbound&status=completed&start_date=2024-01-15", 1),
        ("b%40192.0.2.9&status=failed", 0),
        ("b%40192.0.2.9&direction=outbound", 0),
        ("b%40192.0.2.9&page=2", 0),
        ("nobody", 0),
        ("c", 1),
    ]:
        answer = await admin.get(f"/v1/calls?sip_call_id={query}")
        assert (query, len(answer.json["data"])) == (query, count)
    other = await client((await services.organizations.create("Other")).id)
    assert (await other.get("/v1/calls?sip_call_id=b%40192.0.2.9")).json["data"] == []
    assert (await admin.get("/v1/calls?sip_call_id=")).status == 400


async def test_r22_live_is_no_id(admin: Client) -> None:
    assert (await admin.delete("/v1/calls/live")).status == 405
    assert (await admin.post("/v1/calls/live/hangup")).status == 404


async def test_hang_up(
    admin: Client, client: Keys, organization: str, live: CallRecord, log: list[CallRecord], engine: Engine
) -> None:
    viewer = await client(organization, "viewer")
    assert (await viewer.post(f"/v1/calls/call_{live.id}/hangup")).status == 403
    answer = await admin.post(f"/v1/calls/call_{live.id}/hangup")
    assert (answer.status, answer.json["success"], engine.hung_up) == (200, True, [live.id])
    over = await admin.post(f"/v1/calls/call_{log[0].id}/hangup")
    assert (over.status, over.code) == (409, "call_not_live")
    assert (await admin.post("/v1/calls/call_01hm6jv4qg0000000000000000/hangup")).code == "call_not_found"


async def test_another_organizations_call_is_404_everywhere(
    client: Keys, services: Services, live: CallRecord, log: list[CallRecord], engine: Engine, organization: str
) -> None:
    other = await client((await services.organizations.create("Other")).id)
    engine.traces.add(live.id, DAY, "in", CALLER, INVITE)
    engine.traces.own(live.id, organization, "inbound")
    for id in (live.id, log[0].id):
        for method, tail in (("GET", ""), ("POST", "/hangup"), ("GET", "/trace")):
            answer = await other(method, f"/v1/calls/call_{id}{tail}")
            assert (answer.status, answer.code) == (404, "call_not_found")
    assert (await other.get("/v1/calls")).json["data"] == []
    assert (await other.get("/v1/calls/live")).json["data"] == []
    assert engine.hung_up == []


@pytest.fixture
def traced(engine: Engine, organization: str, live: CallRecord) -> str:
    add = engine.traces.add
    add(live.id, DAY, "in", CALLER, INVITE)
    add(live.id, DAY + 0.004, "out", AGENT, INVITE.replace(b"caller", b"agent"))
    add(live.id, DAY + 0.1, "in", AGENT, RINGING.replace(b"caller", b"agent"))
    add(live.id, DAY + 0.1015, "out", CALLER, RINGING)
    engine.traces.own(live.id, organization, "inbound")
    return live.id


async def test_trace_as_json(admin: Client, traced: str) -> None:
    answer = await admin.get(f"/v1/calls/call_{traced}/trace")
    assert (answer.json["call_id"], answer.json["truncated"]) == (f"call_{traced}", False)
    messages = answer.json["messages"]
    assert [message["summary"] for message in messages] == ["INVITE sdp", "INVITE sdp", "180 Ringing", "180 Ringing"]
    assert [message["side"] for message in messages] == ["caller", "agent", "agent", "caller"]
    assert messages[1]["at"] == "2024-01-15T00:00:00.004000Z"
    assert messages[0]["text"].startswith("INVITE sip:+12125551234@192.0.2.9 SIP/2.0\r\n")
    for secret in (b"0123456789abcdef", b"c2VjcmV0a2V5"):
        assert secret not in answer.raw


async def test_trace_as_a_ladder(admin: Client, traced: str) -> None:
    answer = await admin.get(f"/v1/calls/call_{traced}/trace?format=text")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.raw.decode()
    rows = [line for line in text.splitlines() if "▶" in line or "◀" in line]
    assert [row.split()[0] for row in rows] == ["0.000", "0.004", "0.100", "0.102"]
    assert ["▶" in row for row in rows] == [True, True, False, False]
    assert "#2 2024-01-15T00:00:00.004Z tcp 192.0.2.9:5060 -> 198.51.100.7:5060\n  INVITE sip:" in text
    for secret in (b"0123456789abcdef", b"c2VjcmV0a2V5"):
        assert secret not in answer.raw
    assert (await admin.get(f"/v1/calls/call_{traced}/trace?format=pcap")).status == 400


async def test_a_trace_that_is_gone(admin: Client, log: list[CallRecord]) -> None:
    answer = await admin.get(f"/v1/calls/call_{log[0].id}/trace")
    assert (answer.status, answer.code) == (404, "trace_not_found")


async def test_without_the_engine_the_log_is_still_there(admin: Client, log: list[CallRecord], engine: Engine) -> None:
    engine.gone = True
    assert (await admin.get("/v1/calls")).json["pagination"]["total"] == 5
    assert (await admin.get(f"/v1/calls/call_{log[0].id}")).status == 200
    for path in ("/v1/calls/live", f"/v1/calls/call_{log[0].id}/trace", "/v1/status/tables"):
        answer = await admin.get(path)
        assert (answer.status, answer.code) == (503, "engine_unavailable")
