"""Messages: what is read of them, that nothing of them is lost, and what the malformed deserve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.message import MOST_BYTES, MOST_LINES, Malformed, Request, Response, parse

COMPACT = {"i": "Call-ID", "m": "Contact", "c": "Content-Type", "f": "From", "t": "To", "v": "Via", "k": "Supported"}
START = b"INVITE sip:a@b SIP/2.0\r\n"
ESSENTIAL = [
    "Via: SIP/2.0/UDP h;branch=z9hG4bKx",
    "From: <sip:f@h>;tag=1",
    "To: <sip:t@h>",
    "Call-ID: c",
    "CSeq: 1 INVITE",
]


def message(*lines: str, start: bytes = START, body: bytes = b"", drop: str = "") -> bytes:
    kept = [line for line in ESSENTIAL if not drop or not line.startswith(drop)]
    return start + "\r\n".join([*kept, *lines]).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def request(*lines: str, body: bytes = b"", start: bytes = START, drop: str = "") -> Request:
    parsed = parse(message(*lines, body=body, start=start, drop=drop))
    assert type(parsed) is Request, parsed
    return parsed


def refused(data: bytes, status: int = 400) -> Malformed:
    parsed = parse(data)
    assert isinstance(parsed, Malformed), parsed
    assert parsed.status == status, parsed
    return parsed


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=30)
VALUES = TEXT.map(lambda text: text.strip(" \t"))
NAMES = st.sampled_from(["X-One", "x-one", "Subject", "P-Charging-Vector", "Organization", "X-Ünlike".encode().hex()])
BLANKS = st.sampled_from(["", " ", "\t", "  \t "])


@st.composite
def headers(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Name and value, and the line they are written as."""
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        name, value = draw(NAMES), draw(VALUES)
        fold = draw(st.sampled_from(["", "", "\r\n ", " \r\n\t \t"]))
        written, read = value, value
        if fold and value:
            at = draw(st.integers(0, len(value)))
            left, right = value[:at].rstrip(" \t"), value[at:].lstrip(" \t")
            written, read = left + fold + right, f"{left} {right}".strip(" \t")
        lines.append((name, read, f"{name}{draw(BLANKS)}:{draw(BLANKS)}{written}{draw(BLANKS)}"))
    return lines


@given(headers(), st.binary(max_size=40))
def test_headers_are_read_and_nothing_is_lost(lines: list[tuple[str, str, str]], body: bytes) -> None:
    data = message(*[line for _, _, line in lines], body=body)
    parsed = parse(data)
    assert type(parsed) is Request
    assert parsed.raw == data
    assert parsed.body == body
    for name in {name.lower() for name, _, _ in lines}:
        values = [value for each, value, _ in lines if each.lower() == name]
        assert parsed.headers(name.upper()) == values
        assert parsed.header(name) == values[0]
        assert parsed.get(name) == values[0]
    assert [(name, value) for name, value in parsed.lines() if (name, value) not in request().lines()] == [
        (name, value) for name, value, _ in lines if (name, value) not in request().lines()
    ]
    assert parsed.private() == [(name, value) for name, value, _ in lines if name[:2] in ("X-", "x-")]


@given(st.binary(max_size=200))
def test_octets_that_are_no_text_are_kept(octets: bytes) -> None:
    octets = octets.replace(b"\r", b"").replace(b"\n", b"")
    data = message("X-Raw: ").replace(b"X-Raw: ", b"X-Raw: a" + octets + b"b")
    parsed = parse(data)
    assert type(parsed) is Request
    assert parsed.raw == data
    assert (parsed.header("X-Raw") or "").encode("utf-8", "surrogateescape") == b"a" + octets + b"b"


