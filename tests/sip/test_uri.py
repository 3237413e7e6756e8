from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.uri import Uri, UriError, parse_uri, party, same, sip_uri

ANY = st.text(st.characters(max_codepoint=0x2FF), max_size=60)
NEAR = st.builds(
    "{}{}{}".format,
    st.sampled_from(["sip:", "sips:", "tel:", "SIP:", "x:"]),
    st.text("abc@:;?=&%41[]<>\" .+-\\", max_size=30),
    st.sampled_from(["", "@h", "@[::1]:5", ";lr"]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (
            "sip:+12025550100@10.0.0.1:5060;transport=tcp",
            Uri("sip", "+12025550100", None, "10.0.0.1", 5060, (("transport", "tcp"),)),
        ),
        ("sips:example.com", Uri("sips", None, None, "example.com")),
        ("sip:a:secret@b", Uri("sip", "a", "secret", "b")),
        ("sip:@192.0.2.1", Uri("sip", "", None, "192.0.2.1")),
        ("sip:*72#1@b", Uri("sip", "*72#1", None, "b")),
        ("sip:é@b", Uri("sip", "é", None, "b")),
        ("sip:user;par=u%40example.net@example.com", Uri("sip", "user;par=u%40example.net", None, "example.com")),
        ("sip:a@[2001:db8::10]:5070;lr", Uri("sip", "a", None, "2001:db8::10", 5070, (("lr", None),))),
        ("sip:user@[2001:db8:::192.0.2.1]", Uri("sip", "user", None, "2001:db8::192.0.2.1")),
        ("sip:[2001:db8::10:5070]", Uri("sip", None, None, "2001:db8::10:5070")),
        ("sip:b?Route=%3Csip:c%3E&x=y", Uri("sip", None, None, "b", headers="Route=%3Csip:c%3E&x=y")),
        ("sip:sips%3Auser%40example.com@example.net", Uri("sip", "sips%3Auser%40example.com", None, "example.net")),
        (
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
            Uri(
                "sip",
                "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
                "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
                "example.com",
            ),
        ),
        ("tel:+1-201-555-0123;phone-context=+1", Uri("tel", "+1-201-555-0123", params=(("phone-context", "+1"),))),
        ("tel:*31%2312", Uri("tel", "*31%2312")),
        ("soap.beep://192.0.2.103:3002", Uri("soap.beep", rest="//192.0.2.103:3002")),
        ("urn:service:sos", Uri("urn", rest="service:sos")),
    ],
)
def test_uris(text: str, uri: Uri) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "", "sip", "sip:", "sips:@", "sip:a b@c", "sip:a@b; lr", "<sip:a@b>", "sip:a@b@c", "sip:%zz@h", "sip:a@h;x=%4",
        "sip:a@2001:db8::10", "sip:[::g]", "sip:[1:::2]", "sip:[1::::192.0.2.1]",
        "sip:a@h:65536", "sip:a@h:", "sip:a@h:x", "sip:a@h;=x", "sip:a@h?<",
        "sip:a@h\n",
        "tel:", "tel:+1 202", "tel:sales", "1x:y", ":y", "x:", "x:a b", "sip:a@[::1]x", "sip:a\x00@h", 'sip:a"@h',
    ],
)  # fmt: skip
def test_no_uris(text: str) -> None:
    with pytest.raises(UriError):
        parse_uri(text)


@given(ANY | NEAR)
def test_only_a_uri_error_is_raised_and_what_parses_survives_writing(text: str) -> None:
    try:
        uri = parse_uri(text)
    except UriError:
        return
    assert parse_uri(str(uri)) == uri
    assert same(uri, uri)


def test_a_long_uri_parses_and_is_not_remembered() -> None:
    text = "sip:" + "a" * 5000 + "@example.com"
    assert parse_uri(text) is not parse_uri(text)
    assert parse_uri("sip:a@example.com") is parse_uri("sip:a@example.com")


def test_parameters() -> None:
    uri = parse_uri("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31;Transport=TCP;maddr=1.2.3.4;;x=")
    assert uri.unescaped_user == "caller"
    assert uri.loose
    assert uri.server == "1.2.3.4"
    assert uri.param("name") == "value%41"
    assert uri.transport == "tcp"
    assert uri.param("maddr") == "1.2.3.4"
    assert uri.param("x") == ""
    assert uri.param("ttl") is None
    assert parse_uri("sip:a").transport is None
    assert not parse_uri("sip:a").loose


def test_the_users_own_parameters() -> None:
    uri = parse_uri("sip:+12025550100;NPDI;rn=%2B1202@h;user=phone")
    assert uri.subscriber == "+12025550100"
    assert uri.user_param("npdi") == ""
    assert uri.user_param("rn") == "+1202"
    assert uri.user_param("user") is None
    assert parse_uri("tel:+1202;rn=5").user_param("rn") == "5"
    assert parse_uri("tel:+1-202").subscriber == "+1-202"
    assert parse_uri("sip:h").subscriber == ""
    assert parse_uri("sip:h").user_param("rn") is None
    assert parse_uri("sip:h").unescaped_user is None


def test_a_uri_of_ours_escapes_its_user() -> None:
    assert str(sip_uri("::1", "a b@c", 5060, (("lr", None),))) == "sip:a%20b%40c@[::1]:5060;lr"
    assert str(sip_uri("h", scheme="sips")) == "sips:h"


# The pairs of RFC 3261 §19.1.4, and RFC 3966 §4 for tel.
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("tel:+1-201-555-0123", "tel:+1.201.555.0123"),
        ("TEL:+1201", "tel:+1201"),
        ("urn:x", "URN:x"),
    ],
)
def test_equal(a: str, b: str) -> None:
    assert same(parse_uri(a), parse_uri(b))
    assert same(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("sip:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com:6000", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b;x=1", "sip:a@b;x=2"),
        ("sip:a@b", "sips:a@b"),
        ("sip:%00@h", "sip:%00%00@h"),
        ("sip:a%3Bb@h", "sip:a;b@h"),
        ("tel:+1201", "tel:+1202"),
        ("tel:+1201;ext=1", "tel:+1201"),
        ("urn:x", "urn:y"),
    ],
)
def test_not_equal(a: str, b: str) -> None:
    assert not same(parse_uri(a), parse_uri(b))
    assert not same(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sip:bot@192.0.2.9:5060", "sip:bot@192.0.2.9"),
        ("sip:bot@example.com", "sip:bot@example.com"),
        ("sips:example.com:5061;transport=tcp", "sips:example.com"),
        ("sip:a;b:c@[2001:db8::1]:5070;user=phone;Transport=tls;ob;lr", "sip:a;b:c@[2001:db8::1];user=phone;ob"),
        ("SIP:a?b@h;maddr=192.0.2.1;ttl=3;method=INVITE?Subject=x", "SIP:a?b@h"),
        ("tel:+12025550100;phone-context=+1", "tel:+12025550100;phone-context=+1"),
    ],
)
def test_a_party_is_named_without_the_way_to_it(text: str, named: str) -> None:
    assert party(text) == named
    parse_uri(named)


@given(NEAR)
def test_a_party_of_any_uri_is_one(text: str) -> None:
    try:
        uri = parse_uri(text)
    except UriError:
        party(text)
        return
    if uri.scheme in ("sip", "sips"):
        named = parse_uri(party(text))
        assert (named.user, named.host, named.port, named.headers) == (uri.user, uri.host, None, None)
