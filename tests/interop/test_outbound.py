"""Calls out, between foreign peers: a PBX that dials, carriers that take the call or do not, and calls that the API
begins. Every end is SIPp, whose verdict counts at both ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from loadtest.edges import trunkline
from loadtest.peers.ports import free
from loadtest.process import wait_until
from loadtest.scenario import ANSWER, CALLER, EVENTS, PCMU, Script, audio
from tests.interop.peers import Peers, ask, serving
from trunkline.model.ids import mint

pytestmark = pytest.mark.foreign

_NETWORK = f"127.{200 + os.getpid() % 50}"
PBX, EDGE, FIRST, SECOND, AGENT = (f"{_NETWORK}.{n}.1" for n in range(5))
DIALLED = "+13035550142"
_OWNER = {"organization_id": "org_out"}
BOT, ECHO = mint(1.0, bytes(10)), mint(2.0, bytes(10))
_ELSEWHERE = audio(PCMU, EVENTS, version=2)


class Running(NamedTuple):
    folder: Path
    sip: int
    api: tuple[str, int]
    first: int
    second: int
    agent: int

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return ask(self.folder, self.api, method, path, body)

    def ended(self, id: str) -> dict[str, Any]:
        """The call's record, once it has ended."""
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(self.ask("GET", f"/v1/calls/{id}")[1])
            return bool(found["state"] == "ended")

        wait_until(over, 15, f"the end of {id}")
        return found

    def empty(self) -> bool:
        left = trunkline.tables(self.folder, self.api)
        names = ("calls", "legs", "dialogs", "held_places", "tolled_calls", "media", "media_ports")
        return not any(left[name] for name in names)