@pytest.mark.parametrize("upper", [False, True])
def test_compact_forms(upper: bool) -> None:
    lines = []
    for short, long in COMPACT.items():
        value = next((line.partition(": ")[2] for line in ESSENTIAL if line.startswith(long)), "x")
        lines.append(f"{short.upper() if upper else short}: {value}")
    parsed = parse(START + "\r\n".join([*lines, "CSeq: 1 INVITE", "l: 0"]).encode() + b"\r\n\r\n")
    assert type(parsed) is Request
    assert (parsed.call_id, parsed.from_tag, parsed.to_tag, parsed.via.branch) == ("c", "1", None, "z9hG4bKx")
    for long in COMPACT.values():
        assert parsed.header(long)


def test_a_compact_and_a_long_form_are_one_header() -> None:
    parsed = request("k: a, b", "Supported: c", "SUPPORTED : d")
    assert parsed.headers("Supported") == ["a, b", "c", "d"]
    assert request().headers("Supported") == []
    assert request().header("Supported") is None


def test_what_stands_first_of_several_vias_is_ours() -> None:
    parsed = request("Via: SIP/2.0/TCP third;branch=z9hG4bK3", drop="Via")
    assert parsed.via.host == "third"
    data = message(
        "v: SIP/2.0/UDP one;branch=z9hG4bK1 , SIP/2.0/UDP two;branch=z9hG4bK2", "Via: SIP/2.0/TCP three", drop="Via"
    )
    both = parse(data)
    assert type(both) is Request
    assert (both.via.host, both.via.branch) == ("one", "z9hG4bK1")
    head, to, tail = both.echo("SIP/2.0/UDP one;branch=z9hG4bK1;received=192.0.2.1")
    assert head.split("\r\n") == [
        "Via: SIP/2.0/UDP one;branch=z9hG4bK1;received=192.0.2.1",
        "Via: SIP/2.0/UDP two;branch=z9hG4bK2",
        "Via: SIP/2.0/TCP three",
        "From: <sip:f@h>;tag=1",
        "",
    ]
    assert to == " <sip:t@h>"
    assert tail == "Call-ID: c\r\nCSeq: 1 INVITE\r\n"


def test_a_response() -> None:
    parsed = parse(message(start=b"SIP/2.0 180 Es klingelt\xff\r\n"))
    assert type(parsed) is Response
    assert (parsed.status, parsed.phrase) == (180, "Es klingelt\udcff")
    assert (parsed.cseq, parsed.cseq_method) == (1, "INVITE")
    assert repr(parsed) == "<180 Es klingelt\udcff to INVITE c>"
    empty = parse(message(start=b"SIP/2.0 200 \r\n"))
    assert type(empty) is Response
    assert empty.phrase == ""
    short = parse(message(start=b"sip/2.0 200\r\n"))
    assert type(short) is Response
    assert short.phrase == ""


def test_a_request_shows_itself() -> None:
    assert repr(request()) == "<INVITE sip:a@b c>"
    assert repr(refused(b"x")) == "<Malformed 400 this is not a start line of SIP>"


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_content_length_the_datagram_is_the_body() -> None:
    assert request(body=b"anything\r\n\r\nat all").body == b"anything\r\n\r\nat all"


def test_what_lies_behind_content_length_is_no_part_of_it() -> None:
    data = message("Content-Length: 3", body=b"v=0garbage")
    parsed = parse(data)
    assert type(parsed) is Request
    assert parsed.body == b"v=0"
    assert parsed.raw == data[: -len(b"garbage")]


def test_line_ends_before_the_start_are_skipped() -> None:
    data = message(body=b"\r\nbody")
    for ends in range(5):
        parsed = parse(b"\r\n" * ends + data)
        assert type(parsed) is Request
        assert parsed.raw == data
        assert isinstance(parse(b"\r\n" * ends), Malformed)


