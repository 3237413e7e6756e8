"""What the documents' requests do to calls: each is made as its document writes it, and the next INVITE obeys."""

from __future__ import annotations

from tests.stories.conftest import NUMBER
from tests.stories.edge import Edge, Json
from tests.stories.phone import Dialled, Phone

TELEPHONY = "/api/v1/telephony"
NUMBERS = "/api/v1/phone-numbers"


def trunked(house: Edge, carrier: Phone, **more: Json) -> str:
    """The carrier's trunk, as the telephony document makes one; its id there."""
    body = {"name": "Carrier", "sipUri": f"sip:{carrier.at}", "transport": "UDP", **more}
    return str(house.post(f"{TELEPHONY}/sip-trunks", body)["id"])


def test_s1_09_10_11_18_20_24_a_number_is_assigned_taken_away_and_released(
    house: Edge, carrier: Phone, agent: Phone
) -> None:
    trunk = trunked(house, carrier, codecs=["PCMA", "PCMU"], maxConcurrentCalls=1)
    number = house.post(f"{NUMBERS}/import", {"e164": NUMBER, "sipTrunkId": trunk.replace("sip_", "trunk_")})["id"]
    one = f"{TELEPHONY}/numbers/{number.replace('phone_', 'num_')}"
    assert "no-agent" in Dialled(carrier, house.sip, NUMBER).refused(480).text

    assigned = house.post(f"{one}/assign/{house.agent(f'sip:agent@{agent.at}').replace('agent_', 'agt_')}", {})
    assert assigned["assignedAgentName"] == f"sip:agent@{agent.at}"
    call = Dialled(carrier, house.sip, NUMBER, types=("0", "8", "18"))
    invite = agent.expect("INVITE")
    # The trunk's codecs in their order, and no other.
    assert " RTP/AVP 8 0\r\n" in invite.body
    agent.answer(invite, "200 OK", agent.sdp("8"))
    agent.expect("ACK", call=invite.header("Call-ID"))
    call.answered()

    # One at a time, until the trunk is changed under the call that is up.
    assert Dialled(carrier, house.sip, NUMBER).refused(503).header("Retry-After")
    house.patch(f"{TELEPHONY}/sip-trunks/{trunk}", {"maxConcurrentCalls": 2, "codecs": ["PCMU"]})
    second = Dialled(carrier, house.sip, NUMBER, types=("0", "8"))
    taken = agent.takes()
    assert " RTP/AVP 0\r\n" in taken.invite.body
    second.answered()
    second.bye()
    taken.ends()
    Dialled(carrier, house.sip, NUMBER, types=("8",)).refused(488)

    # Taken away and released under the call that is up.
    assert house.post(f"{one}/unassign", {})["assignedAgentId"] is None
    assert "no-agent" in Dialled(carrier, house.sip, NUMBER).refused(480).text
    assert house.delete(one)["deleted"]
    assert "unknown-number" in Dialled(carrier, house.sip, NUMBER).refused(404).text
    call.bye()
    agent.expect("BYE", call=invite.header("Call-ID"))
    assert {each["status"] for each in house.calls(7)} == {"completed", "failed"}


def test_s4_09_10_11_12_what_the_numbers_document_says_of_calls(house: Edge, carrier: Phone, agent: Phone) -> None:
    trunk = trunked(house, carrier)
    wanted = {
        "e164": NUMBER,
        "sipTrunkId": trunk.replace("sip_", "trunk_"),
        "agentId": house.agent(f"sip:agent@{agent.at}"),
        "direction": "inbound",
        "dispatchMetadataTemplate": {"customer": "{{caller}}", "plan": "gold"},
    }
    made = house.post(f"{NUMBERS}/import", wanted)
    one = f"{NUMBERS}/{made['id']}"
    assert (made["setupStatus"]["status"], made["setupStatus"]["forwardingRequired"]) == ("ready", True)
    call = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    assert taken.invite.header("X-Trunkline-Meta-customer") == "+12025550199"
    assert taken.invite.header("X-Trunkline-Meta-plan") == "gold"
    call.answered()
    call.bye()
    taken.ends()
    house.calls()
    assert house.get(one)["setupStatus"]["forwardingRequired"] is False

    house.patch(one, {"direction": "outbound"})
    assert "inbound-not-supported" in Dialled(carrier, house.sip, NUMBER).refused(403).text
    house.patch(one, {"direction": "both"})
    house.patch(f"/v1/phone-numbers/{made['id']}", {"status": "suspended"})
    assert "suspended" in Dialled(carrier, house.sip, NUMBER).refused(480).text
    assert house.get(one)["setupStatus"]["status"] == "action_required"


def test_s5_10_11_12_what_the_import_document_says_of_calls(house: Edge, carrier: Phone, agent: Phone) -> None:
    sip = {
        "provider": "sip",
        "supports_inbound": True,
        "sip_trunk_name": "my-trunk",
        "sip_server_address": carrier.at,
        "media_encryption": "require",
    }
    made = house.post("/api/phone-numbers", {**sip, "phone_number": NUMBER})["data"]
    assert made["status"] == "free"
    number = f"/v1/phone-numbers/{made['phone_number_id']}"
    house.patch(number, {"agent_id": house.agent(f"sip:agent@{agent.at}")})
    Dialled(carrier, house.sip, NUMBER).refused(488)

    [trunk] = house.get("/v1/sip/trunks")["data"]
    house.patch(f"/v1/sip/trunks/{trunk['id']}", {"config": {"media_encryption": "disable"}})
    call = Dialled(carrier, house.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    taken.bye()
    call.ends()

    later = NUMBER[:-1] + "4"
    house.post("/api/phone-numbers", {**sip, "phone_number": later, "supports_inbound": False})
    assert "inbound-not-supported" in Dialled(carrier, house.sip, later).refused(403).text
    barred = NUMBER[:-1] + "5"
    house.post("/api/phone-numbers", {**sip, "phone_number": barred, "inbound_pin": "2580"})
    assert "pin-unsupported" in Dialled(carrier, house.sip, barred).refused(480).text
