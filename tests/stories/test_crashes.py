"""The process is killed, in the middle of everything, and started again."""

from __future__ import annotations

import socket
import threading
import time

from tests.stories.conftest import NETWORK, NUMBER
from tests.stories.edge import HOST, PATIENCE, Edge, until
from tests.stories.phone import Dialled, Phone


def pinned(edge: Edge, agent: Phone) -> None:
    """Started at a port that the next start has, too, with a number that leads to the agent."""
    edge.start()
    edge.listeners[0]["port"] = edge.sip[1]
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK), edge.agent(f"sip:agent@{agent.at}"))


def test_a_call_that_was_up_is_ended_on_both_sides(edge: Edge, carrier: Phone, agent: Phone) -> None:
    pinned(edge, agent)
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    (live,) = edge.get("/v1/calls/live")["data"]
    edge.kill()

    edge.start()
    bye = call.ends()
    assert "interrupted" in bye.header("Reason")
    taken.ends()
    (logged,) = edge.calls()
    assert logged["id"] == live["id"]
    detail = edge.call(logged["id"])
    assert (detail["status"], detail["cause"], detail["hung_up_by"]) == ("completed", "interrupted", "edge")
    assert detail["answered_at"] is not None
    assert "closed 1 calls" in edge.log

    # Once was enough.
    until(lambda: "were told" in edge.log, "the answers to the BYEs")
    edge.kill()
    edge.start()
    carrier.hears_nothing(0.3)
    agent.hears_nothing(0.1)
    assert len(edge.calls()) == 1


def test_killed_again_before_the_byes_were_answered(edge: Edge, carrier: Phone, agent: Phone) -> None:
    pinned(edge, agent)
    call = Dialled(carrier, edge.sip, NUMBER)
    agent.takes()
    call.answered()
    edge.kill()
    edge.start()
    carrier.expect("BYE", call=call.call_id)  # not answered
    edge.kill()
    edge.start()
    call.ends()
    assert len(edge.calls()) == 1


def test_killed_while_a_bye_is_in_flight(edge: Edge, carrier: Phone, agent: Phone) -> None:
    """The carrier has hung up, and the agent has not heard of it: the call has its end, and the agent its BYE."""
    pinned(edge, agent)
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    call.bye()
    first = agent.expect("BYE", call=taken.call_id)  # not answered: it might as well have been lost
    edge.kill()
    edge.start()
    assert taken.ends().header("CSeq") != first.header("CSeq")
    (logged,) = edge.calls()
    detail = edge.call(logged["id"])
    assert (detail["status"], detail["cause"], detail["hung_up_by"]) == ("completed", "normal", "caller")


def test_a_call_that_only_rang_is_closed(edge: Edge, carrier: Phone, agent: Phone) -> None:
    pinned(edge, agent)
    call = Dialled(carrier, edge.sip, NUMBER)
    agent.answer(agent.expect("INVITE"), "180 Ringing")
    call.rings()
    edge.kill()
    edge.start()
    (logged,) = edge.calls()
    assert (logged["status"], edge.call(logged["id"])["cause"]) == ("failed", "interrupted")
    # The limit it held is free, and the number works.
    second = Dialled(carrier, edge.sip, NUMBER)
    agent.takes()
    second.answered()


def test_another_port_after_the_crash(edge: Edge, carrier: Phone, agent: Phone) -> None:
    """The address that the dialogs were made over is not listened on any more: the BYEs leave from another."""
    pinned(edge, agent)
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    edge.kill()
    edge.listeners[0]["port"] = 0
    edge.start()
    assert call.ends().source == edge.sip == (HOST, edge.sip[1])
    taken.ends()


