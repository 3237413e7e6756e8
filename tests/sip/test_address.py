from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.address import Address, AddressError, parse_address, tag_of
from trunkline.sip.uri import Uri, UriError

PIECES = st.lists(
    st.sampled_from(
        [
            '"',
            "\\",
            "<",
            ">",
            ";tag=",
            ";TAG =",
            "sip:a@b",
            ";tag",
            "=",
            ";",
            " ",
            "\t",
            ",",
            "x",
            "é",
            "*",
            '"A;tag=q"',
            "?",
        ]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<sip:a@b>", Address("", "sip:a@b")),
        ("sip:a@b", Address("", "sip:a@b")),
        ("*", Address("", "*")),
        ('"Bell, \\"A\\"" <sip:a@b;x=1>;tag=4', Address('Bell, "A"', "sip:a@b;x=1", (("tag", "4"),))),
        ('"Bell"<sip:a@b>', Address("Bell", "sip:a@b")),
        ("caller<sip:a@b>;tag=323", Address("caller", "sip:a@b", (("tag", "323"),))),
        ("A. Bell  <sip:a@b>", Address("A. Bell", "sip:a@b")),
        ("Zoë (work) <sip:a@b>", Address("Zoë (work)", "sip:a@b")),
        ("sip:a@b ;   tag    = 19n", Address("", "sip:a@b", (("tag", "19n"),))),
        ("sip:+1972@gw1;unknownparam", Address("", "sip:+1972@gw1", (("unknownparam", None),))),
        ("<sip:+1972@gw1;unknownparam>", Address("", "sip:+1972@gw1;unknownparam")),
        ('""unknown"" <sip:a@b>;tag=1', Address("unknown", "sip:a@b", (("tag", "1"),))),
        ('"a" x "<b>" <sip:a@b>', Address("ax <b>", "sip:a@b")),
        (
            'sip:a@b;+sip.instance="<urn:gsma:imei:35-1>";audio',
            Address("", "sip:a@b", (("+sip.instance", '"<urn:gsma:imei:35-1>"'), ("audio", None))),
        ),
        ("<http://www.example.com>;tag=3", Address("", "http://www.example.com", (("tag", "3"),))),
        ("isbn:2983792873", Address("", "isbn:2983792873")),
        ("<sip:a@b?x=y>", Address("", "sip:a@b?x=y")),
        ('<sip:a@b>;+sip.instance="<urn:uuid:1>"', Address("", "sip:a@b", (("+sip.instance", '"<urn:uuid:1>"'),))),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "x", '"Mr. J. User <sip:a@b>', "Bell, Alexander <sip:a@b>", "< sip:a@b >", "<sip:a b@c>", "<sip:a@b", "<>",
        "<sip:a@b>;;;;", "<sip:a@b> x", "sip:a@b?Route=c", "sip:a@b,c", '"a", x <sip:a@b>', '"a" "b <sip:a@b>',
        '"a" b;c <sip:a@b>', '"a"', '"a" sip:a@b',
        "<<sip:a@b>>",
        "<sip:a@b>,<sip:c@d>", 'a"b"<sip:a@b>', "sip:a@b;", "a\x00<sip:a@b>", "<*>", "* x",
    ],
)  # fmt: skip
def test_no_addresses(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


def test_what_it_says() -> None:
    address = parse_address('"A" <sip:a@b>;q=0.33;x="y z";flag')
    assert address.param("q") == "0.33"
    assert address.param("x") == "y z"
    assert address.param("flag") == ""
    assert address.tag is None
    assert address.parsed == Uri("sip", "a", None, "b")
    with pytest.raises(UriError):
        _ = parse_address("<sip:@>").parsed


def test_a_display_name_that_needs_quotes_gets_them() -> None:
    assert str(parse_address("Zoë <sip:a@b>")) == '"Zoë" <sip:a@b>'
    assert str(parse_address("token two <sip:a@b>")) == "token two <sip:a@b>"
    assert str(parse_address("*")) == "*"


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a@b>;tag=x", "x"),
        ("<sip:a@b>;x=1;tag=x;y", "x"),
        ("<sip:a;tag=no@b>", None),
        ("<sip:a;tag=no@b>;TAG=yes", "yes"),
        ("sip:a@b;tag=x", "x"),
        ("sip:a@b ;\ttag = x ; y", "x"),
        ("sip:a@b", None),
        ("<sip:a@b>;tagged=1", None),
        ('sip:a@b;tag=x;z="<s;tag=no>"', "x"),
        ('sip:a@b;z="<s>;tag=no"', None),
        ('""q;tag=no"" <sip:a@b>', None),
        ('""q"" "<;tag=no>" <sip:a@b>;tag=x', "x"),
        ("<sip:a@b>;tag=", None),
        ("<sip:a@b>;TAG = x;tag=y", "x"),
        ("sip:a@b;TAG =\\;tag=", "\\"),
        ("<sip:a@b>;tag;tag=x", None),
        ('"q;tag=no" <sip:a@b>;tag=x', "x"),
        ('"q;tag=no" <sip:a@b>', None),
        ('"q\\";tag=no" <sip:a;tag=no@b>;z="s;tag=no";tag=x', "x"),
        ('"open;tag=no <sip:a@b>', None),
        ('sip:a@b;z="q;tag=no";tag=x', "x"),
        ('<sip:a@b>;z="open', None),
        ('"a" <sip:a@b', None),
        ('"', None),
    ],
)
def test_tags(value: str, tag: str | None) -> None:
    assert tag_of(value) == tag


@given(PIECES | st.text(max_size=40))
def test_only_an_address_error_is_raised_and_the_quick_tag_agrees(text: str) -> None:
    quick = tag_of(text.strip(" \t"))
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(str(address)) == address
    assert quick == address.tag
