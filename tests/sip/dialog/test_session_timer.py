"""Session timers (RFC 4028): who refreshes, how often, and what is too short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.dialog.session_timer import LEAST, NOTHING, Said, SessionTimer, said
from trunkline.sip.message import Request, Response, parse


def message(start: str, *lines: str) -> Request | Response:
    head = [start, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2"]
    text = "\r\n".join([*head, "Call-ID: x", "CSeq: 1 INVITE", *lines, "", ""])
    parsed = parse(text.encode())
    assert isinstance(parsed, Request | Response)
    return parsed


def answer(*lines: str, status: int = 200) -> Response:
    parsed = message(f"SIP/2.0 {status} X", *lines)
    assert isinstance(parsed, Response)
    return parsed


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), NOTHING),
        (("Session-Expires: 1800",), Said(1800)),
        (("x: 600 ;Refresher=UAS;a=b", "Supported: 100rel, Timer"), Said(600, "uas", 0, True)),
        (("Min-SE: 120;x", "k: timer"), Said(0, "", 120, True)),
        (("Session-Expires: soon", "Min-SE: -3"), Said()),
        (("Session-Expires: 99999999999",), Said()),
        (("Supported: timers",), Said()),
    ],
)
def test_what_a_message_says(lines: tuple[str, ...], expected: Said) -> None:
    assert said(message("INVITE sip:a@b SIP/2.0", *lines)) == expected


@pytest.mark.parametrize(
    ("asked", "line", "ours"),
    [
        (Said(), "Session-Expires: 1800;refresher=uas\r\n", True),
        (Said(knows=True), "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n", False),
        (Said(600, knows=True), "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", False),
        (Said(600, "uas", knows=True), "Session-Expires: 600;refresher=uas\r\nRequire: timer\r\n", True),
        (Said(600, "uac", knows=True), "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", False),
        (Said(600), "Session-Expires: 600;refresher=uas\r\n", True),
        (Said(7200, knows=True), "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n", False),
        (Said(7200, least=3600, knows=True), "Session-Expires: 3600;refresher=uac\r\nRequire: timer\r\n", False),
        (Said(least=3600), "Session-Expires: 3600;refresher=uas\r\n", True),
        (Said(3), "Session-Expires: 1800;refresher=uas\r\n", True),
    ],
)
def test_what_a_2xx_agrees_to(asked: Said, line: str, ours: bool) -> None:
    """§9, table 2."""
    timer = SessionTimer(1800, 90)
    assert timer.accept(asked, 0.0) == line
    assert timer.ours is ours


def test_without_a_wish_only_what_is_asked_for_is_agreed() -> None:
    timer = SessionTimer(0, 90)
    assert timer.lines == timer.accept(Said(knows=True), 0.0) == ""
    assert timer.due is None
    asked = SessionTimer(0, 90)
    assert asked.accept(Said(600, "uas", knows=True), 0.0) != ""
    assert asked.due == 300.0
    assert asked.accept(Said(), 5.0) == ""
    assert asked.interval == 0, "the peer wants none any more"


def test_too_short_is_told_to_who_understands_it() -> None:
    timer = SessionTimer(1800, 120)
    assert timer.too_short(Said(119, knows=True))
    assert not timer.too_short(Said(119))
    assert not timer.too_short(Said(120, knows=True))
    assert not timer.too_short(Said(knows=True))
    assert timer.minimum == "Min-SE: 120\r\n"


def test_a_422_is_met_once_with_more() -> None:
    timer = SessionTimer(1800, 90)
    assert timer.lines == "Session-Expires: 1800\r\n"
    assert not timer.refused(answer(status=422)), "it does not say what it wants"
    assert not timer.refused(answer("Min-SE: 1800", status=422)), "that is what it was offered"
    assert timer.refused(answer("Min-SE: 3600", status=422))
    assert timer.lines == "Session-Expires: 3600\r\nMin-SE: 3600\r\n"
    assert not timer.refused(answer("Min-SE: 3600", status=422))


@pytest.mark.parametrize(
    ("lines", "interval", "ours"),
    [
        (("Session-Expires: 600;refresher=uac",), 600, True),
        (("Session-Expires: 600;refresher=uas",), 600, False),
        (("Session-Expires: 600",), 600, True),
        (("Session-Expires: 10;refresher=uac",), LEAST, True),
        ((), 1800, True),
    ],
)
def test_what_a_2xx_tells_us(lines: tuple[str, ...], interval: int, ours: bool) -> None:
    timer = SessionTimer(1800, 90)
    timer.agreed(answer(*lines), 0.0)
    assert (timer.interval, timer.ours) == (interval, ours)


def test_who_waits_gives_up_before_the_end() -> None:
    """§10: 32 seconds before, or a third of the interval."""
    timer = SessionTimer(1800, 90)
    timer.accept(Said(1800, "uac", knows=True), 0.0)
    assert timer.due == 1768.0
    assert timer.expire(1767.9) == "early"
    assert timer.expire(1768.0) == "expired"
    timer.accept(Said(90, "uac", knows=True), 0.0)
    assert timer.due == 60.0


def test_who_refreshes_has_until_the_end() -> None:
    timer = SessionTimer(1800, 90)
    timer.accept(Said(600, "uas", knows=True), 0.0)
    assert timer.expire(300.0) == "refresh"
    assert timer.due == 600.0
    timer.again()
    assert timer.expire(301.0) == "refresh"
    assert timer.expire(600.0) == "expired"


@given(
    st.integers(0, 86400),
    st.integers(0, 4000),
    st.lists(
        st.builds(Said, st.integers(0, 10**10), st.sampled_from(["", "uac", "uas", "x"]), st.integers(0, 9999),
                  st.booleans()),
        max_size=6,
    ),
)  # fmt: skip
def test_whatever_is_agreed_lets_both_sides_live(wish: int, least: int, asked: list[Said]) -> None:
    timer = SessionTimer(wish, least)
    now = 0.0
    for each in asked:
        line = timer.accept(each, now)
        assert bool(line) == (timer.due is not None)
        if line:
            assert timer.interval >= timer.least >= LEAST
            assert timer.due is not None
            assert now + 45 <= timer.due <= timer.end <= now + timer.interval
        now += 7.0
