"""The leg that ends in this process: what it asks of the media room, and what it tells its call."""

from __future__ import annotations

import pytest

from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import Connected, Disconnected, Failed, Replied
from trunkline.call.outputs import CloseMedia, OpenMedia
from trunkline.sip.flow import Flow

FLOW = Flow("udp", ("192.0.2.5", 5060), ("192.0.2.1", 5060))
OFFER, ANSWER = b"v=0 offer", b"v=0 answer"


@pytest.fixture
def leg() -> EndpointLeg:
    return EndpointLeg("leg", "call", "echo", OFFER, FLOW, ("PCMU",))


@pytest.fixture
def connected(leg: EndpointLeg) -> EndpointLeg:
    leg.begin()
    leg.media_ready(ANSWER, "PCMU")
    return leg


def test_it_connects_when_its_media_is_open(leg: EndpointLeg) -> None:
    assert leg.begin() == [OpenMedia("leg", "echo", OFFER, FLOW, ("PCMU",))]
    assert leg.media_ready(ANSWER, "PCMU") == [Connected("leg", ANSWER, "application/sdp", "")]
    assert leg.codec == "PCMU"
    assert leg.media_ready(ANSWER, "") == [], "a word without a question"
    assert leg.codec == "PCMU"


def test_it_fails_when_media_does(leg: EndpointLeg) -> None:
    leg.begin()
    assert leg.media_failed(488, "no codec", '305 x "y"') == [
        Failed("leg", 488, "Not Acceptable Here", "media", "no codec", '305 x "y"')
    ]
    assert leg.gone
    assert leg.media_ready(ANSWER, "") == leg.media_failed(488, "", "") == leg.media_ended("") == []


def test_it_answers_changes_with_new_media(connected: EndpointLeg) -> None:
    for method in ("INVITE", "UPDATE"):
        asked = connected.ask("x1", method, OFFER, "application/sdp", (), 0.0)
        assert asked == [OpenMedia("leg", "echo", OFFER, FLOW, ("PCMU",))]
        assert connected.media_ready(ANSWER, "") == [Replied("leg", "x1", 200, "OK", ANSWER, "application/sdp")]
    assert connected.ask("x2", "INVITE", b"", "", (), 0.0) == [OpenMedia("leg", "echo", None, FLOW, ("PCMU",))]
    assert connected.media_failed(503, "no port", "") == [Replied("leg", "x2", 503, "Service Unavailable", b"", "")]


@pytest.mark.parametrize("method", ["INFO", "UPDATE"])
def test_what_changes_nothing_is_agreed_to(connected: EndpointLeg, method: str) -> None:
    assert connected.ask("x", method, b"", "", (), 0.0) == [Replied("leg", "x", 200, "OK", b"", "")]


def test_the_callers_answer_to_our_offer(connected: EndpointLeg) -> None:
    assert connected.acknowledge(ANSWER, 0.0) == [OpenMedia("leg", "echo", None, FLOW, ("PCMU",), ANSWER)]
    assert connected.media_ready(b"", "PCMU") == []


def test_an_answer_that_does_not_fit_ends_the_call(connected: EndpointLeg) -> None:
    connected.acknowledge(ANSWER, 0.0)
    (told,) = connected.media_failed(488, "no codec", "")
    assert isinstance(told, Disconnected)
    assert told.cause == "media"


def test_it_hangs_up_when_its_agent_does(connected: EndpointLeg) -> None:
    (told,) = connected.media_ended("silent")
    assert told == Disconnected("leg", "media-ended", 'Q.850;cause=16;text="silent"')


def test_once_gone_it_says_nothing(connected: EndpointLeg) -> None:
    assert connected.disconnect("", 0.0) == []
    assert connected.gone
    assert connected.ask("x", "INVITE", OFFER, "", (), 0.0) == connected.acknowledge(ANSWER, 0.0) == []
    assert connected.close() == [CloseMedia("leg")]
