"""What a new request is refused for, and how that needs no memory."""

from __future__ import annotations

import pytest

from trunkline.call.leg.gate import KNOWN, Stateless, capabilities, examine, examine_invite
from trunkline.call.leg.user_agent import METHODS
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse

FLOW = Flow("udp", ("192.0.2.5", 5060), ("192.0.2.1", 40000))


def request(*lines: str, method: str = "INVITE", uri: str = "sip:a@b", body: bytes = b"", branch: str = "x") -> Request:
    extra = "".join([f"{line}\r\n" for line in lines])
    message = parse(
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5066;branch=z9hG4bK{branch}\r\nFrom: <sip:f@h>;tag=1\r\n"
        f"To: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{extra}\r\n".encode()
        + body
    )
    assert type(message) is Request
    return message


def response(data: bytes) -> Response:
    message = parse(data)
    assert type(message) is Response
    return message


@pytest.mark.parametrize("method", [*METHODS, *sorted(KNOWN - set(METHODS)), "INVENTED"])
def test_methods(method: str) -> None:
    refusal = examine(request(method=method))
    if method in METHODS:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.status == (405 if method in KNOWN else 501)
        allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, REGISTER"
        assert refusal.headers == f"Allow: {allow}\r\n"


@pytest.mark.parametrize(
    ("uri", "status"), [("sip:a@b", 0), ("SIPS:a@b", 0), ("tel:+1", 0), ("http://a", 416), ("a", 416)]
)
def test_schemes(uri: str, status: int) -> None:
    refusal = examine(request(uri=uri))
    assert (refusal.status if refusal else 0) == status


@pytest.mark.parametrize("name", ["Require", "Proxy-Require"])
def test_required_extensions(name: str) -> None:
    refusal = examine(request(f"{name}: precondition, timer", f"{name}: x"))
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (420, "Unsupported: precondition, x\r\n")
    assert examine(request(f"{name}: ,")) is None


@pytest.mark.parametrize(
    ("lines", "body", "status"),
    [
        ([], b"", 0),
        (["Max-Forwards: 0"], b"", 483),
        (["Max-Forwards: 1"], b"", 0),
        (["Content-Type: application/sdp"], b"v=0", 0),
        (["Content-Type: Application/SDP; charset=x"], b"v=0", 0),
        (["Content-Type: multipart/mixed;boundary=b"], b"x", 0),
        (["Content-Type: text/plain"], b"x", 415),
        (["Content-Type: text/plain"], b"", 0),
        ([], b"v=0", 0),
        (["Content-Encoding: gzip"], b"x", 415),
        (["Content-Encoding: Identity"], b"v=0", 0),
        (["Accept: application/sdp"], b"", 0),
        (["Accept: text/plain, */*;q=0.1"], b"", 0),
        (["Accept: text/plain", "Accept: application/*"], b"", 0),
        (["Accept: text/plain"], b"", 406),
        (["Accept:"], b"", 406),
    ],
)
def test_invites(lines: list[str], body: bytes, status: int) -> None:
    refusal = examine_invite(request(*lines, body=body))
    assert (refusal.status if refusal else 0) == status


def test_the_same_request_gets_the_same_answer() -> None:
    gate = Stateless(b"key")
    (one,) = gate.answer(request(), FLOW, 404, "X-A: b\r\n")
    (two,) = gate.answer(request(), FLOW, 404, "X-A: b\r\n")
    assert one == two
    assert one.flow.remote == ("192.0.2.1", 5066), "the Via's port: rport was not asked for"
    answer = response(one.data)
    assert answer.to_tag
    assert answer.header("X-A") == "b"
    (other,) = gate.answer(request(branch="y"), FLOW, 404)
    assert response(other.data).to_tag != answer.to_tag
    (strange,) = Stateless(b"another").answer(request(), FLOW, 404)
    assert response(strange.data).to_tag != answer.to_tag


def test_an_ack_is_never_answered() -> None:
    assert Stateless(b"key").answer(request(method="ACK"), FLOW, 481) == []


def test_capabilities() -> None:
    text = capabilities("Contact: <sip:a@b>\r\n", "Edge")
    assert [line.partition(":")[0] for line in text.split("\r\n")] == [
        "Contact", "Allow", "Accept", "Accept-Encoding", "Supported", "Server", "",
    ]  # fmt: skip
