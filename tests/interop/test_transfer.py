"""Transfers between foreign peers: a carrier that calls, an agent that sends REFER, a desk that takes the call. SIPp
plays them, and its verdict counts; once baresip does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from loadtest.edges import trunkline
from loadtest.peers import baresip
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import free
from loadtest.process import wait_until
from loadtest.scenario import ANSWER, EVENTS, OFFER, PCMU, Script, audio
from loadtest.sipp import Party
from tests.interop.peers import Peers, ask, serving
from trunkline.model.ids import mint

pytestmark = pytest.mark.foreign

_NETWORK = f"127.{150 + os.getpid() % 50}"
CARRIER, EDGE, AGENT, DESK, SOFTPHONE = (f"{_NETWORK}.{n}.1" for n in range(5))
NUMBER, EXTENSION, SOFT = "+12025550301", "+12025550302", "+12025550303"
_OWNER = {"organization_id": "org_transfer"}
BOT, HUMAN, PHONE = mint(1.0, bytes(10)), mint(2.0, bytes(10)), mint(3.0, bytes(10))
_DESK_SDP = audio(PCMU, EVENTS, version=3)


class Running(NamedTuple):
    folder: Path
    sip: int
    api: tuple[str, int]
    agent: int
    desk: int
    phone: int

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return ask(self.folder, self.api, method, path, body)

    def live(self) -> str:
        """The only call that is up, once it is answered."""
        found: list[str] = []

        def up() -> bool:
            found[:] = [each["id"] for each in self.ask("GET", "/v1/calls/live")[1]["data"]]
            return len(found) == 1 and self.ask("GET", f"/v1/calls/{found[0]}")[1]["answered_at"] is not None

        wait_until(up, 10, "a call that is up")
        return found[0]

    def last(self, count: int = 1) -> list[dict[str, Any]]:
        """The newest calls' records, the newest first."""
        wait_until(lambda: not self.ask("GET", "/v1/calls/live")[1]["data"], 10, "the end of the call")
        newest = self.ask("GET", "/v1/calls")[1]["data"][:count]
        return [self.ask("GET", f"/v1/calls/{each['id']}")[1] for each in newest]

    def empty(self) -> bool:
        left = trunkline.tables(self.folder, self.api)
        return not any(left[name] for name in ("calls", "legs", "dialogs", "held_places", "media"))