@pytest.mark.parametrize(
    ("kind", "body", "is_sdp"),
    [
        ("application/sdp", b"x", True),
        ("Application/SDP ; charset=utf-8", b"x", True),
        ("application/sdp", b"", False),
        ("text/plain", b"v=0", False),
        (None, b"v=0\r\n", True),
        (None, b"x", False),
    ],
)
def test_session_descriptions_are_known(kind: str | None, body: bytes, is_sdp: bool) -> None:
    lines = [] if kind is None else [f"c: {kind}"]
    assert request(*lines, body=body).is_sdp is is_sdp


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_what_every_message_must_have(missing: str) -> None:
    fault = refused(message(drop=missing))
    assert missing.lower() in fault.reason.lower()
    assert (fault.request is None) is (missing == "Via"), "without a Via nobody can be answered"
    assert refused(message(drop=missing, start=b"SIP/2.0 200 OK\r\n")).request is None
    ack = message(start=b"ACK sip:a@b SIP/2.0\r\n", drop=missing).replace(b"1 INVITE", b"1 ACK")
    assert refused(ack).request is None, "an ACK is never answered"


@pytest.mark.parametrize("line", ["f: <sip:x@h>;tag=2", "To: <sip:x@h>", "i: d", "CSeq: 2 INVITE", "c: a/b\r\nc: a/b"])
def test_what_may_stand_once_only(line: str) -> None:
    assert "more than once" in refused(message(line)).reason


@pytest.mark.parametrize(
    "cseq", ["", "1", "INVITE", "x INVITE", "-1 INVITE", "1.5 INVITE", "4294967296 INVITE", "9" * 5000 + " INVITE",
             "1 BYE", "1 invite", "\u0661 INVITE", "1 INVITE x"],
)  # fmt: skip
def test_a_cseq_is_a_number_and_the_method(cseq: str) -> None:
    assert "CSeq" in refused(message(f"CSeq: {cseq}", drop="CSeq")).reason


@pytest.mark.parametrize(
    "cseq", ["0 INVITE", "4294967295 INVITE", "0000000001 INVITE", "7 \t INVITE", "000000000007\tINVITE"]
)
def test_cseqs_that_pass(cseq: str) -> None:
    parsed = request(f"CSeq: {cseq}", drop="CSeq")
    assert parsed.cseq == int(cseq.split(maxsplit=1)[0])
    assert parsed.cseq_method == "INVITE"


@pytest.mark.parametrize("length", ["-1", "x", "", "1 2", "99999999999", "\u0663", "7"])
def test_a_content_length_that_cannot_be(length: str) -> None:
    assert "Content-Length" in refused(message(f"Content-Length: {length}", body=b"123")).reason


def test_limits() -> None:
    assert type(parse(message(body=b"x" * (MOST_BYTES - len(message()))))) is Request
    assert refused(message(body=b"x" * MOST_BYTES), 513).request is None
    many = [f"X-{n}: {n}" for n in range(MOST_LINES - len(ESSENTIAL))]
    assert type(parse(message(*many))) is Request
    fault = refused(message(*many, "X-More: 1"))
    assert fault.request is not None, "its sender is told"


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"INVITE sip:a@b SIP/3.0", 505),
        (b"INVITE sip:a@b sip/7.0", 505),
        (b"SIP/3.0 200 OK", 505),
        (b"INVITE sip:a@b HTTP/1.1", 400),
        (b"INVITE  sip:a@b SIP/2.0", 400),
        (b"INVITE sip:a@b  SIP/2.0", 400),
        (b"INVITE sip:a b SIP/2.0", 400),
        (b"INVITE <sip:a@b> SIP/2.0", 400),
        (b"INVITE  SIP/2.0", 400),
        (b"INVITE SIP/2.0", 400),
        (b"IN(VITE sip:a@b SIP/2.0", 400),
        (b"SIP/2.0 99 Low", 400),
        (b"SIP/2.0 700 High", 400),
        (b"SIP/2.0 2000 Long", 400),
        (b"SIP/2.0 abc Text", 400),
        ("SIP/2.0 \u0662\u0660\u0660 OK".encode(), 400),
        (b"", 400),
    ],
)
def test_start_lines(start: bytes, status: int) -> None:
    refused(message(start=start + b"\r\n"), status)


