"""How an agent is invited: who calls it, and what it is told."""

from __future__ import annotations

import pytest

from tests.call.arrivals import number, protected, trunk
from trunkline.call.b2bua import invitation
from trunkline.call.b2bua.ledger import Ledger
from trunkline.call.leg.target import Target
from trunkline.model.number import Number, NumberConfig
from trunkline.model.trunk import TlsProfile, Trunk

URI = "sip:bot@192.0.2.9"


def target(
    by: Trunk | None = None,
    of: Number | None = None,
    caller: str | None = "+13035559876",
    crossing: tuple[tuple[str, str], ...] = (),
    identity: tuple[tuple[str, str], ...] = (),
    facts: dict[str, str] | None = None,
) -> Target:
    return invitation.target(
        URI, None, by, of, caller, "call_1", "Brand", crossing, identity, facts or {}, 42
    )  # fmt: skip


def lines(made: Target) -> list[str]:
    assert "\r" not in made.headers.replace("\r\n", "")
    return made.headers.split("\r\n")[:-1]


def test_the_plainest() -> None:
    made = target()
    assert (made.uri, made.callee, made.max_forwards) == (URI, f"<{URI}>", 42)
    assert made.caller == "<sip:+13035559876@{host}>"
    assert lines(made) == ["X-Brand-Call-Id: call_1"]
    assert (made.transport, made.tls, made.proxy, made.nat, made.credentials) == (None, None, None, False, None)


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        (None, '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        ("alice", "<sip:alice@{host}>"),
        ("a.b;c=d", "<sip:a.b;c=d@{host}>"),
        ("a b@c<d>{host}", "<sip:a%20b%40c%3Cd%3E%7Bhost%7D@{host}>"),
        ("Jörg\udcff", "<sip:J%C3%B6rg%FF@{host}>"),
        ("x\r\nVia: y", "<sip:x%0D%0AVia%3A%20y@{host}>"),
    ],
)
def test_who_calls(caller: str | None, shown: str) -> None:
    assert target(caller=caller).caller == shown


def test_what_a_trunk_adds() -> None:
    tls = TlsProfile(server_name="agents.example")
    made = target(protected(tls=tls, outbound_proxy="sip:proxy.example;lr", nat=True, realm="r"))
    assert (made.tls, made.proxy, made.nat) == (tls, "sip:proxy.example;lr", True)
    assert made.credentials is not None
    assert (made.credentials.username, made.credentials.realm) == ("user-t", "r")


def test_identity_is_for_who_is_trusted() -> None:
    crossing, identity = (("X-A", "b"),), (("P-Asserted-Identity", "<tel:+1>"),)
    assert lines(target(trunk(), crossing=crossing, identity=identity))[1:] == ["X-A: b"]
    assert lines(target(None, crossing=crossing, identity=identity))[1:] == ["X-A: b"]
    trusted = trunk(trust_identity=True)
    assert lines(target(trusted, crossing=crossing, identity=identity))[1:] == [
        "X-A: b",
        "P-Asserted-Identity: <tel:+1>",
    ]


def test_what_the_number_tells_its_agent() -> None:
    config = NumberConfig(first_message="Hello\r\nVia: x", language="de")
    told = number(
        config=config,
        room_name="call {{caller}}\r\n{{ call_id }}",
        metadata={"queue name": "from {{ caller }} {{nobody}}", "!!": "dropped", "a\r\nb": "1\n2"},
    )
    ledger = Ledger("id", "o", "inbound", 0.0, "t", "n", "+1", "+2", "+3")
    ledger.agent_id = "a"
    facts = invitation.facts(ledger)
    assert facts == {"call_id": "call_id", "caller": "+2", "callee": "+3", "number": "+1", "agent_id": "agent_a"}
    assert lines(target(of=told, facts=facts))[1:] == [
        "X-Brand-First-Message: Hello Via: x",
        "X-Brand-Language: de",
        "X-Brand-Room-Name: call +2 call_id",
        "X-Brand-Meta-queue-name: from +2 ",
        "X-Brand-Meta-a-b: 1 2",
    ]
