"""RFC 4475 at the parser: every message of its archive gets a verdict that its index accepts. `pytest -s` prints them.

A message that passes here may still be refused by who knows what is supported (405, 415, 416, 420, 483, …): then the
index must allow more than a syntax refusal, and what that decision rests on must be there to read. What a running edge
answers is `test_wire`'s.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trunkline.sip.address import parse_address
from trunkline.sip.framing import Framer
from trunkline.sip.grammar import split_commas, unescape
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Malformed, Request, Response, parse
from trunkline.sip.uri import parse_uri
from trunkline.sip.via import parse_via, reply_address

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "torture"
if not (ARCHIVE / "index.json").exists():
    pytest.skip("data: ../shared/torture is not beside the checkout", allow_module_level=True)

INDEX: list[dict[str, Any]] = json.loads((ARCHIVE / "index.json").read_text())
SYNTAX = {400, 505}


def data(name: str) -> bytes:
    return (ARCHIVE / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse(data(name))
    assert isinstance(message, Request)
    return message


def verdict(octets: bytes) -> tuple[str | int, str]:
    """`no-reply`, a status, or `accepted`; and why."""
    message = parse(octets)
    if isinstance(message, Request):
        fault = inspect(message)
        if fault is None:
            return "accepted", ""
        assert fault.request is message
        return fault.status, fault.reason
    if isinstance(message, Response):
        return "no-reply", f"a response: {message.status}"
    return (message.status if message.request is not None else "no-reply"), message.reason


def test_the_archive_is_whole() -> None:
    assert len(INDEX) == 49
    assert {entry["file"] for entry in INDEX} == {path.name for path in ARCHIVE.glob("*.dat")}


@pytest.mark.parametrize("entry", INDEX, ids=[entry["name"] for entry in INDEX])
def test_the_verdict_is_one_the_index_accepts(entry: dict[str, Any]) -> None:
    octets = data(entry["name"])
    assert len(octets) == entry["bytes"]
    given, reason = verdict(octets)
    print(f"{entry['section']:9} {entry['name']:11} {entry['cls']:8} {given!s:9} {reason}")  # noqa: T201
    acceptable = set(entry["acceptable"])
    if given == "accepted":
        assert acceptable - SYNTAX, "the index wants a syntax refusal"
    elif given in SYNTAX:
        assert given in acceptable
    else:
        assert given == "no-reply"
        assert "no-reply" in acceptable
    if entry["cls"] == "valid" and entry["layer"] == "parser":
        assert isinstance(parse(octets), Request if entry["kind"] == "request" else Response)
        assert given not in SYNTAX


@pytest.mark.parametrize(
    "entry", [entry for entry in INDEX if entry["kind"] == "request"], ids=lambda entry: entry["name"]
)
def test_the_answer_goes_where_the_index_says(entry: dict[str, Any]) -> None:
    message = parse(data(entry["name"]))
    asked = message.request if isinstance(message, Malformed) else message
    assert isinstance(asked, Request)
    if entry["via_transport"] == "UDP" and not entry["has_rport"]:
        assert reply_address(asked.via, ("198.51.100.7", 40000)) == ("198.51.100.7", entry["reply_port"])


@pytest.mark.parametrize(
    "entry", [entry for entry in INDEX if entry["via_transport"] == "TCP"], ids=lambda entry: entry["name"]
)
def test_what_comes_by_tcp_is_framed(entry: dict[str, Any]) -> None:
    octets = data(entry["name"])
    frames = Framer().feed(octets)
    assert frames.messages == [octets]
    assert frames.error is None


@pytest.mark.parametrize("entry", INDEX, ids=[entry["name"] for entry in INDEX])
def test_every_beginning_of_a_message_is_judged(entry: dict[str, Any]) -> None:
    octets = data(entry["name"])
    for end in range(0, len(octets), 1 + len(octets) // 200):
        verdict(octets[:end])


# What RFC 4475 says each message tests, where it can be told from the parsed message.


def test_wsinv() -> None:
    message = request("wsinv")
    assert (message.cseq, message.cseq_method) == (9, "INVITE")
    assert message.header("Max-Forwards") == "0068"
    assert message.to_tag == "1918181833n"
    assert message.from_tag == "98asjd8"
    sender = parse_address(message.header("From") or "")
    assert sender.display == 'J Rosenberg \\"'
    assert sender.uri == "sip:jdrosen@example.com"
    vias = [parse_via(value) for line in message.headers("Via") for value in split_commas(line)]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    contact = parse_address(message.header("Contact") or "")
    assert contact.display == 'Quoted string ""'
    assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert message.header("Subject") == ""
    assert message.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    route = parse_address(message.header("Route") or "").parsed
    assert (route.host, route.loose, route.param("unknownwith")) == ("services.example.com", True, "value")
    assert message.body.startswith(b"v=0")
    assert len(message.body) == 150
    assert parse_uri(message.uri).params == (("unknownparam", None),)


def test_intmeth() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = parse_uri(message.uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri.host == "example.com"
    assert parse_address(message.header("To") or "").display == "BEL:\a NUL:\0 DEL:\x7f"
    sender = parse_address(message.header("From") or "")
    assert sender.display == "token1~` token2'+_ token3*%!.-"
    assert sender.param("fromparam''~+*_!.-%") == "работающий"
    assert sender.tag == "_token~1'+`*%!-."
    assert message.header("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_esc01() -> None:
    message = request("esc01")
    assert parse_uri(message.uri).unescaped_user == "sips:user@example.com"
    assert parse_uri(parse_address(message.header("To") or "").uri).unescaped_user == "user"
    assert parse_uri(parse_address(message.header("From") or "").uri).unescaped_user == "I have spaces"
    contact = parse_address(message.header("Contact") or "").parsed
    assert contact.unescaped_user == "caller"
    assert contact.loose
    assert contact.param("name") == "value%41"


def test_escnull() -> None:
    message = request("escnull")
    assert parse_address(message.header("To") or "").parsed.unescaped_user == "null-\0-null"
    users = [parse_address(value).parsed.unescaped_user for value in message.headers("Contact")]
    assert users == ["\0", "\0\0"]


def test_esc02() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert parse_address(message.header("To") or "").display == "%Z%45"
    assert message.via.branch == "z9hG4bK209%fzsnel234"
    contacts = [parse_address(value).uri for value in message.headers("Contact")]
    assert contacts == ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]


def test_lwsdisp() -> None:
    assert parse_address(request("lwsdisp").header("From") or "").display == "caller"


def test_longreq() -> None:
    message = request("longreq")
    assert len(message.headers("Via")) == 34
    assert message.via.host == "sip33.example.com"
    assert parse_via(message.headers("Via")[-1]).received == "192.0.2.5"
    assert len(parse_address(message.header("To") or "").display) > 100


def test_dblreq() -> None:
    message = request("dblreq")
    assert message.method == "REGISTER"
    assert message.body == b""
    assert b"INVITE" not in message.raw


def test_semiuri() -> None:
    uri = parse_uri(request("semiuri").uri)
    assert (uri.unescaped_user, uri.host, uri.params) == ("user;par=u@example.net", "example.com", ())


def test_transports() -> None:
    vias = [parse_via(value) for value in request("transports").headers("Via")]
    assert [via.transport for via in vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01() -> None:
    message = request("mpart01")
    assert len(message.body) == 553
    assert b"\0" in message.body
    assert message.via.rport == ""


def test_responses_that_are_well_formed() -> None:
    for name, status, phrase in (
        ("unreason", 200, "= 2**3 * 5**2 но сто девяносто девять - простое"),
        ("noreason", 100, ""),
    ):
        message = parse(data(name))
        assert isinstance(message, Response)
        assert (message.status, message.phrase) == (status, phrase)


def test_a_broken_via_is_answered_all_the_same() -> None:
    message = parse(data("badinv01"))
    assert isinstance(message, Malformed)
    assert message.request is not None
    assert (message.request.via.host, message.request.via.port) == ("192.0.2.15", None)
    message = parse(data("badvers"))
    assert isinstance(message, Malformed)
    assert message.request is not None
    assert message.request.via.branch == "z9hG4bKkdjuw"


def test_what_later_answers_rest_on() -> None:
    assert parse_uri(request("unkscm").uri).scheme == "nobodyknowsthisscheme"
    assert parse_uri(request("novelsc").uri).scheme == "soap.beep"
    assert parse_address(request("unksm2").header("To") or "").parsed.scheme == "isbn"
    assert split_commas(request("bext01").header("Require") or "") == [
        "nothingSupportsThis",
        "nothingSupportsThisEither",
    ]
    assert request("invut").header("Content-Type") == "application/unknownformat"
    assert request("zeromf").header("Max-Forwards") == "0"
    assert request("sdp01").header("Accept") == "text/nobodyKnowsThis"
    assert request("badbranch").via.branch == "z9hG4bK"


def test_a_parameter_is_of_the_header_or_of_the_uri() -> None:
    outside = parse_address(request("cparam01").header("Contact") or "")
    assert (outside.param("unknownparam"), outside.parsed.params) == ("", ())
    inside = parse_address(request("cparam02").header("Contact") or "")
    assert (inside.params, inside.parsed.param("unknownparam")) == ((), "")


def test_headers_in_a_uri_stay_in_it() -> None:
    message = request("regescrt")
    contact = parse_address(message.header("Contact") or "").parsed
    assert unescape(contact.headers or "") == "Route=<sip:sip.example.com>"
    assert message.header("Route") is None
    refused = inspect(request("escruri"))
    assert refused is not None
    assert refused.request is not None
    assert refused.request.header("Route") is None


def test_inv2543() -> None:
    message = request("inv2543")
    assert message.body.startswith(b"v=0")
    assert (message.via.branch, message.from_tag) == (None, None)
    assert parse_address(message.header("To") or "").params == (("user", "phone"),)
