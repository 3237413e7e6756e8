"""What tests of arrival are made of: a small world, an INVITE for it, and both at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.explain import Hypothetical, written
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Policy, Verdict
from trunkline.guard.nonce import Nonces
from trunkline.guard.rate import Rate
from trunkline.model.agent import Agent
from trunkline.model.change import Put, Routed
from trunkline.model.ids import mint
from trunkline.model.number import Number
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.secret import Secret
from trunkline.model.trunk import Range, Trunk
from trunkline.routing.table import Table
from trunkline.sip.digest import answer
from trunkline.sip.flow import Address, Flow
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Request, parse

OURS: Address = ("192.0.2.250", 5060)
CARRIER = "192.0.2.10"
E164 = "+12025550100"
REALM = "trunkline"
PASSWORD = "secret"


def id_of(number: int) -> str:
    """The same sortable id for the same number; a larger number is younger."""
    return mint(1_700_000_000.0 + number, bytes(10))


def organization(id: str = "o") -> Organization:
    return Organization(id=id, name=id)


def trunk(id: str = "t", **fields: Any) -> Trunk:
    fields = {"organization_id": "o", "name": id, "networks": (f"{CARRIER}/32",), **fields}
    return Trunk(id=id, **fields)


def protected(id: str = "t", **fields: Any) -> Trunk:
    """A trunk with a digest user of its own name."""
    return trunk(id, **{"username": f"user-{id}", "password": Secret(PASSWORD), **fields})


def agent(id: str = "a", **fields: Any) -> Agent:
    return Agent(id=id, **{"organization_id": "o", "name": id, "kind": "echo", **fields})


def number(id: str = "n", **fields: Any) -> Number:
    return Number(id=id, **{"organization_id": "o", "e164": E164, "trunk_id": "t", "agent_id": "a", **fields})


def arrival(*records: Routed, **policy: Any) -> Arrival:
    """Arrival over a table of these records. Nothing else is in it."""
    table = Table(Put(record) for record in (organization(), organization("p"), *records))
    return Arrival(table, Admission(), Digest(REALM, Nonces(bytes(32))), Policy(**policy))


def offer(to: str = E164, caller: str | None = "+14155550199", source: str = CARRIER, **fields: Any) -> Hypothetical:
    return Hypothetical(source=source, to=to, caller=caller, **fields)


def flow(asked: Hypothetical) -> Flow:
    return Flow(asked.transport, OURS, (asked.source, asked.port))


def on_the_wire(where: Arrival, asked: Hypothetical, now: float, password: str = PASSWORD) -> Request | None:
    """The INVITE as its sender writes it, after a challenge where it authenticates; None when it is no SIP."""
    request = parse(written(asked, OURS))
    if not isinstance(request, Request) or inspect(request) is not None:
        return None
    if asked.digest_user is None:
        return request
    assert isinstance(where.proof, Digest)
    challenges = where.proof.challenge(flow(asked), now)
    value = answer(challenges, "INVITE", request.uri, asked.digest_user, password, "c", realm=REALM)
    assert value is not None
    raw = request.raw.replace(b"\r\nContact", f"\r\nAuthorization: {value}\r\nContact".encode(), 1)
    request = parse(raw)
    assert isinstance(request, Request)
    return request


def arrive(where: Arrival, asked: Hypothetical | None = None, now: float = 1.0, call: str = "c") -> Verdict:
    asked = asked or offer()
    request = on_the_wire(where, asked, now)
    assert request is not None
    return where.arrive(request, flow(asked), call, now)


def admitted(verdict: Verdict) -> Admitted:
    assert isinstance(verdict, Admitted), verdict
    return verdict


def refused(verdict: Verdict, cause: str, status: int) -> Refused:
    assert isinstance(verdict, Refused), verdict
    assert (verdict.cause, verdict.status) == (cause, status)
    return verdict


def trunk_of(verdict: Verdict) -> str:
    return admitted(verdict).trunk.id


# -- at random: few values, so that they meet; mostly such that calls go through, so that every step is reached


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value four times out of five."""
    return st.sampled_from([usual] * 4 * len(others) + list(others))


