"""Transfers between foreign peers: a carrier that calls, an agent that sends REFER, a desk that takes the call. Every
end is SIPp, whose verdict counts."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from loadtest.edges import trunkline
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import ANSWER, EVENTS, OFFER, PCMU, Script, audio
from loadtest.sipp import Party
from trunkline.model.ids import mint

pytestmark = pytest.mark.foreign

_NETWORK = f"127.{150 + os.getpid() % 50}"
CARRIER, EDGE, AGENT, DESK = (f"{_NETWORK}.{n}.1" for n in range(4))
NUMBER, EXTENSION = "+12025550301", "+12025550302"
_OWNER = {"organization_id": "org_transfer"}
BOT, HUMAN = mint(1.0, bytes(10)), mint(2.0, bytes(10))
_DESK_SDP = audio(PCMU, EVENTS, version=3)


class Running(NamedTuple):
    folder: Path
    sip: int
    api: tuple[str, int]
    agent: int
    desk: int

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        key = (self.folder / "data" / "operator.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if "/organizations" not in path:
            headers["X-Organization-Id"] = self.ask("GET", "/v1/organizations")[1]["data"][0]["id"]
        url = f"http://{self.api[0]}:{self.api[1]}{path}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, method=method, data=data, headers=headers), timeout=70
            ) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def live(self) -> str:
        """The only call that is up, once it is answered."""
        found: list[str] = []

        def up() -> bool:
            found[:] = [each["id"] for each in self.ask("GET", "/v1/calls/live")[1]["data"]]
            return len(found) == 1 and self.ask("GET", f"/v1/calls/{found[0]}")[1]["answered_at"] is not None

        wait_until(up, 10, "a call that is up")
        return found[0]

    def last(self) -> dict[str, Any]:
        """The newest call's record."""
        wait_until(lambda: not self.ask("GET", "/v1/calls/live")[1]["data"], 10, "the end of the call")
        newest = self.ask("GET", "/v1/calls")[1]["data"][0]["id"]
        found: dict[str, Any] = self.ask("GET", f"/v1/calls/{newest}")[1]
        return found

    def empty(self) -> bool:
        left = trunkline.tables(self.folder, self.api)
        return not any(left[name] for name in ("calls", "legs", "dialogs", "held_places", "media"))


