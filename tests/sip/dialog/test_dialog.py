"""Dialogs as UAS and as UAC: who is who in them, which way requests go, and in which order they come (RFC 3261 §12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.dialog.dialog import Dialog, Ends, accepted, contact_uri, established
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse

UDP = Flow("udp", ("192.0.2.5", 5060), ("192.0.2.9", 5060))


def request(method: str = "INVITE", *lines: str, cseq: int = 5, to: str = "<sip:us@192.0.2.5>") -> Request:
    message = parse(
        f"{method} sip:us@192.0.2.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n"
        f"From: Them <sip:them@192.0.2.9>;tag=theirs;x=y\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n"
        .encode() + "".join([f"{line}\r\n" for line in lines]).encode() + b"\r\n"
    )  # fmt: skip
    assert type(message) is Request
    return message


def response(*lines: str, status: int = 200, tag: str = ";tag=theirs") -> Response:
    message = parse(
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKa\r\nFrom: <sip:us@192.0.2.5>;tag=ours\r\n"
        f"To: Them <sip:them@192.0.2.9>{tag}\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n".encode()
        + "".join([f"{line}\r\n" for line in lines]).encode() + b"\r\n"
    )  # fmt: skip
    assert type(message) is Response
    return message


def uas(*lines: str) -> Dialog:
    return accepted(request("INVITE", "Contact: <sip:them@192.0.2.9:5070>", *lines), "ours", UDP)


def uac(*lines: str, tag: str = ";tag=theirs") -> Dialog:
    ends = Ends("<sip:us@192.0.2.5>;tag=ours", "ours", "<sip:them@192.0.2.9>")
    answer = response("Contact: <sip:them@192.0.2.9:5070>", *lines, tag=tag)
    return established(ends, answer, UDP, "sip:them@192.0.2.9")


def read(data: bytes) -> Request:
    message = parse(data)
    assert type(message) is Request
    return message


def bye(dialog: Dialog) -> Request:
    return read(dialog.request("BYE", "192.0.2.5:5060", "z9hG4bKbye"))


def test_as_uas() -> None:
    """§12.1.1."""
    dialog = uas()
    assert dialog.key == ("c", "ours", "theirs")
    sent = bye(dialog)
    assert sent.header("From") == "<sip:us@192.0.2.5>;tag=ours"
    assert sent.header("To") == "Them <sip:them@192.0.2.9>;tag=theirs;x=y"
    assert (sent.uri, sent.call_id, sent.cseq) == ("sip:them@192.0.2.9:5070", "c", 1)
    assert dialog.remote_sequence == 5
    assert repr(dialog) == "<Dialog c ours theirs>"


def test_as_uac() -> None:
    """§12.1.2."""
    dialog = uac()
    assert dialog.key == ("c", "ours", "theirs")
    sent = bye(dialog)
    assert (sent.from_tag, sent.to_tag) == ("ours", "theirs")
    assert sent.header("To") == "Them <sip:them@192.0.2.9>;tag=theirs"
    assert (sent.uri, sent.cseq) == ("sip:them@192.0.2.9:5070", 6)
    assert dialog.remote_sequence is None


def test_a_peer_of_the_older_rfc_has_no_tag() -> None:
    """§12.1.2: such a tag counts as null."""
    dialog = uac(tag="")
    assert dialog.key == ("c", "ours", "")
    assert bye(dialog).to_tag is None


def test_forks_are_dialogs_of_their_own() -> None:
    assert uac(tag=";tag=one").key != uac(tag=";tag=two").key


def test_an_answer_without_a_contact_is_reached_where_it_was_asked() -> None:
    ends = Ends("<sip:us@192.0.2.5>;tag=ours", "ours", "<sip:them@192.0.2.9>")
    assert established(ends, response(), UDP, "sip:fallback@h").target == "sip:fallback@h"
    assert accepted(request(), "ours", UDP).target == ""


# ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

RECORDED = ("Record-Route: <sip:p1;lr>, <sip:p2;lr;x=y>", 'Record-Route: "3,3" <sip:p3;lr>')


def test_the_uas_takes_the_routes_as_they_stand() -> None:
    sent = bye(uas(*RECORDED))
    assert sent.headers("Route") == ["<sip:p1;lr>", "<sip:p2;lr;x=y>", '"3,3" <sip:p3;lr>']
    assert sent.uri == "sip:them@192.0.2.9:5070"
    assert uas(*RECORDED).next_hop == "sip:p1;lr"


def test_the_uac_takes_the_routes_in_reverse() -> None:
    sent = bye(uac(*RECORDED))
    assert sent.headers("Route") == ['"3,3" <sip:p3;lr>', "<sip:p2;lr;x=y>", "<sip:p1;lr>"]
    assert uac(*RECORDED).next_hop == "sip:p3;lr"


def test_without_routes_the_target_is_next() -> None:
    assert uas().next_hop == "sip:them@192.0.2.9:5070"
    assert bye(uas()).headers("Route") == []


@pytest.mark.parametrize(
    "first", ["<sip:p1>", "<sip:p1;transport=tcp>", "<sip:p1;lrx>", '"a;lr" <sip:p1>', "<sip:p;lr@p1>"]
)
def test_a_strict_router_is_the_request_uri(first: str) -> None:
    """§12.2.1.1: the target goes last. What only looks like `lr` is none."""
    sent = bye(uas(f"Record-Route: {first}, <sip:p2;lr>"))
    assert sent.uri == first.partition("<")[2].partition(">")[0]
    assert sent.headers("Route") == ["<sip:p2;lr>", "<sip:them@192.0.2.9:5070>"]


@pytest.mark.parametrize(
    "first", ["<sip:p1;lr>", "<sip:p1;LR>", "<sip:p1;lr=on>", "<sip:p1;x=y;lr;z>", "<sip:u@[2001:db8::1]:5060;lr>"]
)
def test_a_loose_router_is_not(first: str) -> None:
    sent = bye(uas(f"Record-Route: {first}"))
    assert sent.uri == "sip:them@192.0.2.9:5070"
    assert sent.headers("Route") == [first]


def test_a_route_that_cannot_be_read_is_left_as_it_is() -> None:
    dialog = Dialog("c", "<sip:a@b>", "1", "<sip:c@d>", "2", "sip:e@f", ("<sip:broken",), UDP, 1, None)
    assert dialog.next_hop == "<sip:broken"


# ── what may change it ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_contact_is_the_new_target() -> None:
    dialog = uas()
    assert not dialog.refresh(request("INVITE", "Contact: <sip:them@192.0.2.9:5070>", cseq=6))
    assert not dialog.refresh(request("INVITE", cseq=7))
    assert dialog.refresh(request("INVITE", "m: Them <sip:them@192.0.2.44>;expires=3, <sip:other@h>", cseq=8))
    assert bye(dialog).uri == "sip:them@192.0.2.44"
    assert dialog.refresh(response("Contact: sip:them@192.0.2.45;transport=tcp"))
    assert dialog.target == "sip:them@192.0.2.45", "outside of brackets parameters are the header's"


@pytest.mark.parametrize("value", ["", "<sip:a", '"unclosed <sip:a@b>', ","])
def test_a_contact_that_cannot_be_read_changes_nothing(value: str) -> None:
    assert contact_uri(request("INVITE", f"Contact: {value}")) is None


def test_headers_in_a_contact_are_no_part_of_the_request_uri() -> None:
    """§19.1.1, table 1."""
    assert contact_uri(request("INVITE", "Contact: <sip:a?b@192.0.2.9;x=y?Subject=z>")) == "sip:a?b@192.0.2.9;x=y"
    assert contact_uri(request("INVITE", "Contact: <sip:192.0.2.9?Subject=z>")) == "sip:192.0.2.9"


# ── sequences ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ack_and_a_cancel_give_the_number_of_their_invite() -> None:
    dialog = uac()
    ack = read(dialog.request("ACK", "h", "z9hG4bKack", sequence=5))
    assert (ack.cseq, ack.cseq_method) == (5, "ACK")
    assert bye(dialog).cseq == 6
    assert bye(dialog).cseq == 7


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12))
def test_only_rising_numbers_are_in_order(numbers: list[int]) -> None:
    """§12.2.2."""
    for dialog, highest in ((uas(), 5), (uac(), -1)):
        for number in numbers:
            assert dialog.in_order(request("INFO", cseq=number)) is (number > highest)
            highest = max(highest, number)


@given(st.binary(max_size=30))
def test_a_request_carries_what_it_is_given(body: bytes) -> None:
    sent = read(uas().request("INFO", "192.0.2.5:5060", "z9hG4bKi", "Content-Type: a/b\r\nX-A: c\r\n", body))
    assert sent.body == body
    assert sent.header("X-A") == "c"
    assert str(sent.via) == "SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKi;rport"
    assert sent.header("Max-Forwards") == "70"