@pytest.mark.parametrize(
    "start", [b"NEWMETHOD sip:a@b SIP/2.0", b"INVITE sip:a@b sip/2.0", b"M-1.x!%*_+`'~ sip:a@b SIP/2.0"]
)
def test_start_lines_that_pass(start: bytes) -> None:
    method = start.split(b" ")[0].decode()
    parsed = parse(message(f"CSeq: 1 {method}", start=start + b"\r\n", drop="CSeq"))
    assert type(parsed) is Request
    assert parsed.method == method


@pytest.mark.parametrize("line", ["no colon", ": no name", "two words: x", "b\u00e4d: x", "(x): y"])
def test_a_header_needs_a_name(line: str) -> None:
    assert refused(message(line)).request is not None


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\n\r"])
def test_a_line_end_is_both_characters(end: bytes) -> None:
    """Else a peer would read headers in what we pass on that we did not see."""
    assert "stands alone" in refused(message("X-A: b" + end.decode() + "X-B: c")).reason


def test_lines_that_end_with_lf_alone_are_answered() -> None:
    fault = refused(message().replace(b"\r\n", b"\n"))
    assert fault.reason == "lines end with LF alone"
    assert fault.request is not None
    assert fault.request.via.branch == "z9hG4bKx"
    assert "Call-ID: c\r\nCSeq: 1 INVITE\r\n" in fault.request.echo("")[2]
    acknowledgement = message("CSeq: 1 ACK", start=b"ACK sip:a@b SIP/2.0\r\n", drop="CSeq")
    for data in (acknowledgement, message(start=b"SIP/2.0 200 OK\r\n"), b"x\r\n", b"x\n\r\n\n"):
        assert refused(data.replace(b"\r\n", b"\n")).request is None


def test_too_many_headers_do_not_hide_what_the_answer_is_known_by() -> None:
    data = message().replace(b"From:", b"X: 1\r\n" * MOST_LINES + b"From:")
    fault = refused(data)
    assert fault.request is not None
    head, to, tail = fault.request.echo("")
    assert (head, to) == ("Via: \r\nFrom: <sip:f@h>;tag=1\r\n", " <sip:t@h>")
    assert tail == "Call-ID: c\r\nCSeq: 1 INVITE\r\n"
    assert len(fault.request.lines()) < MOST_LINES + 5


def test_headers_end_with_an_empty_line() -> None:
    assert "empty line" in refused(message().removesuffix(b"\r\n\r\n")).reason


@pytest.mark.parametrize("last", ["Content-Length: 0", "l:0", "CONTENT-LENGTH :  0 "])
def test_an_empty_line_may_be_missing_where_nothing_could_follow_it(last: str) -> None:
    data = message(last).removesuffix(b"\r\n")
    parsed = parse(data)
    assert isinstance(parsed, Request)
    assert (parsed.body, parsed.raw) == (b"", data + b"\r\n")


@pytest.mark.parametrize(
    "last", ["Content-Length: 10", "Content-Length: 00", "Content-Length:", "X: 0", "Content-Length"]
)
def test_an_empty_line_is_missed_where_something_might(last: str) -> None:
    assert isinstance(parse(message(last).removesuffix(b"\r\n")), Malformed)
    assert isinstance(parse(message("Content-Length: 0").removesuffix(b"\r\n\r\n")), Malformed)


def test_a_broken_via_is_salvaged_for_the_answer() -> None:
    fault = refused(message('Via: SIP/2.0/UDP h:5060;branch=z9hG4bKx;;=;received=;"', drop="Via"))
    assert fault.request is not None
    assert (fault.request.via.host, fault.request.via.branch) == ("h", "z9hG4bKx")
    assert refused(message("Via: nonsense", drop="Via")).request is None


@given(st.binary(max_size=300))
def test_anything_is_a_message_or_not(data: bytes) -> None:
    parsed = parse(data)
    assert isinstance(parsed, Request | Response | Malformed)
