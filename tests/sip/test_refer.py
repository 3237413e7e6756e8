"""What transfer says in headers and bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.refer import (
    ReferError,
    Replaces,
    parse_event,
    parse_refer_to,
    parse_referred_by,
    parse_replaces,
    parse_subscription,
    read_sipfrag,
    sipfrag,
    wants_no_subscription,
)
from trunkline.sip.uri import Uri


def test_a_telephone_number() -> None:
    asked = parse_refer_to("tel:+12025550123")
    assert (asked.uri.scheme, asked.uri.user, asked.replaces, asked.headers) == ("tel", "+12025550123", None, ())


def test_an_attended_transfer_names_the_dialog_that_is_replaced() -> None:
    value = (
        '"Human" <sip:h@pbx.example;transport=tcp?Replaces=425928%40bob.example%3Bto-tag%3D7743%3Bfrom-tag%3D6472'
        "&Require=replaces&X-Case=a%20b>;method=ignored"
    )
    asked = parse_refer_to(value)
    assert str(asked.uri) == "sip:h@pbx.example;transport=tcp"
    assert asked.replaces == Replaces("425928@bob.example", "7743", "6472")
    assert asked.headers == (("Require", "replaces"), ("X-Case", "a b"))


def test_the_method_parameter_goes_and_another_method_is_refused() -> None:
    assert str(parse_refer_to("<sip:h@pbx.example;method=INVITE>").uri) == "sip:h@pbx.example"
    with pytest.raises(ReferError, match="another method"):
        parse_refer_to("<sip:h@pbx.example;method=BYE>")


@pytest.mark.parametrize(("value", "words"), [("", "no target"), ("<sip:a@b>, <sip:c@d>", "more than one target")])
def test_there_is_one_target(value: str, words: str) -> None:
    with pytest.raises(ReferError, match=f"names {words}"):
        parse_refer_to(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "<sip:a@b.example>, <sip:c@d.example>",
        "sip:a@b.example?Replaces=x",
        "<sip:a@b.example?X=%0d%0aRoute:%20sip:evil>",
        "<sip:a@b.example?X>",
        "<sip:a@b.example?" + "&".join(f"X{n}=1" for n in range(40)) + ">",
        "<sip:a@b.example?Replaces=1%3Bto-tag%3Da>",
        "<sip:a@b.example?Replaces=1%3Bto-tag%3Da%3Bfrom-tag%3Db&Replaces=2%3Bto-tag%3Da%3Bfrom-tag%3Db>",
        "<sip:" + "a" * 4000 + "@b.example>",
        "mailto",
    ],
)
def test_what_names_no_one_target_is_refused(value: str) -> None:
    with pytest.raises(ReferError):
        parse_refer_to(value)


def test_replaces() -> None:
    read = parse_replaces("98732@sip.example ;from-tag=r33th4x0r;to-tag=ff87ff;early-only")
    assert read == Replaces("98732@sip.example", "ff87ff", "r33th4x0r", True)
    assert parse_replaces(str(read)) == read


@pytest.mark.parametrize(
    "value",
    ["a;to-tag=1", "a;from-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=1;to-tag=1;from-tag=2", "a;to-tag=1;from-tag=2,b"],
)
def test_a_replaces_without_its_tags_names_no_dialog(value: str) -> None:
    with pytest.raises(ReferError):
        parse_replaces(value)


def test_referred_by_loses_what_does_not_cross() -> None:
    assert parse_referred_by('"Bot" <sip:bot@agent.example>;cid="20398823.2UWQFN309shb3@x"') == (
        "Bot <sip:bot@agent.example>"
    )
    for value in ("<sip:bot@agent.example?X=1>", "<sip:bot@agent.example>, <sip:c@d>", "bot"):
        with pytest.raises(ReferError):
            parse_referred_by(value)


@pytest.mark.parametrize(
    ("value", "silent"), [(None, False), ("true", False), ("false", True), (" FALSE ;x=1", True), ("", False)]
)
def test_refer_sub(value: str | None, silent: bool) -> None:
    assert wants_no_subscription(value) is silent


def test_subscription_state() -> None:
    assert parse_subscription("Active ; expires=60") == ("active", 60, "")
    assert parse_subscription("terminated;reason=noresource") == ("terminated", None, "noresource")
    assert parse_subscription("active;expires=99999999999999") == ("active", None, "")
    with pytest.raises(ReferError):
        parse_subscription(";x")


def test_event() -> None:
    assert parse_event("refer;id=93809824") == ("refer", "93809824")
    assert parse_event("Refer") == ("refer", "")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"SIP/2.0 100 Trying", (100, "Trying")),
        (b"SIP/2.0 200 OK\r\nContact: <sip:x@y>\r\n\r\nv=0", (200, "OK")),
        (b"\r\nSIP/2.0 603", (603, "")),
        (b"INVITE sip:x@y SIP/2.0", None),
        (b"SIP/2.0 700 What", None),
        (b"", None),
    ],
)
def test_a_fragment_is_read_by_its_status_line(body: bytes, read: tuple[int, str] | None) -> None:
    assert read_sipfrag(body) == read


@given(st.integers(100, 699), st.text(max_size=40))
def test_our_fragment_is_one_status_line(status: int, words: str) -> None:
    body = sipfrag(status, words.encode("utf-8", "replace").decode())
    assert body.count(b"\r\n") == 1
    assert body.endswith(b"\r\n")
    read = read_sipfrag(body)
    assert read is not None
    assert read[0] == status


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_refer_to, parse_replaces, parse_referred_by, parse_subscription):
        try:
            read(text)
        except ReferError:
            continue


@given(st.dictionaries(st.text("abcX-", min_size=1, max_size=8), st.text(max_size=20), max_size=6))
def test_headers_come_back_as_they_were_written(headers: dict[str, str]) -> None:
    written = "&".join(
        [f"{name}={''.join(f'%{octet:02X}' for octet in value.encode())}" for name, value in headers.items()]
    )
    try:
        asked = parse_refer_to(f"<sip:h@pbx.example{'?' + written if written else ''}>")
    except ReferError:
        assert any(ord(c) < 32 or c == "\x7f" for value in headers.values() for c in value)
        return
    assert asked.uri == Uri("sip", "h", None, "pbx.example")
    assert dict(asked.headers) == headers
