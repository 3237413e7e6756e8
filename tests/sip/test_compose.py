"""Messages out: what is composed is read again as what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip import compose
from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse

UDP = Flow("udp", ("192.0.2.5", 5060), ("192.0.2.9", 5066))
REQUEST = (
    b"INVITE sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bKa;rport, SIP/2.0/UDP p;branch=z9hG4bKb\r\n"
    b'Via: SIP/2.0/TCP q;branch=z9hG4bKc\r\nf: "J\xf6rg" <sip:f@h>;tag=1\r\nt: <sip:t@h> ;x=y\r\ni: c@h\r\n'
    b"CSeq:  0007 INVITE\r\n\r\n"
)
BODY = st.binary(max_size=60)
WORDS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


def read(data: bytes = REQUEST) -> Request:
    message = parse(data)
    assert type(message) is Request
    return message


def answer(data: bytes) -> Response:
    message = parse(data)
    assert type(message) is Response
    assert message.raw == data
    return message


@given(st.integers(100, 699), BODY, WORDS | st.none(), st.sampled_from(["", "mine"]))
def test_a_response_repeats_its_request(status: int, body: bytes, words: str | None, tag: str) -> None:
    """§8.2.6.2."""
    response = answer(Answering(read(), UDP).response(status, tag, "X-A: b\r\n", body, words))
    assert response.status == status
    if words is not None:
        assert response.phrase == words
    assert response.body == body
    assert response.header("X-A") == "b"
    assert response.headers("Via")[0].startswith("SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bKa")
    assert response.headers("Via")[1:] == ["SIP/2.0/UDP p;branch=z9hG4bKb", "SIP/2.0/TCP q;branch=z9hG4bKc"]
    assert response.via.rport == 5066
    assert response.header("From") == '"J\udcf6rg" <sip:f@h>;tag=1'
    assert (response.call_id, response.cseq, response.cseq_method) == ("c@h", 7, "INVITE")
    assert response.to_tag == (tag or None)


@pytest.mark.parametrize(("status", "line"), [(100, "100 Trying"), (404, "404 Not Found"), (599, "599 ")])
def test_phrases(status: int, line: str) -> None:
    assert Answering(read(), UDP).response(status).startswith(f"SIP/2.0 {line}".encode())
    assert Answering(read(), UDP).response(status, words="Own").startswith(f"SIP/2.0 {status} Own\r\n".encode())


def test_a_tag_that_is_there_stays() -> None:
    tagged = read(REQUEST.replace(b" ;x=y", b";tag=theirs"))
    assert answer(Answering(tagged, UDP).response(200, "mine")).to_tag == "theirs"


@given(BODY, st.integers(0, 255), st.sampled_from(["udp", "tcp", "tls"]))
def test_a_request_is_what_it_was_made_of(body: bytes, hops: int, transport: str) -> None:
    flow = UDP._replace(transport=transport)  # type: ignore[arg-type]
    via = compose.via_line(flow, "192.0.2.5:5060", "z9hG4bKx")
    headers = compose.lines([("From", "<sip:f@h>;tag=1"), ("To", "<sip:t@h>"), ("X-A", "\udcffb")])
    message = read(compose.request("BYE sip:a@b;x=y", via, "c", "9 BYE", headers, body, hops))
    assert (message.method, message.uri, message.call_id, message.cseq) == ("BYE", "sip:a@b;x=y", "c", 9)
    assert message.header("Max-Forwards") == str(hops)
    assert message.header("X-A") == "\udcffb"
    assert message.body == body
    assert message.via.transport == transport.upper()
    assert (message.via.branch, message.via.rport, message.via.port) == ("z9hG4bKx", "", 5060)


@pytest.mark.parametrize("pair", [("X", "a\rb"), ("X", "a\nb"), ("X\r\nY", "b"), ("X\n", "b")])
def test_a_line_break_never_becomes_a_header(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        compose.lines([pair])


def test_what_goes_alongside_an_invite() -> None:
    """§9.1 and §17.1.1.3."""
    headers = "Route: <sip:p;lr>\r\nRoute: <sip:q;lr>\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>\r\nX-A: b\r\n"
    via = compose.via_line(UDP, "192.0.2.5:5060", "z9hG4bKx")
    invite = compose.request("INVITE sip:a@b", via, "c", "3 INVITE", headers, b"body", 20)
    cancel = read(compose.alongside(invite, "CANCEL", "", "Reason: SIP;cause=200\r\n"))
    ack = read(compose.alongside(invite, "ACK", "<sip:t@h>;tag=2"))
    for message, method in ((cancel, "CANCEL"), (ack, "ACK")):
        assert (message.method, message.uri, message.cseq, message.cseq_method) == (method, "sip:a@b", 3, method)
        assert message.headers("Route") == ["<sip:p;lr>", "<sip:q;lr>"]
        assert message.headers("Via") == read(invite).headers("Via")
        assert (message.call_id, message.header("From")) == ("c", "<sip:f@h>;tag=1")
        assert message.header("X-A") is None
        assert message.body == b""
    assert cancel.header("To") == "<sip:t@h>"
    assert cancel.header("Reason") == "SIP;cause=200"
    assert ack.to_tag == "2"