@pytest.fixture(scope="module")
def edge(needs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs("sipp")
    folder = tmp_path_factory.mktemp("transfer")
    running = Running(folder, free(EDGE), (EDGE, free(EDGE)), free(AGENT), free(DESK))
    uris = {BOT: f"sip:bot@{AGENT}:{running.agent}", HUMAN: f"sip:desk@{DESK}:{running.desk}"}
    trunkline.write(
        folder,
        [{"transport": "udp", "host": EDGE, "port": running.sip}],
        {
            "organizations": [{"id": "org_transfer", "name": "Transfer"}],
            "trunks": [{**_OWNER, "id": "trunk_carrier", "name": "carrier", "networks": [f"{CARRIER}/32"]}],
            "agents": [
                {**_OWNER, "id": id, "name": f"agent {n}", "kind": "sip", "uri": uri}
                for n, (id, uri) in enumerate(uris.items())
            ],
            "numbers": [
                {**_OWNER, "id": f"phone_{e164[1:]}", "e164": e164, "trunk_id": "trunk_carrier", "agent_id": agent}
                for e164, agent in ((NUMBER, BOT), (EXTENSION, HUMAN))
            ],
        },
        {"api": {"host": running.api[0], "port": running.api[1]}},
    )
    process = trunkline.serve(folder)
    try:
        wait_until(lambda: listening(*running.api), 30, f"the edge (see {folder}/trunkline.out)", process)
        yield running
    finally:
        end(process)


class Peers:
    """SIPps that wait for calls, or make them."""

    def __init__(self, folder: Path, edge: Running) -> None:
        self._folder = folder
        self._edge = edge
        self.running: list[Party] = []

    def waits(self, script: Script, host: str, port: int) -> Party:
        party = Party(script.name, script.write(self._folder), self._folder, (host, port), calls=1, seconds=20)
        self.running.append(party)
        wait_until(lambda: udp_taken(host, port), 5, "SIPp", party.process)
        return party

    def calls(self, script: Script) -> Party:
        party = Party(
            script.name,
            script.write(self._folder),
            self._folder,
            (CARRIER, free(CARRIER)),
            remote=(EDGE, self._edge.sip),
            service=NUMBER,
            calls=1,
            seconds=20,
        )
        self.running.append(party)
        return party

    def succeeded(self) -> None:
        for party in self.running:
            count = party.wait()
            assert (count.succeeded, count.failed) == (1, 0), party.last_words()


@pytest.fixture
def peers(tmp_path: Path, edge: Running) -> Iterator[Peers]:
    found = Peers(tmp_path, edge)
    yield found
    for party in found.running:
        end(party.process, 1)


def calling(*headers: str) -> Script:
    script = Script("caller", "carrier").invite(OFFER, *headers).expect(100, optional=True).expect(180, optional=True)
    return script.expect(200, keep=True).ack()


def answering(name: str, sdp: str = ANSWER, must_have: dict[str, str] | None = None) -> Script:
    script = Script(name, "agent").receive("INVITE", keep=True, must_have=must_have)
    return script.answer(200, "OK", sdp).receive("ACK")


def referring(outcome: str) -> Script:
    """An agent that transfers its caller, and waits to be told."""
    script = answering("agent").pause(200)
    script.request("REFER", None, f"Refer-To: <tel:{EXTENSION}>", "Referred-By: <sip:bot@agents.example>")
    script.expect(202)
    script.receive("NOTIFY", must_have={"body": "SIP/2.0 100", "Subscription-State": "active", "Event": "refer"})
    script.answer(200, "OK")
    script.receive("NOTIFY", must_have={"body": f"SIP/2.0 {outcome}", "Subscription-State": "terminated"})
    return script.answer(200, "OK")


def test_an_agent_transfers_its_caller_with_refer(edge: Running, peers: Peers) -> None:
    desk = answering("desk", _DESK_SDP, {"Referred-By": "sip:bot@agents.example"})
    peers.waits(desk.receive("BYE").answer(200, "OK"), DESK, edge.desk)
    peers.waits(referring("200").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.calls(caller.pause(500).bye().expect(200))
    peers.succeeded()
    record = edge.last()
    assert (record["status"], record["cause"], record["hung_up_by"]) == ("completed", "normal", "caller")
    assert [(leg["side"], leg["status"]) for leg in record["legs"]] == [("caller", 200), ("agent", 200), ("agent", 200)]
    (transfer,) = record["transfers"]
    assert (transfer["by"], transfer["to"], transfer["result"]) == ("agent", EXTENSION, "completed")
    wait_until(edge.empty, 40, "empty tables")


def test_a_desk_that_is_busy_leaves_the_caller_with_its_agent(edge: Running, peers: Peers) -> None:
    busy = Script("desk", "agent").receive("INVITE").answer(486, "Busy Here").receive("ACK")
    peers.waits(busy, DESK, edge.desk)
    peers.waits(referring("486").pause(300).bye().expect(200), AGENT, edge.agent)
    peers.calls(calling().receive("BYE").answer(200, "OK"))
    peers.succeeded()
    record = edge.last()
    assert record["hung_up_by"] == "agent"
    assert (record["transfers"][0]["result"], record["transfers"][0]["status"]) == ("failed", 486)


def test_the_api_transfers_and_the_agent_gets_its_bye(edge: Running, peers: Peers) -> None:
    peers.waits(answering("desk", _DESK_SDP).receive("BYE").answer(200, "OK"), DESK, edge.desk)
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.calls(caller.receive("BYE").answer(200, "OK"))
    call = edge.live()
    status, answer = edge.ask("POST", f"/v1/calls/{call}/transfer", {"to": EXTENSION})
    assert (status, answer["transfer"]["result"]) == (200, "completed"), answer
    assert edge.ask("POST", f"/v1/calls/{call}/hangup", {"reason": "done"})[0] == 200
    peers.succeeded()
    assert edge.last()["hung_up_by"] == "edge"


def test_the_api_leaves_a_transfer_to_the_carrier(edge: Running, peers: Peers) -> None:
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = (
        calling("Allow: REFER, NOTIFY")
        .receive("REFER", must_have={"Refer-To": "<tel:.13035550142>"})
        .answer(202, "Accepted")
    )
    caller.request(
        "NOTIFY", "SIP/2.0 200 OK\n", "Event: refer", "Subscription-State: terminated;reason=noresource"
    ).expect(200)
    peers.calls(caller.receive("BYE").answer(200, "OK"))
    call = edge.live()
    status, answer = edge.ask("POST", f"/v1/calls/{call}/transfer", {"to": "+13035550142", "mode": "refer"})
    assert (status, answer["transfer"]["result"], answer["transfer"]["mode"]) == (200, "completed", "refer"), answer
    peers.succeeded()
    assert edge.last()["cause"] == "transferred"


def test_the_api_sends_digits(edge: Running, peers: Peers) -> None:
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling()
    for digit in ("7", "#"):
        caller.receive("INFO", must_have={"body": f"Signal={digit}", "Content-Type": "application/dtmf-relay"})
        caller.answer(200, "OK")
    peers.calls(caller.pause(200).bye().expect(200))
    call = edge.live()
    answered = edge.ask("POST", f"/v1/calls/{call}/dtmf", {"digits": "7#"})
    peers.succeeded()
    assert answered[0] == 200