def test_no_answered_call_is_lost_under_load(edge: Edge, carrier: Phone, agent: Phone) -> None:
    """Calls come one after the other as fast as they may; the process is killed as one is answered, three times over.
    Who has heard a 200 is in the log."""
    edge.start()
    edge.listeners[0]["port"] = edge.sip[1]
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK), edge.agent(None))
    heard: set[str] = set()
    for _ in range(3):
        stop = threading.Event()
        caller = threading.Thread(target=_call_on, args=(carrier, edge, heard, stop))
        before = len(heard)
        caller.start()
        until(lambda before=before: len(heard) >= before + 20, "calls")  # type: ignore[misc]
        edge.kill()
        stop.set()
        caller.join(10)
        edge.start()
    logged: set[str] = set()
    page = 1
    while data := edge.get(f"/v1/calls?per_page=100&page={page}")["data"]:
        logged |= {str(leg["sip_call_id"]) for item in data for leg in edge.call(item["id"])["legs"]}
        page += 1
    assert len(heard) >= 60
    assert heard <= logged


def _call_on(carrier: Phone, edge: Edge, heard: set[str], stop: threading.Event) -> None:
    while not stop.is_set():
        call = Dialled(carrier, edge.sip, NUMBER)
        try:
            carrier.expect(200, "INVITE", call.call_id, seconds=1)
        except (AssertionError, OSError):
            return
        heard.add(call.call_id)
        time.sleep(0.01)


def test_what_was_configured_stays(edge: Edge, carrier: Phone, agent: Phone) -> None:
    pinned(edge, agent)
    made = edge.post("/v1/api-keys", {"name": "Monitoring", "role": "viewer"})
    number = edge.get("/v1/phone-numbers")["data"]
    edge.kill()
    edge.start()
    assert edge.get("/v1/phone-numbers")["data"] == number
    edge.key, edge.organization = made["key"], ""
    assert edge.get("/v1/sip/trunks")["data"][0]["name"] == "carrier"
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    call.bye()
    taken.ends()


def test_a_caller_by_tcp_gets_its_bye_over_a_new_connection(edge: Edge, carrier: Phone) -> None:
    edge.listeners.append({"transport": "tcp", "host": HOST, "port": 0})
    edge.start()
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK, transport="tcp"), edge.agent(None))
    with socket.socket() as listening, socket.socket() as calling:
        listening.bind((carrier.address[0], 0))
        listening.listen()
        listening.settimeout(PATIENCE)
        calling.settimeout(PATIENCE)
        calling.bind((carrier.address[0], 0))
        calling.connect((HOST, edge.port("TCP")))
        contact = "{}:{};transport=tcp".format(*listening.getsockname())
        calling.sendall(_invite(carrier, contact).encode())
        assert "SIP/2.0 200 OK" in _until(calling, "SIP/2.0 200")
        edge.kill()
        edge.start()
        met, _ = listening.accept()
        with met:
            bye = _until(met, "BYE ")
            assert bye.startswith(f"BYE sip:carrier@{contact} SIP/2.0\r\n")
            via = bye.split("Via: ")[1].split("\r\n")[0]
            assert via.startswith("SIP/2.0/TCP ")
            names = ("From", "To", "Call-ID", "CSeq")
            same = [line for line in bye.split("\r\n") if line.partition(":")[0] in names]
            met.sendall("\r\n".join(["SIP/2.0 200 OK", f"Via: {via}", *same, "Content-Length: 0", "", ""]).encode())
            until(lambda: "were told" in edge.log, "the answer to the BYE")


def _invite(carrier: Phone, contact: str) -> str:
    body = carrier.sdp("0")
    return (
        f"INVITE sip:{NUMBER}@{HOST} SIP/2.0\r\nVia: SIP/2.0/TCP {contact.partition(';')[0]};branch=z9hG4bKtcp\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:+12025550199@{carrier.address[0]}>;tag=tcp\r\nTo: <sip:{NUMBER}@{HOST}>\r\n"
        f"Call-ID: by-tcp\r\nCSeq: 1 INVITE\r\nContact: <sip:carrier@{contact}>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def _until(stream: socket.socket, words: str) -> str:
    """What comes, up to a whole message that begins so."""
    text = ""
    while words not in text or not text.partition(words)[2].partition("\r\n\r\n")[1]:
        data = stream.recv(65536)
        assert data, text
        text += data.decode()
    return text