@pytest.fixture(scope="module")
def edge(needs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needs("sipp")
    folder = tmp_path_factory.mktemp("transfer")
    running = Running(folder, free(EDGE), (EDGE, free(EDGE)), free(AGENT), free(DESK), baresip.pair(SOFTPHONE))
    uris = {
        BOT: f"sip:bot@{AGENT}:{running.agent}",
        HUMAN: f"sip:desk@{DESK}:{running.desk}",
        PHONE: f"sip:phone@{SOFTPHONE}:{running.phone}",
    }
    trunkline.write(
        folder,
        [{"transport": "udp", "host": EDGE, "port": running.sip}],
        {
            "organizations": [{"id": "org_transfer", "name": "Transfer"}],
            "trunks": [
                {**_OWNER, "id": "trunk_carrier", "name": "carrier", "networks": [f"{CARRIER}/32"]},
                {**_OWNER, "id": "trunk_pbx", "name": "pbx", "role": "agent", "networks": [f"{AGENT}/32"]},
            ],
            "agents": [
                {**_OWNER, "id": id, "name": f"agent {n}", "kind": "sip", "uri": uri}
                for n, (id, uri) in enumerate(uris.items())
            ],
            "numbers": [
                {**_OWNER, "id": f"phone_{e164[1:]}", "e164": e164, "trunk_id": "trunk_carrier", "agent_id": agent}
                for e164, agent in ((NUMBER, BOT), (EXTENSION, HUMAN), (SOFT, PHONE))
            ],
        },
        {"api": {"host": running.api[0], "port": running.api[1]}},
    )
    with serving(folder, running.api):
        yield running


class Dialog(NamedTuple):
    call_id: str
    caller: str
    """The tag of who began it."""
    callee: str


class Talking(Peers):
    """Peers of one edge, whose dialogs can be asked for."""

    def __init__(self, folder: Path, edge: Running) -> None:
        super().__init__(folder)
        self._edge = edge

    def dials(self, script: Script, number: str = NUMBER, host: str = CARRIER) -> Party:
        return self.calls(script, host, (EDGE, self._edge.sip), number)

    def dialog(self, script: Script) -> Dialog:
        """What a party's ACK, sent or received, says of its dialog; waits for it."""
        log = self.messages(script)
        found: list[re.Match[str] | None] = []

        def acknowledged() -> bool:
            text = log.read_text(errors="replace") if log.exists() else ""
            found[:] = [re.search(r"(?ms)^ACK .*?^From:.*?;tag=(\S+).*?^To:.*?;tag=(\S+).*?^Call-ID: (\S+)", text)]
            return found[0] is not None

        wait_until(acknowledged, 10, f"the ACK of {script.name}")
        assert found[0] is not None
        return Dialog(found[0][3], found[0][1], found[0][2])


@pytest.fixture
def peers(tmp_path: Path, edge: Running) -> Iterator[Talking]:
    found = Talking(tmp_path, edge)
    yield found
    found.close()


def calling(*headers: str, name: str = "caller") -> Script:
    script = Script(name, "carrier").invite(OFFER, *headers).expect(100, optional=True).expect(180, optional=True)
    return script.expect(200, keep=True).ack()


def answering(name: str, sdp: str = ANSWER, must_have: dict[str, str] | None = None) -> Script:
    script = Script(name, "agent").receive("INVITE", keep=True, must_have=must_have)
    return script.answer(200, "OK", sdp).receive("ACK")


def referring(outcome: str, to: str = f"<tel:{EXTENSION}>") -> Script:
    """An agent that transfers its caller, and waits to be told."""
    script = answering("agent").pause(200)
    script.request("REFER", None, f"Refer-To: {to}", "Referred-By: <sip:bot@agents.example>")
    script.expect(202)
    script.receive("NOTIFY", must_have={"body": "SIP/2.0 100", "Subscription-State": "active", "Event": "refer"})
    script.answer(200, "OK")
    script.receive("NOTIFY", must_have={"body": f"SIP/2.0 {outcome}", "Subscription-State": "terminated"})
    return script.answer(200, "OK")


def test_an_agent_transfers_its_caller_with_refer(edge: Running, peers: Talking) -> None:
    desk = answering("desk", _DESK_SDP, {"Referred-By": "sip:bot@agents.example"})
    peers.waits(desk.receive("BYE").answer(200, "OK"), DESK, edge.desk)
    peers.waits(referring("200").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.dials(caller.pause(500).bye().expect(200))
    peers.succeeded()
    (record,) = edge.last()
    assert (record["status"], record["cause"], record["hung_up_by"]) == ("completed", "normal", "caller")
    assert [(leg["side"], leg["status"]) for leg in record["legs"]] == [("caller", 200), ("agent", 200), ("agent", 200)]
    (transfer,) = record["transfers"]
    assert (transfer["by"], transfer["to"], transfer["result"]) == ("agent", EXTENSION, "completed")
    wait_until(edge.empty, 40, "empty tables")


def test_an_agent_that_consulted_the_desk_joins_it_with_the_caller(edge: Running, peers: Talking) -> None:
    """Attended: the REFER in one of its dialogs names, in Replaces, its other one (RFC 5589 §7)."""
    desk = answering("desk").receive("INVITE").answer(200, "OK", _DESK_SDP).receive("ACK")
    peers.waits(desk.receive("BYE").answer(200, "OK"), DESK, edge.desk)
    consult = calling(name="consult").receive("BYE").answer(200, "OK")
    peers.dials(consult, EXTENSION, AGENT)
    call_id, own, theirs = peers.dialog(consult)
    named = f"{call_id.replace('@', '%40')}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{own}"
    agent = referring("200", f"<sip:desk@{EDGE}:{edge.sip}?Replaces={named}>").receive("BYE").answer(200, "OK")
    peers.waits(agent, AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.dials(caller.pause(500).bye().expect(200))
    peers.succeeded()
    first, second = edge.last(2)
    assert (second["cause"], second["status"]) == ("transferred", "completed")
    assert (first["status"], first["cause"], first["hung_up_by"]) == ("completed", "normal", "caller")
    (transfer,) = first["transfers"]
    assert (transfer["by"], transfer["mode"], transfer["result"]) == ("agent", "attended", "completed")
    wait_until(edge.empty, 40, "empty tables")


def test_another_phone_takes_the_call_with_replaces(edge: Running, peers: Talking) -> None:
    """As a pick-up: an INVITE whose Replaces names the dialog of who has the call (RFC 3891)."""
    agent = answering("agent").receive("BYE").answer(200, "OK")
    peers.waits(agent, AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.dials(caller.receive("BYE").answer(200, "OK"))
    call_id, edges, theirs = peers.dialog(agent)
    # The tags are named as the one who is asked sees them: the edge's own is the local one, to-tag.
    taken = f"Replaces: {call_id};to-tag={edges};from-tag={theirs}"
    taker = Script("taker", "carrier").invite(OFFER, taken, "Require: replaces").expect(100, optional=True)
    taker.expect(180, optional=True).expect(200, keep=True).ack().pause(500).bye().expect(200)
    peers.dials(taker, NUMBER, AGENT)
    peers.succeeded()
    (record,) = edge.last()
    assert (record["status"], record["hung_up_by"]) == ("completed", "agent")
    assert [(each["mode"], each["result"]) for each in record["transfers"]] == [("replaces", "completed")]


def test_a_softphone_transfers_its_caller(
    edge: Running, peers: Talking, authority: Authority, needs: Callable[..., None], tmp_path: Path
) -> None:
    """baresip's own `/transfer`: it hangs up when it is told that the desk has answered."""
    needs("baresip")
    certificate = authority.issue("softphone", SOFTPHONE)
    phone = baresip.Phone(
        tmp_path / "phone", SOFTPHONE, certificate, authority.path, transport="udp", answers=True, port=edge.phone
    )
    try:
        peers.waits(answering("desk", _DESK_SDP).receive("BYE").answer(200, "OK"), DESK, edge.desk)
        caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
        peers.dials(caller.pause(500).bye().expect(200), SOFT)
        edge.live()
        phone.transfer(f"sip:{EXTENSION}@{EDGE}:{edge.sip}")
        phone.wait_for("CALL_CLOSED")
        peers.succeeded()
    finally:
        phone.close()
    (record,) = edge.last()
    assert record["hung_up_by"] == "caller"
    (transfer,) = record["transfers"]
    assert (transfer["by"], transfer["to"], transfer["result"]) == ("agent", EXTENSION, "completed")


def test_a_desk_that_is_busy_leaves_the_caller_with_its_agent(edge: Running, peers: Talking) -> None:
    busy = Script("desk", "agent").receive("INVITE").answer(486, "Busy Here").receive("ACK")
    peers.waits(busy, DESK, edge.desk)
    peers.waits(referring("486").pause(300).bye().expect(200), AGENT, edge.agent)
    peers.dials(calling().receive("BYE").answer(200, "OK"))
    peers.succeeded()
    (record,) = edge.last()
    assert record["hung_up_by"] == "agent"
    assert (record["transfers"][0]["result"], record["transfers"][0]["status"]) == ("failed", 486)


def test_the_api_transfers_and_the_agent_gets_its_bye(edge: Running, peers: Talking) -> None:
    peers.waits(answering("desk", _DESK_SDP).receive("BYE").answer(200, "OK"), DESK, edge.desk)
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling().receive("INVITE").answer(200, "OK", audio(PCMU, EVENTS, version=2)).receive("ACK")
    peers.dials(caller.receive("BYE").answer(200, "OK"))
    call = edge.live()
    status, answer = edge.ask("POST", f"/v1/calls/{call}/transfer", {"to": EXTENSION})
    assert (status, answer["transfer"]["result"]) == (200, "completed"), answer
    assert edge.ask("POST", f"/v1/calls/{call}/hangup", {"reason": "done"})[0] == 200
    peers.succeeded()
    assert edge.last()[0]["hung_up_by"] == "edge"


def test_the_api_leaves_a_transfer_to_the_carrier(edge: Running, peers: Talking) -> None:
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = (
        calling("Allow: REFER, NOTIFY")
        .receive("REFER", must_have={"Refer-To": "<tel:.13035550142>"})
        .answer(202, "Accepted")
    )
    caller.request(
        "NOTIFY", "SIP/2.0 200 OK\n", "Event: refer", "Subscription-State: terminated;reason=noresource"
    ).expect(200)
    peers.dials(caller.receive("BYE").answer(200, "OK"))
    call = edge.live()
    status, answer = edge.ask("POST", f"/v1/calls/{call}/transfer", {"to": "+13035550142", "mode": "refer"})
    assert (status, answer["transfer"]["result"], answer["transfer"]["mode"]) == (200, "completed", "refer"), answer
    peers.succeeded()
    assert edge.last()[0]["cause"] == "transferred"


def test_the_api_sends_digits(edge: Running, peers: Talking) -> None:
    peers.waits(answering("agent").receive("BYE").answer(200, "OK"), AGENT, edge.agent)
    caller = calling()
    for digit in ("7", "#"):
        caller.receive("INFO", must_have={"body": f"Signal={digit}", "Content-Type": "application/dtmf-relay"})
        caller.answer(200, "OK")
    peers.dials(caller.pause(200).bye().expect(200))
    call = edge.live()
    answered = edge.ask("POST", f"/v1/calls/{call}/dtmf", {"digits": "7#"})
    peers.succeeded()
    assert answered[0] == 200
