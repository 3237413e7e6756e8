"""The transaction layer: who belongs to whom, what goes where, and how long each wait is (RFC 3261 table 4)."""

from __future__ import annotations

from math import inf

import pytest

from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse
from trunkline.sip.timers import Timing
from trunkline.sip.transaction.events import Acknowledged, Answered, Failed, TimedOut
from trunkline.sip.transaction.layer import TransactionLayer
from trunkline.sip.transmit import Transmit

HERE, THERE = ("192.0.2.5", 5060), ("192.0.2.9", 5060)
UDP = Flow("udp", HERE, THERE)
TCP = Flow("tcp", HERE, THERE, "in:1")
FLOWS = {"udp": UDP, "tcp": TCP}


def text(
    method: str,
    branch: str | None = "z9hG4bKx",
    sent_by: str = "192.0.2.9:5060",
    extra: str = "",
    to: str = "<sip:a@h>",
    call_id: str = "c",
    cseq: int = 7,
    rport: str = ";rport",
) -> bytes:
    tail = f";branch={branch}" if branch is not None else ""
    return (
        f"{method} sip:a@192.0.2.5 SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by}{tail}{rport}\r\n{extra}"
        f"From: <sip:b@192.0.2.9>;tag=f\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\r\n"
    ).encode()


def request(method: str, branch: str | None = "z9hG4bKx", **more: str) -> Request:
    message = parse(text(method, branch, **more))  # type: ignore[arg-type]
    assert type(message) is Request
    return message


def response(status: int, method: str, branch: str = "z9hG4bKx", tag: str = ";tag=t") -> Response:
    message = parse(
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.5;branch={branch}\r\nFrom: <sip:b@h>;tag=f\r\n"
        f"To: <sip:a@h>{tag}\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n\r\n".encode()
    )
    assert type(message) is Response
    return message


@pytest.fixture
def layer() -> TransactionLayer:
    return TransactionLayer(Timing())


def lasts(layer: TransactionLayer, start: float) -> float:
    """How long until no transaction is left."""
    now = start
    while layer.clients or layer.servers:
        due = layer.deadline()
        assert due < inf, "it would never end"
        now = due
        layer.expire(now)
    return now - start


