"""Rows of digits."""

from __future__ import annotations

import pytest

from trunkline.call.b2bua.digits import MOST, Digits, sendable


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("0", True),
        ("12#*ABCD", True),
        ("", False),
        ("1E", False),
        ("a", False),
        ("1" * (MOST + 1), False),
        ("1\n", False),
    ],
)
def test_what_can_be_sent(text: str, good: bool) -> None:
    assert sendable(text) is good


def test_one_after_the_other() -> None:
    row = Digits("leg", "1#")
    assert row.next() == b"Signal=1\r\nDuration=160\r\n"
    assert row.next() == b"", "one flies"
    row.answered(200, "OK")
    assert row.next() == b"Signal=#\r\nDuration=160\r\n"
    row.answered(200, "OK")
    assert row.sent == (2, 200, "OK")
    assert row.next() == b""


def test_a_refused_digit_ends_the_row() -> None:
    row = Digits("leg", "123", 80)
    row.next()
    row.answered(200, "OK")
    row.next()
    row.answered(415, "Unsupported Media Type")
    assert row.sent == (1, 415, "Unsupported Media Type")
