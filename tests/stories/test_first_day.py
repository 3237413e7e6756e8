"""The first day: the demo is started, called, and looked into."""

from __future__ import annotations

import re
import socket
import subprocess
import sys

from tests.stories.conftest import CARRIER
from tests.stories.edge import PATIENCE, Edge, until
from tests.stories.phone import Dialled, Phone, options

DEMO = "+12025550100"


def test_the_demo_answers_and_shows_what_it_did(edge: Edge, carrier: Phone) -> None:
    edge.start("--demo")
    edge.key = edge.demo_key()
    assert (edge.data / "demo.key").stat().st_mode & 0o777 == 0o600

    # It is called, and what it hears it says.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as audio:
        audio.bind((CARRIER, 0))
        audio.settimeout(PATIENCE)
        carrier.audio_port = audio.getsockname()[1]
        secret = (
            'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0badcafe0badcafe"\r\n'
        )
        call = Dialled(carrier, edge.sip, DEMO, more=secret)
        answer = call.answered()
        port = re.search(r"m=audio (\d+) RTP/AVP 0", answer.body)
        assert port is not None
        packet = bytes.fromhex("80000001000000a012345678") + bytes(160)
        audio.sendto(packet, (edge.sip[0], int(port[1])))
        assert audio.recv(2000)[12:] == packet[12:]
    (live,) = edge.get("/v1/calls/live")["data"]
    call.bye()

    # It is in the log, with both its times.
    (logged,) = edge.calls()
    assert logged["id"] == live["id"]
    assert (logged["status"], logged["from"], logged["to"]) == ("completed", "+12025550199", DEMO)
    detail = edge.call(logged["id"])
    assert detail["answered_at"] is not None
    assert detail["ended_at"] is not None
    assert detail["hung_up_by"] == "caller"
    assert call.call_id in str(detail["legs"])

    # Its messages can be read, without what nobody should read.
    ladder = edge.ask("GET", f"/v1/calls/{logged['id']}/trace?format=text").text
    order = [ladder.index(word) for word in ("INVITE", "200 OK", "ACK", "BYE")]
    assert order == sorted(order)
    assert "0badcafe" not in ladder
    messages = edge.get(f"/v1/calls/{logged['id']}/trace")["messages"]
    assert {message["text"].split()[0] for message in messages} >= {"INVITE", "ACK", "BYE", "SIP/2.0"}
    assert "0badcafe" not in str(messages)
    assert "Digest" in str(messages)
    until(lambda: "completed" in edge.log, "the call's line in the log")
    assert not edge.tables().keys() & {"calls", "legs", "dialogs", "held_places", "media", "media_ports"}


def test_explain_says_what_the_wire_does(edge: Edge, carrier: Phone) -> None:
    edge.start("--demo")
    edge.key = edge.demo_key()
    for number, status in ((DEMO, 200), ("+12025550111", 404)):
        told = edge.post("/v1/routes/explain", {"source": CARRIER, "port": 5060, "transport": "udp", "to": number})
        call = Dialled(carrier, edge.sip, number)
        if status == 200:
            assert told["accepted"]
            call.answered()
            call.bye()
        else:
            assert (told["accepted"], told["status"]) == (False, status)
            call.refused(status)
    told = edge.post("/v1/routes/explain", {"source": "192.0.2.9", "port": 5060, "transport": "udp", "to": DEMO})
    assert not told["accepted"]
    assert any(step["mend"] for step in told["steps"] if not step["passed"])


def test_the_command_line_finds_the_edge_by_its_settings(edge: Edge) -> None:
    edge.start("--demo")
    command = [sys.executable, "-m", "trunkline"]
    where = ["--url", edge.url, "--config", str(edge.config)]
    placed = subprocess.run(
        [*command, "call", DEMO, "--to", "{}:{}".format(*edge.sip), "--config", str(edge.config)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert placed.returncode == 0, placed.stdout + placed.stderr
    assert "its audio came back" in placed.stdout
    drawn = subprocess.run([*command, "trace", *where], capture_output=True, text=True, timeout=30, check=False)
    assert drawn.returncode == 0, drawn.stderr
    assert "INVITE" in drawn.stdout
    assert "BYE" in drawn.stdout
    listed = subprocess.run([*command, "keys", "list", *where], capture_output=True, text=True, timeout=30, check=False)
    assert "Demo" in listed.stdout


def test_a_first_start_without_the_demo_leaves_an_operators_key(edge: Edge, stranger: Phone) -> None:
    edge.start()
    path = edge.data / "operator.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in edge.log
    assert path.read_text().strip() not in edge.said + edge.log
    edge.operate()
    assert edge.get("/v1/calls")["data"] == []
    # OPTIONS needs no trunk; a call does.
    assert options(stranger, edge.sip).status == 200
    Dialled(stranger, edge.sip, DEMO).refused(403)


def test_it_starts_again_as_it_was(edge: Edge) -> None:
    edge.start("--demo")
    key, said = edge.demo_key(), edge.log
    assert "secret.key was made" in said
    assert edge.stop() == 0
    edge.start("--demo")
    assert edge.demo_key() == key
    assert edge.log.count("secret.key was made") == 1
    edge.key = key
    assert [trunk["name"] for trunk in edge.get("/v1/sip/trunks")["data"]].count("This machine by UDP") == 1
