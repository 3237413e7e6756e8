"""Over which flow a dialog's requests go."""

from __future__ import annotations

import pytest

from trunkline.call.leg.route import behind_nat, private, settled
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, parse

PUBLIC = Flow("udp", ("203.0.113.5", 5060), ("8.8.8.8", 40000))
LOCAL = Flow("udp", ("10.0.0.5", 5060), ("10.0.0.9", 5060))
TCP = Flow("tcp", ("203.0.113.5", 5060), ("8.8.8.8", 40000), "in:1")
V6 = Flow("udp", ("2001:db8::5", 5060), ("2a00:1450::9", 5060))


def dialog(target: str, *routes: str, flow: Flow = PUBLIC) -> Dialog:
    return Dialog("c", "<sip:a@b>;tag=1", "1", "<sip:c@d>;tag=2", "2", target, routes, flow, 1, None)


@pytest.mark.parametrize(
    ("flow", "target", "nat", "remote"),
    [
        (PUBLIC, "sip:a@8.8.4.4", False, ("8.8.4.4", 5060)),
        (PUBLIC, "sip:a@8.8.4.4:5099", False, ("8.8.4.4", 5099)),
        (PUBLIC, "sip:a@8.8.4.4;transport=udp", False, ("8.8.4.4", 5060)),
        (PUBLIC, "sip:a@8.8.4.4", True, PUBLIC.remote),
        (PUBLIC, "sip:a@10.0.0.9", False, PUBLIC.remote),
        (PUBLIC, "sips:a@8.8.4.4", True, PUBLIC.remote),
        (PUBLIC, "sips:a@10.0.0.9", False, PUBLIC.remote),
        (PUBLIC, "sip:a@8.8.8.8:40000", False, PUBLIC.remote),
        (PUBLIC, "sip:a@host;maddr=8.8.4.4", False, ("8.8.4.4", 5060)),
        (PUBLIC, "tel:+1", False, PUBLIC.remote),
        (PUBLIC, "nonsense", False, PUBLIC.remote),
        (PUBLIC, "", False, PUBLIC.remote),
        (LOCAL, "sip:a@10.0.0.77:5070", False, ("10.0.0.77", 5070)),
        (V6, "sip:a@[2a00:1450::77]", False, ("2a00:1450::77", 5060)),
    ],
)
def test_where_literal_addresses_lead(flow: Flow, target: str, nat: bool, remote: tuple[str, int]) -> None:
    assert settled(dialog(target), flow, nat) == flow._replace(remote=remote)


@pytest.mark.parametrize(
    "target",
    [
        "sip:a@host.example", "sip:a@8.8.4.4;transport=tcp", "sips:a@8.8.4.4", "sip:a@[2a00:1450::77]",
        "sip:a@8.8.8.8:40000;transport=tls",
    ],
)  # fmt: skip
def test_what_must_be_looked_up(target: str) -> None:
    assert settled(dialog(target), PUBLIC, False) is None


@pytest.mark.parametrize("target", ["sip:a@host.example", "sip:a@10.0.0.1;transport=udp", "nonsense"])
def test_a_connection_is_kept_whatever_the_contact_says(target: str) -> None:
    assert settled(dialog(target), TCP, False) is TCP


def test_the_first_route_comes_before_the_target() -> None:
    assert settled(dialog("sip:a@host.example", "<sip:8.8.4.4:5061;lr>"), PUBLIC, False) == PUBLIC._replace(
        remote=("8.8.4.4", 5061)
    )
    assert settled(dialog("sip:a@8.8.4.4", "<sip:proxy.example;lr>"), PUBLIC, False) is None


@pytest.mark.parametrize(
    ("via", "flow", "hidden"),
    [
        ("10.0.0.1", PUBLIC, True),
        ("8.8.8.8", PUBLIC, False),
        ("8.8.4.4", PUBLIC, False),
        ("host.example", PUBLIC, False),
        ("10.0.0.1", TCP, False),
        ("10.0.0.9", LOCAL, False),
    ],
)
def test_who_is_behind_nat(via: str, flow: Flow, hidden: bool) -> None:
    message = parse(
        f"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKx\r\nFrom: <sip:f@h>;tag=1\r\n"
        "To: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    )
    assert type(message) is Request
    assert behind_nat(message, flow) is hidden


def test_private_addresses() -> None:
    assert private("10.0.0.1") is private("fd00::1") is private("127.0.0.1") is True
    assert private("8.8.8.8") is False
    assert private("host.example") is None