@pytest.fixture(scope="module")
def edge(needs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs("sipp")
    folder = tmp_path_factory.mktemp("outbound")
    running = Running(folder, free(EDGE), (EDGE, free(EDGE)), free(FIRST), free(SECOND), free(AGENT))
    trunkline.write(
        folder,
        [{"transport": "udp", "host": EDGE, "port": running.sip}],
        {
            "organizations": [{"id": "org_out", "name": "Out"}],
            "trunks": [
                {**_OWNER, "id": "trunk_pbx", "name": "PBX", "role": "agent", "networks": [f"{PBX}/32"]},
                {**_OWNER, "id": "trunk_first", "name": "first", "host": FIRST, "port": running.first},
                {
                    **_OWNER,
                    "id": "trunk_second",
                    "name": "second",
                    "host": SECOND,
                    "port": running.second,
                    "dial_format": "plain",
                    "caller_header": "pai",
                },
            ],
            "agents": [
                {**_OWNER, "id": BOT, "name": "bot", "kind": "sip", "uri": f"sip:bot@{AGENT}:{running.agent}"},
                {**_OWNER, "id": ECHO, "name": "echo", "kind": "echo"},
            ],
            "numbers": [{**_OWNER, "id": "phone_out", "e164": CALLER, "trunk_id": "trunk_first"}],
        },
        {"api": {"host": running.api[0], "port": running.api[1]}, "media": {"first_port": 23000, "last_port": 23099}},
    )
    with serving(folder, running.api):
        yield running


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    found = Peers(tmp_path)
    yield found
    found.close()


def answers(name: str, *, must_have: dict[str, str] | None = None) -> Script:
    script = Script(name, "agent").receive("INVITE", keep=True, must_have=must_have)
    return script.answer(180, "Ringing").answer(200, "OK", ANSWER).receive("ACK")


def test_a_pbx_dials_out_by_the_second_carrier_when_the_first_cannot(edge: Running, peers: Peers) -> None:
    unable = Script("unable", "agent").receive("INVITE").answer(503, "Service Unavailable").receive("ACK")
    first = peers.waits(unable, FIRST, edge.first)
    taking = answers(
        "taking",
        must_have={
            "P-Asserted-Identity": rf"<tel:\{CALLER}>",
            "To": rf"sip:{DIALLED[1:]}@",
            "From": rf"sip:\{CALLER}@",
        },
    )
    second = peers.waits(taking.receive("BYE").answer(200, "OK"), SECOND, edge.second)
    script = Script("pbx", "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    pbx = peers.calls(script.expect(200).ack().pause(200).bye().expect(200), PBX, (EDGE, edge.sip), DIALLED)
    peers.succeeded(pbx, first, second)
    status, page = edge.ask("GET", "/v1/calls?direction=outbound")
    assert status == 200
    record = edge.ended(page["data"][0]["id"])
    assert (record["status"], record["hung_up_by"], record["from"], record["to"]) == (
        "completed",
        "agent",
        CALLER,
        DIALLED,
    )
    assert [(leg["side"], leg["status"]) for leg in record["legs"]] == [
        ("agent", 200),
        ("callee", 503),
        ("callee", 200),
    ]
    wait_until(edge.empty, 40, "empty tables")


def test_what_may_not_be_dialled_is_refused_with_a_reason(edge: Running, peers: Peers) -> None:
    script = Script("pbx", "carrier").invite().expect(100, optional=True)
    script.expect(403, must_have={"Reason": "destination-not-allowed"}).ack_refusal()
    peers.succeeded(peers.calls(script, PBX, (EDGE, edge.sip), "+442071234567"))
    _, found = edge.ask("POST", "/v1/routes/explain", {"source": PBX, "from": CALLER, "to": "+442071234567"})
    assert (found["accepted"], found["cause"], found["direction"]) == (False, "destination-not-allowed", "outbound")


def test_the_api_connects_an_agent_with_a_telephone(edge: Running, peers: Peers) -> None:
    telephone = answers("telephone").receive("INVITE").answer(200, "OK", _ELSEWHERE).receive("ACK")
    telephone.pause(300).bye().expect(200)
    callee = peers.waits(telephone, FIRST, edge.first)
    bot = answers("bot", must_have={"From": rf"sip:\{DIALLED}@", "X-Trunkline-Meta-campaign": "7"})
    agent = peers.waits(bot.receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    status, call = edge.ask(
        "POST", "/v1/calls", {"from": CALLER, "to": DIALLED, "agent_id": f"agent_{BOT}", "metadata": {"campaign": "7"}}
    )
    assert (status, call["status"], call["direction"]) == (201, "in-progress", "outbound"), call
    assert call["state"] in ("dialling", "ringing", "agent-ringing")
    peers.succeeded(callee, agent)
    record = edge.ended(call["id"])
    assert (record["status"], record["cause"], record["hung_up_by"]) == ("completed", "normal", "callee")
    assert [(leg["side"], leg["status"]) for leg in record["legs"]] == [("edge", 200), ("callee", 200), ("agent", 200)]
    wait_until(edge.empty, 40, "empty tables")


def test_the_api_tries_an_echo_agent_and_hangs_up(edge: Running, peers: Peers) -> None:
    callee = peers.waits(answers("telephone").receive("BYE").answer(200, "OK"), FIRST, edge.first)
    status, call = edge.ask("POST", "/v1/calls", {"from": CALLER, "to": DIALLED, "agent_id": f"agent_{ECHO}"})
    assert status == 201, call
    wait_until(lambda: edge.ask("GET", f"/v1/calls/{call['id']}")[1]["state"] == "answered", 10, "the answer")
    time.sleep(0.1)
    assert edge.ask("POST", f"/v1/calls/{call['id']}/hangup", {})[0] == 200
    peers.succeeded(callee)
    assert edge.ended(call["id"])["hung_up_by"] == "edge"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"from": "+13035550199"}, 404, "phone_not_found"),
        ({"to": "+442071234567"}, 403, "destination_not_allowed"),
        ({"to": "+19005551234"}, 403, "destination_not_allowed"),
        ({"to": "3035550142"}, 400, "invalid_phone_number"),
        ({"agent_id": "agent_nobody"}, 404, "agent_not_found"),
    ],
)
def test_the_api_says_why_a_call_does_not_begin(edge: Running, changes: dict[str, str], status: int, code: str) -> None:
    body = {"from": CALLER, "to": DIALLED, "agent_id": f"agent_{BOT}", **changes}
    answered, error = edge.ask("POST", "/v1/calls", body)
    assert (answered, error["error"]["code"]) == (status, code)
