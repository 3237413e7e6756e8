"""What is done to calls that go on: hang up, transfer, digits."""

from __future__ import annotations

import pytest
from msgspec import structs

from tests.api.conftest import Client, Clock, Keys
from tests.api.test_calls import record
from tests.control.engine import Engine
from trunkline.control.ports import Commanded, DigitsTo, TransferOf
from trunkline.model.call import CallRecord


@pytest.fixture
def live(engine: Engine, organization: str, clock: Clock) -> CallRecord:
    call = record(organization, clock.wall, status="in-progress", ended_at=None)
    engine.live[call.id] = call
    return call


async def test_a_transfer_that_was_made(admin: Client, live: CallRecord, engine: Engine) -> None:
    answer = await admin.post(f"/v1/calls/call_{live.id}/transfer", {"to": "+1 (202) 555-0177"})
    assert answer.status == 200
    assert (answer.json["call_id"], answer.json["transfer"]["result"]) == (f"call_{live.id}", "completed")
    (order,) = engine.orders
    assert isinstance(order, TransferOf)
    assert (order.to, order.stays, order.mode, order.timeout) == ("+12025550177", "caller", "auto", 30.0)
    assert (await admin.get(f"/v1/calls/call_{live.id}")).json["transfers"][0]["to"] == "+12025550177"


async def test_a_transfer_that_goes_on_is_202(admin: Client, live: CallRecord, engine: Engine) -> None:
    engine.commanded = None
    answer = await admin.post(f"/v1/calls/call_{live.id}/transfer", {"to": "sip:desk@example.com", "timeout": 60})
    assert (answer.status, answer.json["transfer"]["result"]) == (202, "in-progress")


async def test_a_transfer_that_failed_is_a_result(admin: Client, live: CallRecord, engine: Engine) -> None:
    engine.commanded = Commanded(done=False, cause="transfer-failed", detail="Busy.", status=486)
    answer = await admin.post(f"/v1/calls/call_{live.id}/transfer", {"to": "+12025550177"})
    assert (answer.status, answer.json["transfer"]["result"], answer.json["transfer"]["status"]) == (200, "failed", 486)


@pytest.mark.parametrize(
    ("cause", "status", "code"),
    [
        ("destination-not-allowed", 422, "transfer_refused"),
        ("refer-not-supported", 422, "transfer_refused"),
        ("transfer-in-progress", 409, "transfer_in_progress"),
        ("call-not-answered", 409, "call_not_answered"),
        ("call-not-live", 409, "call_not_live"),
    ],
)
async def test_a_transfer_that_cannot_begin(
    admin: Client, live: CallRecord, engine: Engine, cause: str, status: int, code: str
) -> None:
    engine.commanded = Commanded(done=False, cause=cause, detail="No.")
    answer = await admin.post(f"/v1/calls/call_{live.id}/transfer", {"to": "+12025550177"})
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": "nobody"},
        {"to": "+12025550177", "leg": "callee"},
        {"to": "+12025550177", "timeout": 1},
        {"to": "+12025550177", "mode": "magic"},
    ],
)
async def test_what_is_no_transfer(admin: Client, live: CallRecord, engine: Engine, body: dict[str, object]) -> None:
    assert (await admin.post(f"/v1/calls/call_{live.id}/transfer", body)).status == 400
    assert engine.orders == []


async def test_of_an_outbound_call_the_callee_stays(admin: Client, live: CallRecord, engine: Engine) -> None:
    engine.live[live.id] = structs.replace(live, direction="outbound")
    await admin.post(f"/v1/calls/call_{live.id}/transfer", {"to": "+12025550177"})
    await admin.post(f"/v1/calls/call_{live.id}/dtmf", {"digits": "1", "leg": "agent"})
    transfer, digits = engine.orders
    assert isinstance(transfer, TransferOf)
    assert isinstance(digits, DigitsTo)
    assert (transfer.stays, digits.to) == ("agent", "caller")


async def test_digits(admin: Client, live: CallRecord, engine: Engine) -> None:
    answer = await admin.post(f"/v1/calls/call_{live.id}/dtmf", {"digits": "12#"})
    assert (answer.status, answer.json["success"]) == (200, True)
    (order,) = engine.orders
    assert isinstance(order, DigitsTo)
    assert (order.digits, order.to, order.duration) == ("12#", "caller", 160)
    for wrong in ("", "E", "1" * 65):
        assert (await admin.post(f"/v1/calls/call_{live.id}/dtmf", {"digits": wrong})).status == 400
    engine.commanded = Commanded(done=False, cause="leg-has-no-sip", detail="Nobody is there.")
    assert (await admin.post(f"/v1/calls/call_{live.id}/dtmf", {"digits": "1"})).code == "digits_refused"


async def test_hanging_up_with_a_reason(admin: Client, live: CallRecord, engine: Engine) -> None:
    assert (await admin.post(f"/v1/calls/call_{live.id}/hangup", {"reason": "closing time"})).status == 200
    assert (await admin.post(f"/v1/calls/call_{live.id}/hangup")).status == 200
    assert (await admin.post(f"/v1/calls/call_{live.id}/hangup", {"reason": "x" * 101})).status == 400
    assert engine.hung_up == [live.id, live.id]


async def test_who_may(client: Keys, organization: str, live: CallRecord) -> None:
    viewer, manager = await client(organization, "viewer"), await client(organization, "agent_manager")
    for tail, body in (("transfer", {"to": "+12025550177"}), ("dtmf", {"digits": "1"})):
        assert (await viewer.post(f"/v1/calls/call_{live.id}/{tail}", body)).status == 403
        assert (await manager.post(f"/v1/calls/call_{live.id}/{tail}", body)).status == 200


async def test_another_organizations_call_is_404(admin: Client, engine: Engine, live: CallRecord, clock: Clock) -> None:
    foreign = record("01hm6jv4qg0000000000000000", clock.wall, status="in-progress", ended_at=None)
    engine.live[foreign.id] = foreign
    for tail, body in (("transfer", {"to": "+12025550177"}), ("dtmf", {"digits": "1"})):
        assert (await admin.post(f"/v1/calls/call_{foreign.id}/{tail}", body)).code == "call_not_found"
    assert engine.orders == []
