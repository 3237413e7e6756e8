"""The documents that clients were written to: their examples, in their order, against the demo as it starts.

Requests and answers are read from the documents themselves. What is replaced is the host, the key, ids and the brand's
words; an answer may have more fields than the document shows, and null for what is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import CARRIER
from tests.stories.edge import Answer, Edge
from tests.stories.phone import Dialled, Phone

TELEPHONY = "/api/v1/telephony"
NUMBERS = "/api/v1/phone-numbers"
_BLOCK = re.compile(r"(?:^|-d ')(?=[\[{])", re.MULTILINE)
_QUOTES = str.maketrans("“”‘’", "\"\"''")
Ask = Callable[..., Any]


def examples(folder: Path, seed: int) -> list[Any]:
    """Every JSON text of the document, in order."""
    (file,) = folder.glob(f"seed-{seed}-*.txt")
    text, found, at = file.read_text("utf-8").translate(_QUOTES), [], 0
    while match := _BLOCK.search(text, at):
        value, at = json.JSONDecoder().raw_decode(text, match.end())
        found.append(value)
    return found


def like(answer: Any, example: Any, path: str = "$") -> None:
    """It has what the example has, of the same kinds."""
    if answer is None:
        return
    if isinstance(example, dict):
        for name, value in example.items():
            name = name.replace("voisnap", "trunkline")
            assert name in answer, f"{path}.{name} is lacking"
            like(answer[name], value, f"{path}.{name}")
    elif isinstance(example, list):
        assert isinstance(answer, list), path
        for each in answer:
            like(each, example[0] if example else each, f"{path}[]")
    elif isinstance(example, bool | str):
        assert type(answer) is type(example), path
    else:
        assert isinstance(answer, int | float), path


@pytest.fixture
def demo(edge: Edge) -> Edge:
    edge.start("--demo")
    edge.key = edge.demo_key()
    return edge


@pytest.fixture
def ask(demo: Edge) -> Ask:
    """Ask with a test key, which needs no account anywhere, and compare with an example."""
    live = demo.key
    made = demo.post("/v1/api-keys", {"name": "Documents", "role": "admin", "environment": "test"})
    # Shown this once.
    demo.seen.clear()

    def asked(method: str, path: str, body: Any = None, status: int = 200, example: Any = None) -> Any:
        demo.key = made["key"]
        answer: Answer = demo.ask(method, path, body)
        demo.key = live
        assert answer.status == status, (method, path, answer)
        found = answer.json if answer.text else None
        if example is not None:
            like(found, example)
        return found

    return asked


def test_s1_the_telephony_document(ask: Ask, shared: Callable[[str], Path]) -> None:
    found, wanted, bought, listed, stats, pricing, trunk, made, tried = examples(shared("mission"), 1)
    agent = ask("POST", "/v1/agents", {"name": listed["data"][0]["assignedAgentName"], "kind": "echo"}, 201)["id"]
    search = "/numbers/search?country=US&areaCode=415&capabilities=voice,sms&limit=5"
    offered = ask("GET", TELEPHONY + search, example=found)["numbers"]
    assert offered[:2] == found["numbers"]
    number = ask("POST", f"{TELEPHONY}/numbers", wanted, 201, bought)
    volatile = {"id", "provisionedAt"}
    assert {name: number[name] for name in bought if name not in volatile} == {
        name: value for name, value in bought.items() if name not in volatile
    }
    ask("GET", f"{TELEPHONY}/numbers", example=listed)
    one = f"{TELEPHONY}/numbers/{number['id']}"
    ask("POST", f"{one}/assign/{agent.replace('agent_', 'agt_')}")
    page = ask("GET", f"{TELEPHONY}/numbers", example=listed)
    assert page["data"][0]["assignedAgentName"] == listed["data"][0]["assignedAgentName"]
    assert {name: page[name] for name in listed if name != "data"} == {
        name: listed[name] for name in listed if name != "data"
    }
    assert ask("POST", f"{one}/unassign")["assignedAgentId"] is None
    counted = ask("GET", f"{one}/stats?dateFrom=2025-06-01&dateTo=2025-06-30", example=stats)
    assert counted["period"] == stats["period"]
    assert ask("GET", f"{TELEPHONY}/numbers/pricing?country=US&provider=twilio", example=pricing) == pricing
    ask("DELETE", one)
    ask("GET", one, status=404)

    pbx = ask("POST", f"{TELEPHONY}/sip-trunks", trunk, 201, made)
    assert (pbx["status"], pbx["sipUri"], pbx["transport"]) == (made["status"], made["sipUri"], made["transport"])
    assert pbx["id"] in [each["id"] for each in ask("GET", f"{TELEPHONY}/sip-trunks")["data"]]
    one = f"{TELEPHONY}/sip-trunks/{pbx['id']}"
    assert ask("PATCH", one, {"maxConcurrentCalls": 10})["maxConcurrentCalls"] == 10
    assert ask("POST", f"{one}/test", example=tried)["status"] == tried["status"]
    assert ask("GET", one)["status"] == "active"
    ask("DELETE", one)


def test_s2_the_document_of_trunks_numbers_calls_and_webhooks(ask: Ask, shared: Callable[[str], Path]) -> None:
    (
        trunks, elevenlabs, openai, generic, made, trunk, patch, patched, gone, provisioned,
        phones, wanted, imported, phone, change, changed, removed, active, again, bulk, bulked,
        calls, _, _, hook, hooked, refused,
    ) = examples(shared("mission"), 2)  # fmt: skip
    engine = ask("POST", "/v1/sip/trunks", elevenlabs, 201, made)["id"]
    project = ask("POST", "/v1/sip/trunks", openai, 201, made)["id"]
    ask("POST", "/v1/sip/trunks", generic, 201, made)
    assert ask("POST", "/v1/sip/trunks", generic, 409)["error"]["code"] == "trunk_name_exists"
    assert ask("GET", "/v1/sip/trunks", example=trunks)["pagination"] == trunks["pagination"]
    [only] = ask("GET", "/v1/sip/trunks?provider=elevenlabs", example=trunks)["data"]
    assert only["id"] == engine
    shown = ask("GET", f"/v1/sip/trunks/{engine}", example=trunk)
    assert {name: shown["config"][name] for name in trunk["config"]} == trunk["config"]
    assert ask("PATCH", f"/v1/sip/trunks/{engine}", patch, example=patched)["name"] == patched["name"]
    assert ask("POST", f"/v1/sip/trunks/{project}/provision", example=provisioned)["status"] == "provisioned"

    number = ask("POST", "/v1/phone-numbers/import", {**wanted, "trunk_id": engine}, 201, imported)
    assert (number["status"], number["agent_id"]) == ("provisioning", wanted["agent_id"])
    ask("GET", "/v1/phone-numbers", example=phones)
    [only] = ask("GET", f"/v1/phone-numbers?trunk_id={engine}&status=provisioning&engine=elevenlabs")["data"]
    one = f"/v1/phone-numbers/{only['id']}"
    assert ask("GET", one, example=phone)["config"] == wanted["config"]
    assert ask("PATCH", one, change, example=changed)["agent_id"] == change["agent_id"]
    merged = ask("GET", one, example=phone)["config"]
    assert merged == {**wanted["config"], **change["config"]}
    assert ask("POST", f"{one}/provision", example=active)["status"] == "active"
    assert ask("POST", f"/v1/sip/trunks/{engine}/reprovision-all", example=again)["provisioned"] == 1
    assert ask("DELETE", f"/v1/sip/trunks/{engine}", status=409)["error"]["code"] == "trunk_has_active_numbers"
    assert ask("DELETE", one) == removed
    told = ask("POST", "/v1/phone-numbers/bulk-import", {**bulk, "trunk_id": engine}, 201, bulked)
    assert [each["status"] for each in told["results"]] == ["success", "success"]

    ask("GET", "/v1/calls", example=calls)
    ask("GET", "/v1/calls?phone_number=%2B12125551234&start_date=2024-01-15", example=calls)
    webhook = ask("POST", "/v1/webhooks", hook, 201, hooked)
    assert (webhook["url"], webhook["events"], webhook["status"]) == (hook["url"], hook["events"], "active")
    wrong = {**wanted, "trunk_id": engine, "phone_number": refused["error"]["details"]["provided"]}
    error = ask("POST", "/v1/phone-numbers/import", wrong, 400, refused)["error"]
    assert (error["code"], error["details"]) == (refused["error"]["code"], refused["error"]["details"])
    assert ask("DELETE", f"/v1/sip/trunks/{engine}") == gone


def test_s3_the_document_of_connections(ask: Ask) -> None:
    base = "/v1/voip-connections"
    account = {"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "whispered-token"}}
    fields = {
        "id", "name", "provider", "setup_method", "status", "inferred_name", "sip_config", "last_tested_at",
        "numbers_imported",
    }  # fmt: skip
    evidence = ask("POST", f"{base}/test", account)["verification_evidence_id"]
    lacking = ask("POST", base, account, 400)
    assert lacking["error"]["details"]["field"] == "verification_evidence_id"
    made = ask("POST", base, {**account, "verification_evidence_id": evidence}, 201)
    assert set(made) == fields
    assert type(made["id"]) is int
    assert (made["status"], made["inferred_name"]) == ("connected", True)
    ask("POST", base, {**account, "verification_evidence_id": evidence}, 400)
    assert ask("POST", f"{base}/suggest-name", account)["name"] == made["name"]
    one = f"{base}/{made['id']}"
    assert ask("GET", base)["data"] == [ask("GET", one)]
    e164 = ask("GET", f"{one}/available-numbers")["data"][0]["phone_number"]
    [row] = ask("POST", f"{one}/import-numbers", {"phone_numbers": [e164]}, 201)["results"]
    phone = f"/v1/phone-numbers/{row['id']}"
    assert ask("GET", phone)["status"] == "provisioning"
    assert ask("POST", f"{phone}/verify-voip")["status"] == "active"
    assert ask("GET", one)["numbers_imported"] == 1
    ask("PATCH", one, {"credentials": account["credentials"]}, 400)
    renamed = ask("PATCH", one, {"name": "Ours"})
    assert (renamed["name"], renamed["inferred_name"]) == ("Ours", False)
    assert ask("DELETE", one, status=204) is None
    kept = ask("GET", phone)
    assert (kept["status"], kept["voip_connection_id"]) == ("active", None)


def test_s4_the_document_of_numbers(ask: Ask, shared: Callable[[str], Path]) -> None:
    listed, bought, offers, imported, verification, draft, submitted, one, routed, released = examples(
        shared("mission"), 4
    )
    agent = ask("POST", "/v1/agents", {"name": "Echo", "kind": "echo"}, 201)["id"]
    [first, *_] = ask("GET", f"{NUMBERS}/available?areaCode=201&limit=10", example=offers)
    ask("GET", f"{NUMBERS}/available?areaCode=20", status=400, example={"error": "", "code": ""})
    wanted = {"e164": first["e164"], "agentId": agent, "label": "Line", "direction": "inbound"}
    made = ask("POST", NUMBERS, wanted, 201, bought)
    assert made["source"] == "managed"
    theirs = {"e164": "+12015551234", "sipTrunkId": made["sipTrunkId"], "dispatchMetadataTemplate": {}}
    assert ask("POST", f"{NUMBERS}/import", theirs, 201, imported)["source"] == "sip_trunk"
    assert len(ask("GET", NUMBERS, example=listed)) == 2
    assert ask("GET", f"{NUMBERS}/verification", example=verification)["status"] == "missing"
    form = {
        "businessProfile": {**draft["businessProfile"], "country": "US", "address": {"city": "string"}},
        "authorizedRepresentative": draft["authorizedRepresentative"],
    }
    assert ask("PUT", f"{NUMBERS}/verification", form, example=draft)["status"] == "draft"
    ask("POST", f"{NUMBERS}/verification/submit", form, 400)
    form["attestationAccepted"] = True
    done = ask("POST", f"{NUMBERS}/verification/submit", form, example=submitted)
    assert (done["status"], done["attestationAccepted"]) == ("submitted", True)
    place = f"{NUMBERS}/{made['id']}"
    ask("GET", place, example=one)
    assert ask("PATCH", place, {"label": None, "direction": "both"}, example=routed)["label"] is None
    assert ask("DELETE", place) == released


def test_s5_the_document_of_imports(ask: Ask, demo: Edge, carrier: Phone, shared: Callable[[str], Path]) -> None:
    twilio, made, _, sip, _ = examples(shared("mission"), 5)
    demo.organization = demo.get("/v1/organizations")["data"][0]["id"]
    lacking = ask("POST", "/api/phone-numbers", twilio, 404)
    assert lacking["success"] is False
    account = {"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "whispered-token"}}
    evidence = ask("POST", "/v1/voip-connections/test", account)["verification_evidence_id"]
    serial = ask("POST", "/v1/voip-connections", {**account, "verification_evidence_id": evidence}, 201)["id"]
    answer = ask("POST", "/api/phone-numbers", {**twilio, "integration_id": f"intg_{serial}"}, 201, made)
    assert answer["message"] == made["message"]
    assert answer["data"]["status"] == made["data"]["status"]
    ask("POST", "/api/phone-numbers", {**twilio, "integration_id": f"intg_{serial}"}, 409)

    # The other one with the demo's own key: its trunk is there at once, and calls to it obey.
    found = demo.post("/api/phone-numbers", sip)
    assert found["message"] == "Phone number imported successfully with sip"
    [trunk] = [each for each in demo.get("/v1/sip/trunks")["data"] if each["name"] == sip["sip_trunk_name"]]
    config = demo.get(f"/v1/sip/trunks/{trunk['id']}")["config"]
    assert (config["server"], config["media_encryption"]) == (sip["sip_server_address"], sip["media_encryption"])
    told = demo.post("/v1/routes/explain", {"source": CARRIER, "transport": "udp", "to": sip["phone_number"]})
    assert not told["accepted"]
    Dialled(carrier, demo.sip, sip["phone_number"]).refused(told["status"])
