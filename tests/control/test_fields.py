"""Single values: what is taken, in which canonical form, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.control import fields
from trunkline.control.errors import Invalid

TAKEN: list[tuple[Any, Any, Any]] = [
    (fields.host, "SIP.Example.com", "sip.example.com"),
    (fields.host, "192.0.2.1", "192.0.2.1"),
    (fields.host, "[2001:DB8::1]", "2001:db8::1"),
    (fields.host, "_sip.example.com.", "_sip.example.com."),
    (fields.port, 65535, 65535),
    (fields.transport, "TLS", "tls"),
    (fields.networks, ("192.0.2.7/24", "192.0.2.0/24", " ::1 "), ("192.0.2.0/24", "::1/128")),
    (fields.codecs, ("pcma", "PCMA", "g722"), ("PCMA", "G722")),
    (fields.media_encryption, "Allowed", "allow"),
    (fields.country, "us", "US"),
    (fields.language, "zh-Hant-TW", "zh-Hant-TW"),
    (fields.sip_uri, "sips:bot@[2001:db8::1]:5061;transport=tcp", "sips:bot@[2001:db8::1]:5061;transport=tcp"),
    (fields.web_uri, "wss://bots.example.com/a?b=c", "wss://bots.example.com/a?b=c"),
    (fields.pin, "0123", "0123"),
    (fields.metadata, {"caller_id": "{{from}}"}, {"caller_id": "{{from}}"}),
    (fields.name, "  Größe 1 ", "Größe 1"),
]

REFUSED: list[tuple[Any, Any]] = [
    (fields.host, ""),
    (fields.host, "sip:example.com"),
    (fields.host, "example.com:5060"),
    (fields.host, "1.2.3.400"),
    (fields.host, "-a.example"),
    (fields.host, "a..b"),
    (fields.host, "a." * 130),
    (fields.port, 0),
    (fields.port, 65536),
    (fields.transport, "udp\n"),
    (fields.networks, ("10.0.0.0/33",)),
    (fields.networks, tuple(f"10.0.{n // 256}.{n % 256}" for n in range(257))),
    (fields.codecs, ("opus",)),
    (fields.media_encryption, "maybe"),
    (fields.country, "USA"),
    (fields.country, "us\n"),
    (fields.language, "en_US"),
    (fields.sip_uri, "tel:+12125551234"),
    (fields.sip_uri, "sip:a:secret@example.com"),
    (fields.sip_uri, "sip:a@example.com?Replaces=x"),
    (fields.sip_uri, "sip:" + "a" * 500 + "@b"),
    (fields.web_uri, "ftp://example.com"),
    (fields.web_uri, "https://"),
    (fields.pin, "123"),
    (fields.pin, "12345678901"),
    (fields.pin, "١٢٣٤"),
    (fields.metadata, {"a b": "c"}),
    (fields.metadata, {"a": "b\r\nc"}),
    (fields.metadata, {f"a{n}": "" for n in range(51)}),
    (fields.name, " "),
    (fields.name, "x" * 101),
    (fields.phone_number, "+12125551234\n"),
]


@pytest.mark.parametrize(("check", "given_", "expected"), TAKEN)
def test_taken(check: Any, given_: Any, expected: Any) -> None:
    assert check(given_) == expected
    assert check(expected) == expected


@pytest.mark.parametrize(("check", "given_"), REFUSED)
def test_refused(check: Any, given_: Any) -> None:
    with pytest.raises(Invalid):
        check(given_)


def test_a_pin_is_not_echoed() -> None:
    with pytest.raises(Invalid) as refused:
        fields.pin("12x4")
    assert refused.value.provided is None
    assert "12x4" not in refused.value.message


@given(
    st.sampled_from([fields.host, fields.sip_uri, fields.name, fields.language, fields.web_uri]), st.text(max_size=60)
)
def test_nothing_taken_could_end_a_line(check: Any, text: str) -> None:
    try:
        taken = check(text)
    except Invalid:
        return
    assert not set(taken) & set("\r\n\0")
