"""What is taken out of a message before anybody sees it, and that the rest stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.control.hide import hide


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('Authorization: Digest username="u", response="5ecret", uri="sip:x"\r\n', "5ecret"),
        ("Authorization: Digest response=5ecret, qop=auth\r\n", "5ecret"),
        ('proxy-authorization : Digest realm="r",\r\n response = "5ecret"\r\n', "5ecret"),
        ('Proxy-Authorization: Digest cnonce="5ecret"\r\n', "5ecret"),
        ("Authorization: Basic 5ecret=\r\n", "5ecret"),
        ("Authorization: Bearer\r\n 5ecret\r\n", "5ecret"),
        ("Authorization: 5ecret\r\n", "5ecret"),
        ('Authentication-Info: rspauth="5ecret"\r\n', "5ecret"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ecret|2^20|1:32\r\n", "5ecret"),
        ("a=key-mgmt:mikey 5ecret\r\n", "5ecret"),
        ("k=base64:5ecret\r\n", "5ecret"),
        ("a=ice-pwd:5ecret\r\n", "5ecret"),
        ("To: <sip:alice:5ecret@example.com>\r\n", "5ecret"),
    ],
)
def test_credentials_are_hidden(text: str, secret: str) -> None:
    message = f"INVITE sip:a@b SIP/2.0\r\n{text}Max-Forwards: 70\r\n\r\n"
    shown = hide(message)
    assert secret not in shown
    assert shown.startswith("INVITE sip:a@b SIP/2.0\r\n")
    assert shown.endswith("Max-Forwards: 70\r\n\r\n")


def test_what_is_no_credential_stays() -> None:
    message = (
        "INVITE sip:+12125551234@192.0.2.1:5060;transport=tcp SIP/2.0\r\n"
        "Via: SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bK1\r\n"
        "From: <sip:alice@example.com:5070>;tag=1\r\n"
        'WWW-Authenticate: Digest realm="r", nonce="n", opaque="o"\r\n'
        "Contact: <sip:192.0.2.7:5060;ob>\r\n\r\nv=0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    assert hide(message) == message


def test_what_tells_a_digest_apart_stays() -> None:
    shown = hide('Authorization: Digest username="u", realm="r", nonce="n", response="5ecret", algorithm=MD5\r\n')
    assert shown == 'Authorization: Digest username="u", realm="r", nonce="n", response="[hidden]", algorithm=MD5\r\n'


@given(st.text(st.sampled_from('Authorization: Digest response="x",\r\n sip:a@:k=inline'), max_size=400))
def test_any_text_is_taken(text: str) -> None:
    assert hide(hide(text)) == hide(text)


def test_a_hostile_message_costs_linear_time() -> None:
    for hostile in (
        "Authorization: " + " " * 60_000,
        "sip:" * 20_000,
        "sip:a:" * 15_000,
        "response=" * 8_000,
        "\r\n " * 20_000,
    ):
        began = time.perf_counter()
        hide(hostile)
        assert time.perf_counter() - began < 2.0
