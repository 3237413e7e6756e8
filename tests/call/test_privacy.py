"""Who the caller is, row by row of the table in docs/architecture.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.call import arrivals as a
from trunkline.call.b2bua.invitation import target
from trunkline.call.decision.parties import caller
from trunkline.call.decision.privacy import asserted, identity, withheld
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request, parse

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
NUMBER, SHOWN = "+14155550111", "+14155550199"
PAI = f"P-Asserted-Identity: <tel:{NUMBER}>"
RPID = f'Remote-Party-ID: "Bob" <sip:{NUMBER}@192.0.2.10>;party=calling;screen=yes'
DIVERSION = "Diversion: <sip:+442071234567@192.0.2.10>;reason=unconditional"


def request(*lines: str, sender: str = f"<sip:{SHOWN}@192.0.2.10>") -> Request:
    message = parse(
        (
            f"INVITE sip:{a.E164}@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: {sender};tag=1\r\n"
            "To: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" + "".join([f"{line}\r\n" for line in lines]) + "\r\n"
        ).encode("utf-8", "surrogateescape")
    )
    assert type(message) is Request
    return message


def crossed(message: Request, trusted: bool, agent: Trunk | None) -> tuple[str, list[str]]:
    """From, and what else the agent's INVITE says of the caller."""
    trunk = a.trunk(trust_identity=trusted)
    who = caller(message, trunk)
    said = identity(message) if trusted else ()
    sent = target("sip:agent@h", None, agent, None, who, "call_c", "Trunkline", (), said, {}, 69)
    return sent.caller, [line for line in sent.headers.split("\r\n") if line and not line.startswith("X-")]


def known(trusts: bool) -> Trunk:
    return a.trunk("agents", trust_identity=trusts)


FROM, ASSERTED = f"<sip:{SHOWN}@{{host}}>", f"<sip:{NUMBER}@{{host}}>"


@pytest.mark.parametrize(
    ("lines", "trusted", "sender", "to_trusted"),
    [
        ([PAI], True, ASSERTED, [PAI]),
        ([PAI], False, FROM, []),
        ([RPID], True, ASSERTED, [f'P-Asserted-Identity: "Bob" <sip:{NUMBER}@192.0.2.10>', RPID]),
        ([RPID], False, FROM, []),
        (
            [PAI, "Remote-Party-ID: <sip:+19995550000@x>;party=calling"],
            True,
            ASSERTED,
            [PAI, "Remote-Party-ID: <sip:+19995550000@x>;party=calling"],
        ),
        (
            ["Remote-Party-ID: <sip:+19995550000@x>;party=called"],
            True,
            FROM,
            ["Remote-Party-ID: <sip:+19995550000@x>;party=called"],
        ),
        ([PAI, "Privacy: id"], True, ANONYMOUS, [PAI, "Privacy: id"]),
        ([PAI, "Privacy: user;critical"], True, ANONYMOUS, [PAI, "Privacy: user;critical"]),
        (["Privacy: id"], False, ANONYMOUS, []),
        (["Privacy: Header ; session"], False, ANONYMOUS, []),
        ([PAI, "Privacy: none"], True, ASSERTED, [PAI, "Privacy: none"]),
        (["Privacy: session"], False, FROM, []),
        (
            [RPID + ";privacy=full"],
            True,
            ANONYMOUS,
            [f'P-Asserted-Identity: "Bob" <sip:{NUMBER}@192.0.2.10>', "Privacy: id", RPID + ";privacy=full"],
        ),
        ([RPID + ';privacy="URI"'], False, FROM, []),
        (
            [RPID + ";privacy=full", "Privacy: none"],
            True,
            ASSERTED,
            [f'P-Asserted-Identity: "Bob" <sip:{NUMBER}@192.0.2.10>', "Privacy: none", RPID + ";privacy=full"],
        ),
        ([DIVERSION, "P-Charging-Vector: icid-value=1"], True, FROM, [DIVERSION, "P-Charging-Vector: icid-value=1"]),
        ([DIVERSION, "P-Charging-Vector: icid-value=1"], False, FROM, []),
        (["P-Preferred-Identity: <tel:+19995550000>", "History-Info: <sip:x@y>;index=1"], True, FROM, []),
        (["P-Preferred-Identity: <tel:+19995550000>", "History-Info: <sip:x@y>;index=1"], False, FROM, []),
    ],
)
def test_what_a_caller_is_to_an_agent(lines: list[str], trusted: bool, sender: str, to_trusted: list[str]) -> None:
    message = request(*lines)
    assert crossed(message, trusted, known(True)) == (sender, to_trusted)
    for agent in (known(False), None):
        assert crossed(message, trusted, agent) == (sender, [])


@pytest.mark.parametrize("trusted", [True, False])
def test_an_anonymous_from_is_nobody(trusted: bool) -> None:
    assert crossed(request(sender='"Anonymous" <sip:anonymous@anonymous.invalid>'), trusted, None) == (ANONYMOUS, [])


def test_there_is_an_end_to_it() -> None:
    long = "P-Asserted-Identity: <sip:" + "a" * 2048 + "@b>"
    assert identity(request(long, PAI)) == (("P-Asserted-Identity", f"<tel:{NUMBER}>"),)
    assert len(identity(request(*[DIVERSION] * 30))) == 8


@given(
    st.sampled_from(["Privacy", "Remote-Party-ID", "P-Asserted-Identity"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60) | st.text(';,<>"= privacyfullid', max_size=60),
)
def test_whatever_stands_there_is_read(name: str, value: str) -> None:
    message = request(f"{name}: {value}")
    for trusted in (True, False):
        assert withheld(message, trusted) in (True, False)
    assert all(line.strip(" \t") for line in asserted(message))
    for _, line in identity(message):
        assert "\r" not in line
        assert "\n" not in line
