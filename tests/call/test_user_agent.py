"""What every leg stands on: how an end of a flow is named, and the tables."""

from __future__ import annotations

import pytest

from trunkline.call.leg.user_agent import UserAgent
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens

HERE = ("10.0.0.5", 5060)
UDP = Flow("udp", HERE, ("192.0.2.1", 5060))


def agent(**advertised: tuple[str, int]) -> UserAgent:
    named = {(transport, HERE): address for transport, address in advertised.items()}
    return UserAgent(Tokens("w0", b"s"), Timing(), named)


@pytest.mark.parametrize(
    ("transport", "contact"),
    [
        ("udp", "<sip:u@10.0.0.5:5060>"),
        ("tcp", "<sip:u@10.0.0.5:5060;transport=tcp>"),
        ("tls", "<sip:u@10.0.0.5:5060;transport=tls>"),
    ],
)
def test_the_contact_names_its_transport_once(transport: Transport, contact: str) -> None:
    assert agent().contact(UDP._replace(transport=transport), "u") == f"Contact: {contact}\r\n"


def test_what_is_advertised_stands_for_what_is_bound() -> None:
    ua = agent(udp=("203.0.113.7", 5070))
    assert ua.sent_by(UDP) == "203.0.113.7:5070"
    assert ua.origin(UDP) == "203.0.113.7"
    assert ua.sent_by(UDP._replace(transport="tcp")) == "10.0.0.5:5060"


def test_an_origin_is_a_literal_address() -> None:
    ua = agent(udp=("sip.example", 5060))
    assert ua.sent_by(UDP) == "sip.example:5060"
    assert ua.origin(UDP) == "10.0.0.5"


def test_an_ipv6_address_is_bracketed() -> None:
    flow = Flow("udp", ("2001:db8::5", 5060), ("2001:db8::1", 5060))
    assert agent().contact(flow, "u") == "Contact: <sip:u@[2001:db8::5]:5060>\r\n"
    assert agent().origin(flow) == "2001:db8::5"


def test_dialogs_are_known_and_forgotten() -> None:
    ua = agent()
    dialog = Dialog("c", "", "1", "", "2", "", (), UDP, 1, None)
    ua.know(dialog, "leg")
    assert ua.dialogs == {("c", "1", "2"): "leg"}
    assert ua.counts()["dialogs"] == 1
    ua.forget([dialog.key, ("x", "y", "z")])
    assert not any(ua.counts().values())
