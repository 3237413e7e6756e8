"""What is hidden in traces and logs, and what stays because people need it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.telemetry.hide import HIDDEN, of_log, of_message

SECRET = "hunter2s3cret"


def message(*lines: str) -> bytes:
    return "\r\n".join(["INVITE sip:+12025550100@192.0.2.1 SIP/2.0", *lines, "", "v=0", ""]).encode()


@pytest.mark.parametrize(
    "line",
    [
        f'Authorization: Digest username="a", realm="r", nonce="n", uri="sip:x", response="{SECRET}"',
        f'proxy-authorization:Digest username="a",cnonce="{SECRET}",response={SECRET},qop=auth',
        f'AUTHORIZATION : DIGEST username="a", response = "{SECRET}',
        f'Authorization: Digest username="a",\r\n response="{SECRET}"',
        f'Authorization: Digest username="a", response=\r\n\t"{SECRET}"',
        f'Authorization:\r\n Digest response="{SECRET}"',
        f'Authentication-Info: rspauth="{SECRET}"',
        f"Authorization: Bearer {SECRET}",
        f"Authorization: Bearer\u2028{SECRET}",
        f"Proxy-Authorization: Basic {SECRET}",
        f"X-PIN: {SECRET}",
        f"X-Inbound_Pin: {SECRET}",
        f"pin : {SECRET}\r\n  {SECRET}",
        f"X-Api-Key: {SECRET}",
        f"X-Auth-Token: {SECRET}",
        f"X-Webhook-Secret:{SECRET}",
        f"X-Password: {SECRET}",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}|2^20|1:32",
        f"a=ice-pwd:{SECRET}",
        f"a=key-mgmt:mikey {SECRET}",
        f"k=base64:{SECRET}",
        f"Signal={SECRET}",
        f"Signal= {SECRET}\r\nDuration=160",
        f"Contact: <sip:alice:{SECRET}@192.0.2.1>",
        f"Contact: <sip:alice@192.0.2.1;pin={SECRET}>",
        f"Refer-To: <sip:alice@192.0.2.1?token={SECRET}&x=1>",
    ],
)
def test_hidden_in_messages(line: str) -> None:
    shown = of_message(message(line, "Max-Forwards: 70"))
    assert SECRET not in shown
    assert HIDDEN in shown
    assert "\r\nMax-Forwards: 70\r\n\r\nv=0\r\n" in shown


@pytest.mark.parametrize(
    "line",
    [
        'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"',
        "X-Mapping: pinned",
        "Shipping: x",
        "Call-ID: token@host",
        "a=fmtp:101 0-15",
        "a=ice-ufrag:abcd",
        "Contact: <sip:alice@192.0.2.1:5060;transport=tcp>",
        'From: "Müller" <sip:+49@192.0.2.1>;tag=1',
        "Subject: a\r\n folded line",
        "X: lone\rreturn",
    ],
)
def test_left_as_it_is(line: str) -> None:
    data = message(line)
    assert of_message(data) == data.decode()


def test_who_looks_for_a_wrong_password_sees_the_rest() -> None:
    line = (
        f'Authorization: Digest username="alice", realm="edge", nonce="abc", uri="sip:x", response="{SECRET}", qop=auth'
    )
    assert line.replace(SECRET, HIDDEN) in of_message(message(line))


def test_bytes_that_are_no_text() -> None:
    assert of_message(b"INVITE \xff\r\n\r\n") == "INVITE \\xff\r\n\r\n"


@given(st.binary(max_size=300))
def test_anything_is_shown(data: bytes) -> None:
    assert of_message(data).count("\n") == data.count(b"\n")


@pytest.mark.parametrize(
    "hostile",
    ["sip:" * 16000, "token" * 13000, "X-" + "a-" * 32000, "password=" * 7000,
     "Authorization: Digest " + "response=" * 7000, "://" * 21000, " \t" * 32000 + ":", "a_live_" * 9000],
)  # fmt: skip
def test_hostile_text_costs_little(hostile: str) -> None:
    begun = time.process_time()
    of_message(hostile.encode())
    of_log(hostile)
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize(
    "text",
    [
        f"bad header Authorization: Digest response={SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"got bearer {SECRET}",
        f'{{"password": "{SECRET}", "x": 1}}',
        f"password={SECRET}&x=1",
        f'password="{SECRET}',
        f"inbound_pin: {SECRET}",
        f"X-API-Key: {SECRET}",
        "trunkline_live_" + SECRET,
        "acme_test_" + SECRET,
        f"postgresql://user:{SECRET}@host/db",
        f"sip:alice:{SECRET}@host",
    ],
)
def test_hidden_in_logs(text: str) -> None:
    shown = of_log(f"before {text} after")
    assert SECRET not in shown
    assert shown.startswith("before ")


def test_a_log_line_without_secrets_is_left_alone() -> None:
    line = "call 01hx from +12025550100 to sip:agent@192.0.2.1:5060: completed, normal, 200, 12 s"
    assert of_log(line) == line


WORDS = [
    "Authorization",
    "Proxy-Authorization",
    "Bearer",
    "apiKey",
    "api-key",
    "api_key",
    "PASSWD",
    "passWord",
    "secret",
]
WORDS += ["x-token", "inbound_pin", "acme_live_", "a_TEST_", "http://user", "sips:user", "SIP:user"]


@pytest.mark.parametrize("word", WORDS)
def test_what_looks_harmless_at_a_glance_is(word: str) -> None:
    """A line of other letters than ASCII's meets every pattern; one of ASCII is glanced at before."""
    texts = [
        f"a {word}{between}{SECRET}{after}" for between in ("", " ", ":", "=", ": '") for after in ("", "@host", "'")
    ]
    full = [of_log(f"{text}\né").removesuffix("\né") for text in texts]
    assert [of_log(text) for text in texts] == full
    assert any(HIDDEN in text for text in full)