e164s = ("+12025550100", "+12025550101", "+442071234567")
users = ("u", "v", "+12025550100")
trunk_ids = st.integers(1, 3).map(id_of)


def _trunk(id: str) -> st.SearchStrategy[Trunk]:
    return st.builds(
        Trunk,
        id=st.just(id),
        organization_id=mostly("o", "p"),
        name=st.just("trunk"),
        provider=mostly("generic", "twilio", "elevenlabs", "openai"),
        host=st.sampled_from([None, CARRIER, "sip.example.com"]),
        port=st.sampled_from([None, 5060, 5070]),
        role=mostly("carrier", "agent"),
        transport=mostly("udp", "tcp"),
        outbound=mostly(True, False),
        outbound_priority=st.sampled_from([1, 2]),
        prefixes=mostly((), ("+1",), ("+44", "+33")),
        dial_format=st.sampled_from(["e164", "plain", "national"]),
        networks=mostly(("192.0.2.0/24",), (), ("192.0.2.10/32", "2001:db8::/64"), ("0.0.0.0/0",)),
        username=st.sampled_from([None, *users]),
        password=st.sampled_from([None, Secret(PASSWORD)]),
        challenge=mostly(False, True),
        country=st.sampled_from([None, "US", "GB"]),
        max_concurrent_calls=mostly(None, 0, 1, 2),
        full_status=st.sampled_from([503, 486]),
        calls_per_second=mostly(None, 0.5, 2.0),
        trust_identity=st.booleans(),
        default_caller=mostly(None, "+12025550100", "+442071234567"),
        ranges=mostly((), (Range(prefix="+1202555", agent_id="a", outbound=True), Range(prefix="+", agent_id="b"))),
        enabled=mostly(True, False),
    )


def _agent(id: str) -> st.SearchStrategy[Agent]:
    return st.builds(
        Agent,
        id=st.just(id),
        organization_id=mostly("o", "p"),
        name=st.just("agent"),
        kind=st.sampled_from(["echo", "echo", "echo", "sip", "openai", "websocket", "group"]),
        uri=mostly("sip:agent@192.0.2.99", None),
        trunk_id=st.none() | trunk_ids,
        members=st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple),
        enabled=mostly(True, False),
    )


def _number(e164: str) -> st.SearchStrategy[Number]:
    return st.builds(
        Number,
        id=st.just(e164[1:]),
        organization_id=mostly("o", "p"),
        e164=st.just(e164),
        trunk_id=st.none() | trunk_ids,
        agent_id=st.sampled_from(["a", "a", "b", "c", None]),
        state=mostly("active", "provisioning", "inactive", "failed", "suspended"),
        supports_inbound=mostly(True, False),
        supports_outbound=mostly(True, False),
        inbound_pin=mostly(None, Secret("1234")),
    )


def _organization(id: str) -> st.SearchStrategy[Organization]:
    rules = st.builds(
        OutboundRules,
        allow=mostly(("US", "GB"), (), ("+1202", "FR")),
        premium=mostly(False, True),
        emergency=st.booleans(),
        calls_per_second=mostly(None, 0.5, 2.0),
        concurrent_calls=mostly(None, 0, 1),
        minute_price=st.sampled_from([0.0, 0.5]),
        daily_limit=mostly(None, 0.0, 50.0),
    )
    return st.builds(
        Organization,
        id=st.just(id),
        name=st.just(id),
        default_trunk_id=st.none() | trunk_ids,
        outbound=mostly(OutboundRules(), *[OutboundRules(emergency=True)]) | rules,
    )


