"""An operator sets the edge up by its API, and the very next INVITE obeys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stories.conftest import CARRIER, NETWORK, NUMBER
from tests.stories.edge import Edge
from tests.stories.phone import Dialled, Phone


def test_from_nothing_to_a_call_and_back(edge: Edge, carrier: Phone, agent: Phone) -> None:
    edge.start()
    edge.operate()
    Dialled(carrier, edge.sip, NUMBER).refused(403)

    trunk = edge.trunk("carrier", NETWORK)
    Dialled(carrier, edge.sip, NUMBER).refused(404)

    number = edge.number(NUMBER, trunk, None)
    Dialled(carrier, edge.sip, NUMBER).refused(480)

    where = edge.agent(f"sip:agent@{agent.at}")
    edge.patch(f"/v1/phone-numbers/{number}", {"agent_id": where})
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    assert taken.call_id != call.call_id
    assert CARRIER not in "".join(taken.invite.lines)
    taken.bye()
    call.ends()

    edge.patch(f"/v1/sip/trunks/{trunk}", {"status": "inactive"})
    Dialled(carrier, edge.sip, NUMBER).refused(403)
    edge.patch(f"/v1/sip/trunks/{trunk}", {"status": "active"})

    edge.delete(f"/v1/phone-numbers/{number}")
    Dialled(carrier, edge.sip, NUMBER).refused(404)
    assert edge.ask("GET", f"/v1/phone-numbers/{number}").status == 404
    edge.delete(f"/v1/agents/{where}")
    edge.delete(f"/v1/sip/trunks/{trunk}")
    Dialled(carrier, edge.sip, NUMBER).refused(403)

    # Whom nobody knew is only counted; a known trunk's calls are in the log, one each.
    logged = [(edge.call(call["id"])["cause"], call["status"]) for call in reversed(edge.calls(5))]
    assert logged == [
        ("unknown-number", "failed"),
        ("no-agent", "failed"),
        ("normal", "completed"),
        ("trunk-disabled", "failed"),
        ("unknown-number", "failed"),
    ]
    agent.hears_nothing(0.1)


def test_words_that_are_no_utf_8(house: Edge, carrier: Phone, agent: Phone, stranger: Phone) -> None:
    """While the call goes on, and after it."""
    members = [house.agent(f"sip:agent@{each.at}") for each in (stranger, agent)]
    group = house.post("/v1/agents", {"name": "All", "kind": "group", "members": members})["id"]
    house.number(NUMBER, house.trunk("carrier", NETWORK), group)
    call = Dialled(carrier, house.sip, NUMBER)
    invite = stranger.expect("INVITE")
    stranger.answer(invite, "503 Gest\udcf6rt")
    stranger.expect("ACK", call=invite.header("Call-ID"))
    taken = agent.takes()
    call.answered()
    (live,) = house.get("/v1/calls/live")["data"]
    assert house.call(live["id"])["legs"][1]["phrase"] == "Gest\ufffdrt"
    call.bye()
    taken.ends()
    (ended,) = house.calls()
    assert house.call(ended["id"])["legs"][1]["phrase"] == "Gest\ufffdrt"
    house.delete(f"/v1/agents/{group}?cascade=true")


def test_words_that_no_database_takes(house: Edge, stranger: Phone) -> None:
    """PostgreSQL has no text with a NUL, and what a trial found is kept."""
    uri = f"sip:{stranger.at}"
    trunk = house.post("/api/v1/telephony/sip-trunks", {"name": "PBX", "sipUri": uri, "transport": "UDP"})["id"]
    with ThreadPoolExecutor(1) as threads:
        trial = threads.submit(house.post, f"/api/v1/telephony/sip-trunks/{trunk}/test", {})
        stranger.answer(stranger.expect("OPTIONS"), "503 Gest\udcf6rt\0.")
        tried = trial.result()
    assert tried["error"] == "it answered OPTIONS with 503 Gest\ufffdrt\ufffd."


def test_a_trunk_that_is_full(house: Edge, carrier: Phone, agent: Phone) -> None:
    house.number(NUMBER, house.trunk("carrier", NETWORK), house.agent(f"sip:agent@{agent.at}"))
    trunk = house.get("/v1/sip/trunks")["data"][0]["id"]
    house.patch(f"/v1/sip/trunks/{trunk}", {"config": {"max_concurrent_calls": 1}})
    first = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    first.answered()
    refusal = Dialled(carrier, house.sip, NUMBER).refused(503)
    assert refusal.header("Retry-After") == "5"
    assert 'text="' in refusal.header("Reason")
    assert "trunk-full" in refusal.text
    (live,) = house.get("/v1/calls/live")["data"]
    leg = house.call(live["id"])["legs"][0]["sip_call_id"]
    escaped = NUMBER.replace("+", "%2B")
    for among, there in (
        ("direction=inbound", 1), ("direction=outbound", 0), (f"phone_number={escaped}", 1), ("page=2", 1),
        ("phone_number=%2B19995550100", 0), ("start_date=2999-01-01", 0), ("end_date=2999-01-01", 1),
    ):  # fmt: skip
        assert house.get(f"/v1/calls?status=in-progress&{among}")["pagination"]["total"] == there, among
    assert [each["id"] for each in house.get(f"/v1/calls?sip_call_id={leg}")["data"]] == [live["id"]]
    first.bye()
    taken.ends()
    second = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    second.answered()
    taken.bye()
    second.ends()
    assert sorted(call["status"] for call in house.calls(3)) == ["completed", "completed", "failed"]


def test_a_trunk_that_must_authenticate(house: Edge, stranger: Phone, agent: Phone) -> None:
    trunk = house.trunk("pbx", NETWORK, credentials={"username": "pbx", "password": "sesame-opens"})
    house.number(NUMBER, trunk, house.agent(f"sip:agent@{agent.at}"))
    call = Dialled(stranger, house.sip, NUMBER)
    challenge = call.refused(401)
    call.authenticated(challenge, "pbx", "sesame-opens")
    taken = agent.takes()
    call.answered()
    assert "Authorization" not in taken.invite.text
    call.bye()
    taken.ends()

    call = Dialled(stranger, house.sip, NUMBER)
    call.authenticated(call.refused(401), "pbx", "sesame-closes")
    call.refused(403)
    agent.hears_nothing(0.1)


def test_codecs(house: Edge, carrier: Phone, agent: Phone) -> None:
    trunk = house.trunk("carrier", NETWORK, codecs=["PCMA"])
    house.number(NUMBER, trunk, house.agent(f"sip:agent@{agent.at}"))
    refusal = Dialled(carrier, house.sip, NUMBER, types=("18", "0")).refused(488)
    assert refusal.header("Warning").startswith("305 ")
    call = Dialled(carrier, house.sip, NUMBER, types=("0", "8", "9"))
    invite = agent.expect("INVITE")
    assert "m=audio 40000 RTP/AVP 8\r\n" in invite.body
    agent.answer(invite, "200 OK", agent.sdp("8"))
    agent.expect("ACK")
    assert "RTP/AVP 8\r\n" in call.answered().body
    call.bye()


def test_a_call_has_a_longest_time(house: Edge, carrier: Phone, agent: Phone) -> None:
    trunk = house.trunk("carrier", NETWORK)
    house.number(NUMBER, trunk, house.agent(f"sip:agent@{agent.at}"), config={"max_duration": 1})
    call = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    call.ends()
    taken.ends()
    (logged,) = house.calls()
    detail = house.call(logged["id"])
    assert (detail["cause"], detail["hung_up_by"], detail["duration"]) == ("max-duration", "edge", 1)


def test_an_operator_hangs_up(house: Edge, carrier: Phone, agent: Phone) -> None:
    house.number(NUMBER, house.trunk("carrier", NETWORK), house.agent(f"sip:agent@{agent.at}"))
    call = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    (live,) = house.get("/v1/calls/live")["data"]
    house.post(f"/v1/calls/{live['id']}/hangup", None)
    call.ends()
    taken.ends()
    (logged,) = house.calls()
    assert (logged["id"], house.call(logged["id"])["cause"]) == (live["id"], "operator")


def test_an_agent_that_does_not_answer(house: Edge, carrier: Phone, agent: Phone) -> None:
    trunk = house.trunk("carrier", NETWORK)
    house.number(NUMBER, trunk, house.agent(f"sip:agent@{agent.at}", ring_timeout=1))
    call = Dialled(carrier, house.sip, NUMBER)
    invite = agent.expect("INVITE")
    agent.answer(invite, "180 Ringing")
    call.rings()
    cancel = agent.expect("CANCEL")
    agent.answer(cancel, "200 OK")
    agent.answer(invite, "487 Request Terminated")
    agent.expect("ACK")
    assert call.refused(480).header("Reason")
    (logged,) = house.calls()
    assert logged["status"] == "no-answer"


@pytest.mark.parametrize("final", ["486 Busy Here", "603 Decline", "500 Server Internal Error"])
def test_an_agent_that_refuses(house: Edge, carrier: Phone, agent: Phone, final: str) -> None:
    house.number(NUMBER, house.trunk("carrier", NETWORK), house.agent(f"sip:agent@{agent.at}"))
    call = Dialled(carrier, house.sip, NUMBER)
    invite = agent.expect("INVITE")
    agent.answer(invite, final)
    agent.expect("ACK")
    refusal = call.refused(int(final[:3]))
    assert house.calls()[0]["status"] == "failed"
    assert final[:3] in refusal.start
