from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.grammar import (
    GrammarError,
    bracketed,
    escape,
    format_params,
    is_ipv6,
    is_token,
    next_comma,
    param,
    parse_params,
    quote,
    quoted_end,
    same_host,
    split_commas,
    unescape,
    unquote,
)

TEXT = st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\r\n"), max_size=60)
DELIMITERS = st.text(alphabet='",;<>=\\() \ta%4', max_size=80)


@pytest.mark.parametrize("text", ["INVITE", "!interesting-Method0123456789_*+`.%indeed'~", "x"])
def test_tokens(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a,b", "é", "a\n", '"a"', "a;b", "a@b"])
def test_no_tokens(text: str) -> None:
    assert not is_token(text)


@given(TEXT)
def test_quoting_is_undone(text: str) -> None:
    quoted = quote(text)
    assert quoted_end(quoted) == len(quoted)
    assert unquote(quoted) == text


def test_what_is_not_quoted_is_left() -> None:
    assert unquote("token") == "token"
    assert unquote('"') == '"'
    assert quoted_end('"open') == -1
    assert quoted_end('"open\\"') == -1
    assert quoted_end('x"a"', 1) == 4
    assert quoted_end('"a\nb"') == -1


def test_a_quoted_string_holds_no_line_end_and_no_bare_control() -> None:
    assert quote("a\r\nb\0\x7f") == '"a  b\\\0\\\x7f"'
    assert unquote('"NUL:\\\0"') == "NUL:\0"


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        (" a , b,c ", ["a", "b", "c"]),
        ('"a,b" <sip:x@y>, <sip:u,v@w>;q=1', ['"a,b" <sip:x@y>', "<sip:u,v@w>;q=1"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        ('a, "open, b', ["a", '"open, b']),
        ("a, <open, b", ["a", "<open, b"]),
        ('<a">, b', ['<a">', "b"]),
    ],
)
def test_lists(value: str, elements: list[str]) -> None:
    assert split_commas(value) == elements


@given(DELIMITERS)
def test_splitting_takes_nothing_but_separators(value: str) -> None:
    elements = split_commas(value)
    assert all(element == element.strip(" \t") and element for element in elements)
    kept = [character for character in value if character not in ", \t"]
    assert [character for element in elements for character in element if character not in ", \t"] == kept


@given(DELIMITERS)
def test_the_next_comma_is_where_the_list_is_split(value: str) -> None:
    comma = next_comma(value)
    if comma < 0:
        assert split_commas(value) == [element for element in [value.strip(" \t")] if element]
    else:
        assert split_commas(value) == split_commas(value[:comma]) + split_commas(value[comma + 1 :])


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", ()),
        (";a", (("a", None),)),
        (";A=B;c=", (("a", "B"), ("c", ""))),
        ("  ;   tag    = 1918181833n", (("tag", "1918181833n"),)),
        (';x="a;b\\"c";y', (("x", '"a;b\\"c"'), ("y", None))),
        (";received=[2001:db8::1];i=<", None),
        (";;", None),
        (";a=b;", None),
        (";=b", None),
        (";a=b c", None),
        (';a="open', None),
        (';a="b"c', None),
        (";a,b", None),
        (';a="b\nc"', None),
        (';a="b\\\rc"', None),
        ("a", None),
    ],
)
def test_parameters(text: str, params: tuple[tuple[str, str | None], ...] | None) -> None:
    if params is None:
        with pytest.raises(GrammarError):
            parse_params(text)
    else:
        assert parse_params(text) == params


@given(DELIMITERS)
def test_parameters_survive_being_written(text: str) -> None:
    try:
        params = parse_params(text)
    except GrammarError:
        return
    assert parse_params(format_params(params)) == params


def test_a_parameter_is_looked_up_unquoted() -> None:
    params = parse_params(';a="x\\"y";b;c=d;a=second')
    assert param(params, "a") == 'x"y'
    assert param(params, "b") == ""
    assert param(params, "c") == "d"
    assert param(params, "e") is None


def test_unescaping_happens_once() -> None:
    assert unescape("v%61lue%25%34%31") == "value%41"
    assert unescape("%00%00") == "\0\0"
    assert unescape("%Z%4") == "%Z%4"
    assert unescape("%C3%A9") == "é"
    assert unescape("%FF").encode("utf-8", "surrogateescape") == b"\xff"


@given(TEXT)
def test_escaping_is_undone(text: str) -> None:
    escaped = escape(text, "+")
    assert escaped.isascii()
    assert unescape(escaped) == text


def test_escaping_leaves_what_is_safe() -> None:
    assert escape("+1202;x", "+") == "+1202%3Bx"
    assert escape("abc123", "") == "abc123"


def test_hosts_are_compared_by_meaning() -> None:
    assert same_host("Example.COM", "example.com")
    assert same_host("2001:db8::1", "2001:0DB8:0:0:0:0:0:1")
    assert not same_host("2001:db8::1", "2001:db8::2")
    assert not same_host("2001:zz8::1", "2001:zz8::2")
    assert not same_host("a", "b")
    assert not is_ipv6("1" * 100)
    assert not is_ipv6("fe80::1%1")
    assert bracketed("::1") == "[::1]"
    assert bracketed("a") == "a"