# ── waits ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "status", "udp", "tcp"),
    [
        ("INVITE", None, 32.0, 32.0),  # B
        ("INVITE", 486, 32.0, 0.0),  # D
        ("INVITE", 200, 32.0, 32.0),  # M
        ("BYE", None, 32.0, 32.0),  # F
        ("BYE", 100, 32.0, 32.0),  # F
        ("BYE", 200, 5.0, 0.0),  # K
        ("BYE", 481, 5.0, 0.0),  # K
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_how_long_a_client_lasts(
    layer: TransactionLayer, transport: str, method: str, status: int | None, udp: float, tcp: float
) -> None:
    layer.request(text(method), method, "z9hG4bKx", FLOWS[transport], "o", "", 10.0)
    if status is not None:
        layer.receive(response(status, method), 10.0)
    assert lasts(layer, 10.0) == (udp if transport == "udp" else tcp)
    assert layer.counts() == {
        "client_transactions": 0,
        "server_transactions": 0,
        "transaction_timers": len(layer.timers),
    }


@pytest.mark.parametrize(
    ("method", "status", "acknowledged", "udp", "tcp"),
    [
        ("INVITE", 486, False, 32.0, 32.0),  # H
        ("INVITE", 486, True, 5.0, 0.0),  # I
        ("INVITE", 200, False, 32.0, 32.0),  # L
        ("INVITE", 200, True, 32.0, 32.0),  # L
        ("BYE", 200, False, 32.0, 0.0),  # J
        ("BYE", 481, False, 32.0, 0.0),  # J
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_how_long_a_server_lasts(
    layer: TransactionLayer, transport: str, method: str, status: int, acknowledged: bool, udp: float, tcp: float
) -> None:
    key = layer.open(request(method), FLOWS[transport], "o").key
    layer.respond(key, status, 10.0, "t")
    if acknowledged:
        layer.receive(request("ACK"), 10.0)
    assert lasts(layer, 10.0) == (udp if transport == "udp" else tcp)


def test_an_invite_in_progress_waits_for_its_user_alone(layer: TransactionLayer) -> None:
    layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.receive(response(180, "INVITE"), 10.0)
    layer.open(request("INVITE", "z9hG4bKy"), UDP, "o")
    layer.expire(1000.0)
    assert layer.deadline() == inf
    assert len(layer.clients) == len(layer.servers) == 1


def test_an_abandoned_invite_is_given_up(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.receive(response(180, "INVITE"), 10.0)
    layer.abandon(key, 11.0)
    layer.abandon("nobody", 11.0)
    assert layer.expire(42.9) == []
    (told,) = layer.expire(43.0)
    assert told == TimedOut(key, "o", "INVITE", True)
    assert not layer.clients


def test_an_invite_that_is_left_is_silent_and_ends_with_its_time(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    assert [type(told) for told in layer.expire(10.5)] == [Transmit]
    layer.leave(key, 11.0)
    layer.leave("nobody", 11.0)
    assert layer.expire(41.9) == []
    assert layer.clients
    assert layer.expire(42.0) == []
    assert not layer.clients


def test_what_comes_of_one_that_was_left_is_nobodys(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.leave(key, 14.0)
    (told,) = layer.receive(response(180, "INVITE"), 15.0) or []
    assert isinstance(told, Answered)
    assert told.owner == ""


def test_an_invite_that_did_not_arrive_may_have_done_before(layer: TransactionLayer) -> None:
    """Its user is told at once; whom an earlier copy reached is dealt with as by `leave`."""
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    assert layer.unreached(key, "connection refused", 10.1) == [Failed(key, "o", "INVITE", "connection refused")]
    assert layer.unreached(key, "connection refused", 10.1) == []
    assert layer.expire(11.0) == [], "it is not sent again"
    (told,) = layer.receive(response(180, "INVITE"), 15.0) or []
    assert isinstance(told, Answered)
    assert told.owner == ""


@pytest.mark.parametrize("status", [100, 180, 200, 486])
def test_who_has_answered_is_there_whatever_the_network_says(layer: TransactionLayer, status: int) -> None:
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.receive(response(status, "INVITE"), 10.1)
    before = layer.clients[key].state
    assert layer.unreached(key, "connection refused", 10.2) == []
    assert (layer.clients[key].state, layer.clients[key].owner) == (before, "o")


def test_what_is_no_request_of_ours_did_not_arrive_for_nobody(layer: TransactionLayer) -> None:
    assert layer.unreached("z9hG4bKx INVITE", "connection refused", 10.0) == []


def test_inside_a_dialog_a_request_is_sent_on(layer: TransactionLayer) -> None:
    inside = text("BYE").replace(b"To: <sip:a@h>", b"To: <sip:a@h>;tag=there")
    assert inside != text("BYE")
    key, _ = layer.request(inside, "BYE", "z9hG4bKx", UDP, "o", "", 10.0)
    assert layer.unreached(key, "connection refused", 10.1) == []
    assert [type(told) for told in layer.expire(10.5)] == [Transmit]


def test_a_request_that_is_dropped_is_nobodys(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("OPTIONS"), "OPTIONS", "z9hG4bKx", UDP, "o", "", 10.0)
    assert layer.drop(key)
    assert not layer.drop(key)
    assert layer.receive(response(200, "OPTIONS"), 11.0) is None
    assert layer.expire(50.0) == []


def test_a_request_that_was_answered_is_not_dropped(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("OPTIONS"), "OPTIONS", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.receive(response(100, "OPTIONS"), 10.1)
    assert not layer.drop(key)


def test_one_that_is_answered_in_time_is_not_given_up(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 10.0)
    layer.receive(response(180, "INVITE"), 10.0)
    layer.abandon(key, 11.0)
    layer.receive(response(200, "INVITE"), 40.0)
    assert layer.expire(43.0) == []
    assert layer.clients


# ── who belongs to whom ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_response_finds_its_request_by_branch_and_method(layer: TransactionLayer) -> None:
    key, (sent,) = layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "leg", "call", 0.0)
    assert sent == Transmit(UDP, text("INVITE"), key, "call")
    assert layer.receive(response(200, "CANCEL"), 0.0) is None
    assert layer.receive(response(200, "INVITE", "z9hG4bKother"), 0.0) is None
    found = response(200, "INVITE")
    assert layer.receive(found, 0.0) == [Answered(key, "leg", found)]


def test_a_cancel_has_a_transaction_of_its_own(layer: TransactionLayer) -> None:
    invite = layer.open(request("INVITE"), UDP, "leg")
    cancel = request("CANCEL")
    assert layer.receive(cancel, 0.0) is None
    assert layer.invite_of(cancel) is invite
    layer.open(cancel, UDP, "leg")
    assert len(layer.servers) == 2
    assert layer.receive(cancel, 0.0) == []


@pytest.mark.parametrize(
    "other",
    [
        request("INVITE", "z9hG4bKother"),
        request("INVITE", sent_by="192.0.2.10:5060"),
        request("INVITE", sent_by="192.0.2.9:5061"),
        request("BYE"),
    ],
)
def test_another_branch_or_sender_or_method_is_another_request(layer: TransactionLayer, other: Request) -> None:
    layer.open(request("INVITE"), UDP, "leg")
    assert layer.receive(other, 0.0) is None
    layer.open(other, UDP, "leg")
    assert len(layer.servers) == 2


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK"])
def test_requests_of_the_older_rfc_are_known_by_all_they_say(layer: TransactionLayer, branch: str | None) -> None:
    """RFC 3261 §17.2.3, second half."""
    layer.open(request("INVITE", branch), UDP, "leg")
    assert layer.receive(request("INVITE", branch), 0.0) == []
    for other in (
        request("INVITE", branch, call_id="d"),
        request("INVITE", branch, sent_by="192.0.2.8"),
        request("INVITE", branch, cseq="8"),
    ):
        assert layer.receive(other, 0.0) is None
    (key,) = layer.servers
    layer.respond(key, 486, 0.0, "mine")
    # The ACK bears the tag that we gave; the INVITE had none.
    assert layer.receive(request("ACK", branch, to="<sip:a@h>;tag=mine"), 0.0) == []
    assert layer.servers[key].state == "confirmed"


# ── what is sent ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ack_of_a_refusal_goes_with_its_invite(layer: TransactionLayer) -> None:
    """§17.1.1.3."""
    extra = "Route: <sip:p1;lr>, <sip:p2;lr>\r\nX-Other: stays\r\nMax-Forwards: 12\r\n"
    layer.request(text("INVITE", extra=extra), "INVITE", "z9hG4bKx", UDP, "o", "call", 0.0)
    told = layer.receive(response(486, "INVITE"), 0.0)
    assert told is not None
    sent = told[0]
    assert isinstance(sent, Transmit)
    assert (sent.flow, sent.transaction, sent.call) == (UDP, "", "call")
    ack = parse(sent.data)
    assert type(ack) is Request
    assert (ack.method, ack.uri, ack.cseq, ack.cseq_method) == ("ACK", "sip:a@192.0.2.5", 7, "ACK")
    assert ack.header("Via") == "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport"
    assert ack.headers("Route") == ["<sip:p1;lr>, <sip:p2;lr>"]
    assert (ack.to_tag, ack.from_tag, ack.call_id) == ("t", "f", "c")
    assert ack.header("X-Other") is None
    assert layer.receive(response(486, "INVITE"), 1.0) == [sent]


def test_the_ack_of_a_2xx_is_its_users(layer: TransactionLayer) -> None:
    layer.request(text("INVITE"), "INVITE", "z9hG4bKx", UDP, "o", "", 0.0)
    told = layer.receive(response(200, "INVITE"), 0.0)
    assert told is not None
    assert [type(each) for each in told] == [Answered]
    again = layer.receive(response(200, "INVITE", tag=";tag=fork"), 1.0)
    assert again is not None
    assert len(again) == 1


def test_an_ack_on_the_branch_of_its_invite_is_delivered(layer: TransactionLayer) -> None:
    key = layer.open(request("INVITE"), UDP, "leg").key
    ack = request("ACK")
    assert layer.receive(ack, 0.0) is None, "nothing was answered yet"
    layer.respond(key, 200, 0.0, "t")
    assert layer.receive(ack, 0.0) == [Acknowledged("leg", "", ack)]


def test_a_final_response_is_the_last(layer: TransactionLayer) -> None:
    for method in ("INVITE", "OPTIONS"):
        key = layer.open(request(method), UDP, "leg").key
        assert layer.respond(key, 180, 0.0)
        assert layer.respond(key, 486, 0.0, "t")
        assert layer.respond(key, 200, 0.0, "t") == []
        assert layer.respond(key, 180, 0.0) == []
        assert layer.servers[key].answering is None
    assert layer.respond("nobody", 200, 0.0) == layer.repeat("nobody", 0.0) == []


def test_a_request_before_any_response_is_absorbed(layer: TransactionLayer) -> None:
    for method in ("INVITE", "BYE"):
        layer.open(request(method), UDP, "leg")
        assert layer.receive(request(method), 0.0) == []


def test_responses_go_where_the_via_says(layer: TransactionLayer) -> None:
    """§18.2.2 and RFC 3581: to the source's address; to its port when asked, else to the port of the Via."""
    source = Flow("udp", HERE, ("198.51.100.7", 40000))
    for rport, port in ((";rport", 40000), ("", 5080)):
        layer.servers.clear()
        key = layer.open(request("OPTIONS", sent_by="10.0.0.1:5080", rport=rport), source, "").key
        (sent,) = layer.respond(key, 200, 0.0, "t")
        assert sent.flow == source._replace(remote=("198.51.100.7", port))
        heard = parse(sent.data)
        assert type(heard) is Response
        assert heard.via.received == "198.51.100.7"
    layer.servers.clear()
    stream = Flow("tcp", HERE, ("198.51.100.7", 40000), "in:3")
    key = layer.open(request("OPTIONS", sent_by="10.0.0.1:5080", rport=""), stream, "").key
    (sent,) = layer.respond(key, 200, 0.0, "t")
    assert sent.flow is stream


def test_a_failed_transmission_ends_the_request(layer: TransactionLayer) -> None:
    for method in ("INVITE", "BYE"):
        key, _ = layer.request(text(method), method, "z9hG4bKx", TCP, "leg", "", 0.0)
        assert layer.failed(key, "reset", 0.0) == [Failed(key, "leg", method, "reset")]
        assert layer.failed(key, "reset", 0.0) == []
    assert not layer.clients


def test_nobody_hears_of_a_refusal_that_was_never_acknowledged_twice(layer: TransactionLayer) -> None:
    key = layer.open(request("INVITE"), UDP, "leg").key
    layer.respond(key, 486, 0.0, "t")
    told = [each for at in range(1, 70) for each in layer.expire(at / 2)]
    assert [type(each) for each in told].count(TimedOut) == 1
    assert told[-1] == TimedOut(key, "leg", "INVITE", False)
    # G at T1, doubling to T2, until H.
    assert len(told) == 11


def test_machines_say_what_they_are(layer: TransactionLayer) -> None:
    key, _ = layer.request(text("BYE"), "BYE", "z9hG4bKx", UDP, "", "", 0.0)
    assert repr(layer.clients[key]) == "<client BYE trying z9hG4bKx BYE>"
    assert repr(layer.open(request("INVITE"), UDP, "")).startswith("<server INVITE proceeding")