worlds: st.SearchStrategy[list[Routed]] = st.tuples(
    *[_organization(id) for id in "op"],
    *[_trunk(id_of(index)) | st.none() for index in range(1, 4)],
    *[_agent(id) for id in "abc"],
    *[_number(e164) for e164 in e164s],
).map(lambda records: [record for record in records if record is not None])
policies = st.builds(
    Policy,
    domain=st.sampled_from(["", "sip.example.com"]),
    unknown_source=mostly("challenge", "reject", "drop"),
    source_rate=mostly(None, Rate(1.0, 2.0)),
    max_calls=mostly(None, 1, 3),
)
targets = st.sampled_from(
    [
        *e164s,
        "12025550100",
        "2025550100",
        "02071234567",
        "0044 20 7123 4567",
        "u",
        "100",
        f"sip:{e164s[0]}@192.0.2.250;trunk={id_of(1)}",
        f"sip:{e164s[0]}@{id_of(2)}.sip.example.com",
        f"sip:{e164s[0]};tgrp={id_of(3)};trunk-context=x@192.0.2.250",
        f"tel:{e164s[1]}",
        "sips:+12025550101@192.0.2.250",
        "sip:192.0.2.250",
        "mailto:a@example.com",
        "sip:%41@192.0.2.250",
        "+12025550177",
        "(202) 555-0177",
        "+33140000000",
        "+19005551234",
        "+18765551234",
        "+88213000000",
        "911",
        "999",
        "sip:+1@:",
    ]
)
offers = st.builds(
    Hypothetical,
    source=mostly(CARRIER, "192.0.2.20", "198.51.100.1", "2001:db8::1"),
    port=st.sampled_from([5060, 5070]),
    transport=mostly("udp", "tcp", "tls"),
    to=st.sampled_from(e164s) | targets,
    caller=st.sampled_from(
        [None, *e164s, *e164s, "+14155550199", "2025550199", "bob", "sip:anonymous@anonymous.invalid"]
    ),
    digest_user=mostly(None, *users),
    headers=st.sampled_from(
        [
            (),
            (("P-Called-Party-ID", f"<sip:{e164s[1]}@192.0.2.250>"),),
            (("Diversion", f"<tel:{e164s[2]}>;reason=unconditional"),),
            (("P-Asserted-Identity", "<tel:+14155550111>"), ("Privacy", "id")),
            (("P-Asserted-Identity", f"<tel:{e164s[0]}>"), ("Privacy", "id")),
        ]
    ),
)


# -- at random, from an agent's side: one organization, a PBX and two carriers, and mostly such that calls go out


def _carrier(id: str) -> st.SearchStrategy[Trunk]:
    return st.builds(
        Trunk,
        id=st.just(id),
        organization_id=st.just("o"),
        name=st.just("carrier"),
        host=mostly("carrier.example.com", None),
        outbound=mostly(True, False),
        outbound_priority=st.sampled_from([1, 2]),
        prefixes=mostly((), ("+1",), ("+44", "+33")),
        dial_format=st.sampled_from(["e164", "plain", "national"]),
        country=st.sampled_from(["US", "GB"]),
        enabled=mostly(True, False),
    )


_pbx = st.builds(
    Trunk,
    id=st.just(id_of(1)),
    organization_id=st.just("o"),
    name=st.just("pbx"),
    role=st.just("agent"),
    networks=st.just(("192.0.2.0/24",)),
    country=st.sampled_from([None, "US", "GB"]),
    trust_identity=st.booleans(),
    max_concurrent_calls=mostly(None, 0, 2),
    calls_per_second=mostly(None, 0.5),
)
_callers = [
    st.builds(
        Number,
        id=st.just(e164[1:]),
        organization_id=mostly("o", "p"),
        e164=st.just(e164),
        trunk_id=mostly(id_of(2), None, id_of(1)),
        agent_id=st.sampled_from(["a", None]),
        state=mostly("active", "suspended"),
        supports_outbound=mostly(True, False),
    )
    for e164 in e164s
]
leaving_worlds: st.SearchStrategy[list[Routed]] = st.tuples(
    _organization("o"), _pbx, _carrier(id_of(2)), _carrier(id_of(3)), _agent("a"), *_callers
).map(list)
leaving = st.builds(
    Hypothetical,
    source=mostly(CARRIER, "198.51.100.1"),
    to=st.sampled_from(
        ["+12025550177", "(202) 555-0177", "+442079460000", *e164s, "+19005551234", "911", "999", "100"]
    ),
    caller=mostly(e164s[0], *e164s[1:], "+14155550199", "2025550100", None),
    headers=mostly((), (("P-Asserted-Identity", f"<tel:{e164s[0]}>"), ("Privacy", "id"))),
)
