from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.call import arrivals as a
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.explain import Hypothetical, answer, explain, explained, written
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.refusals import CAUSES
from trunkline.call.decision.verdict import Admitted, Challenged, Dropped, Policy
from trunkline.guard.bans import Ban
from trunkline.guard.nonce import Nonces
from trunkline.model.change import Put, Routed
from trunkline.routing.table import Table
from trunkline.sip.message import Request, parse

STEPS = (
    "scheme",
    "source",
    "number",
    "trunk",
    "state",
    "transport",
    "credentials",
    "dialled",
    "lifecycle",
    "agent",
    "limits",
)
LEAVING = (*STEPS[:7], "caller", "destination", "emergency", "guard", "carrier", "limits")
"""Those of an outbound call; an emergency's has no guard and no limits, and any other's no emergency."""


PAUSES = st.sampled_from([0.0, 0.4, 2.0])


@settings(max_examples=300, deadline=None)
@given(a.worlds, a.policies, st.lists(st.tuples(a.offers, PAUSES), min_size=1, max_size=6))
def test_what_is_explained_is_what_the_wire_gets(
    world: list[Routed], policy: Policy, calls: list[tuple[Hypothetical, float]]
) -> None:
    _explained_as_met(world, policy, calls)


@settings(max_examples=300, deadline=None)
@given(a.leaving_worlds, a.policies, st.lists(st.tuples(a.leaving, PAUSES), min_size=1, max_size=6))
def test_so_is_what_is_explained_of_calls_out(
    world: list[Routed], policy: Policy, calls: list[tuple[Hypothetical, float]]
) -> None:
    _explained_as_met(world, policy, calls)


DIALLED = st.sampled_from(
    [
        "2025550100", "12025550100", "0012025550100", "01112025550100", "+12025550100", "(202) 555-0100",
        "+1 202 555 0100", "442079460123", "02079460123", "020 7946 0123", "+44 (0) 20 7946 0123", "0207946",
        "12025550199", "4930123456", "030 123456", "anton", "100", "+12", "00", "\u00a020\u2010255",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    DIALLED,
    st.sampled_from([None, "US", "GB", "DE", "IT"]),
    st.sampled_from([a.E164, "+442079460123", "+4912025550100", "+4930123456", "+390207946"]),
    st.booleans(),
)
def test_a_number_is_read_as_it_would_be_from_the_wire(text: str, country: str | None, e164: str, out: bool) -> None:
    side = {"role": "agent"} if out else {}
    where = a.arrival(a.trunk(country=country, **side), a.trunk("u", networks=()), a.agent(), a.number(e164=e164))
    asked = a.offer(text, e164)
    user = quote(text.replace(" ", ""), safe="+()-.")
    raw = written(asked, a.OURS).replace(written(asked, a.OURS).split()[1], f"sip:{user}@{a.OURS[0]}".encode())
    request = parse(raw)
    assert isinstance(request, Request)
    met = where.decide(request, a.flow(asked), 1.0)
    found = explain(where, asked, 1.0, a.OURS)
    assert not isinstance(met, Dropped | Challenged)
    assert (found.status, found.cause) == answer(met)
    assert found.callee == met.callee


def _explained_as_met(world: list[Routed], policy: Policy, calls: list[tuple[Hypothetical, float]]) -> None:
    records = {(type(record).__name__, record.id): record for record in world}
    table = Table(Put(record) for record in records.values())
    where = Arrival(table, Admission(), Digest(a.REALM, Nonces(bytes(32))), policy)
    now = 1.0
    for index, (asked, pause) in enumerate(calls):
        now += pause
        limits = _state(where.admission)
        found = explain(where, asked, now, a.OURS)
        assert explain(where, asked, now, a.OURS) == found
        assert _state(where.admission) == limits
        request = a.on_the_wire(where, asked, now)
        if request is None:
            assert (found.status, found.cause) == (400, "malformed")
            continue
        verdict = where.arrive(request, a.flow(asked), f"c{index}", now)
        assert (found.status, found.cause) == answer(verdict)
        assert found.accepted == isinstance(verdict, Admitted)
        trunk = None if isinstance(verdict, Dropped) else verdict.trunk
        assert found.trunk_id == (trunk.id if trunk is not None else None)
        if isinstance(verdict, Admitted):
            assert found.number_id == (verdict.number.id or None)
            assert found.agent_ids == tuple(candidate.agent.id for candidate in verdict.candidates)
            assert found.carrier_ids == tuple(carrier.trunk.id for carrier in verdict.carriers)
            assert bool(found.agent_ids) != bool(found.carrier_ids)
            assert found.direction == verdict.direction == ("outbound" if verdict.carriers else "inbound")
            assert (found.caller, found.callee) == (verdict.caller, verdict.callee)
        _reads_well(found.accepted, [(step.name, step.passed) for step in found.steps], found.direction == "outbound")
        assert all(step.mend for step in found.steps if not step.passed)
    for index in range(len(calls)):
        where.admission.release(f"c{index}", now)
    assert len(where.admission.capacity) == 0


def _state(admission: Admission) -> tuple[object, ...]:
    return dict(admission.rates._full_at), {id: set(held) for id, held in admission.capacity._held.items()}


def _reads_well(accepted: bool, steps: list[tuple[str, bool]], outbound: bool) -> None:
    """Passed steps in their order, and the refusing one, if any, at the end."""
    names = [name for name, _ in steps]
    assert [passed for _, passed in steps] == [True] * (len(steps) - 1) + [accepted]
    assert len(names) == len(set(names))
    order = LEAVING if outbound else STEPS
    if accepted:
        left_out = ({"guard", "limits"} if "emergency" in names else {"emergency"}) if outbound else set()
        assert set(names) == set(order) - left_out
    # Whoever is known by the digest user alone proves it before anything is said of the trunk.
    by_user = [name for name in order if name != "credentials"]
    by_user.insert(4, "credentials")
    assert names in ([n for n in order if n in names], [n for n in by_user if n in names])


def test_each_step_says_what_was_seen() -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number())
    found = explain(where, a.offer("(202) 555-0100", "+1 415 555 0199"), 1.0, a.OURS)
    assert (found.status, found.cause) == (404, "unknown-number")
    assert found.steps[-1].mend == (
        "Import the number, or correct what the carrier dials. "
        "If the carrier dials national numbers, set the country of trunk t."
    )
    where = a.arrival(a.trunk(country="US"), a.agent(), a.number())
    found = explain(where, a.offer("(202) 555-0100", "+1 415 555 0199"), 1.0, a.OURS)
    assert (found.status, found.phrase, found.cause) == (100, "Trying", "routed")
    assert (found.trunk_id, found.number_id, found.agent_ids) == ("t", "n", ("a",))
    assert (found.caller, found.callee) == ("+14155550199", a.E164)
    said = {step.name: step.detail for step in found.steps}
    assert said["source"] == f"Calls of 1 trunk may come from {a.CARRIER}."
    assert a.E164 in said["number"]
    assert "trunk t" in said["trunk"]
    assert "a (built in)" in said["agent"]


def test_a_challenged_call_is_explained_with_and_without_credentials() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    found = explain(where, a.offer(), 1.0, a.OURS)
    assert (found.status, found.cause, found.trunk_id) == (401, "challenged", None)
    found = explain(where, a.offer(digest_user="user-t"), 1.0, a.OURS)
    assert (found.status, found.trunk_id) == (100, "t")


def test_whom_nobody_hears_is_told_so_and_nothing_else() -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number())
    ban = Ban("b", a.CARRIER, "svwar", 1.0, 61.0, False)
    found = explain(where, a.offer(), 31.5, a.OURS, ban)
    (step,) = found.steps
    assert (found.accepted, found.status, found.cause, step.name, step.passed) == (False, 0, "banned", "heard", False)
    assert step.detail == f"{a.CARRIER} is banned for 30 s more: nothing it sends by UDP is read."
    assert "ban_b" in step.mend
    assert explain(where, a.offer(transport="tcp"), 31.5, a.OURS, ban).cause == "wrong-transport"
    assert explain(where, a.offer(transport="tcp"), 31.5, a.OURS, ban._replace(everywhere=True)).cause == "banned"


def test_a_certificate_can_be_supposed() -> None:
    trunk = a.trunk(networks=(), transport="tls", client_certificate="pbx.example.com")
    where = a.arrival(trunk, a.agent(), a.number())
    assert not explain(where, a.offer(transport="tls"), 1.0, a.OURS).accepted
    found = explain(where, a.offer(transport="tls", certificate="pbx.example.com"), 1.0, a.OURS)
    assert found.accepted
    assert "Its certificate is enough." in [step.detail for step in found.steps]
    assert where.contacts.certificates == {}


def test_a_phone_that_may_not_call_telephones_is_told_how_it_may() -> None:
    where = a.arrival(a.protected(accepts_registration=True), a.agent(), a.number())
    found = explain(where, a.offer("+13035550142"), 1.0, a.OURS)
    assert found.cause == "unknown-number"
    assert "role agent" in found.steps[-1].mend


def test_who_is_passed_over_is_named() -> None:
    off = a.agent("x", name="Night desk", enabled=False)
    team = a.agent("g", kind="group", members=("x", "a"))
    found = explain(a.arrival(a.trunk(), off, a.agent(), team, a.number(agent_id="g")), a.offer(), 1.0, a.OURS)
    assert "Passed over: Night desk (agent-disabled)." in found.steps[-2].detail


def test_a_dropped_call_has_no_status() -> None:
    found = explain(a.arrival(unknown_source="drop"), a.offer(), 1.0, a.OURS)
    assert (found.status, found.phrase, found.cause) == (0, "No answer", "dropped")


def test_a_request_that_came_is_explained_as_it_is() -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number(state="suspended"))
    request = a.on_the_wire(where, a.offer(), 1.0)
    assert request is not None
    found = explained(where, request, a.flow(a.offer()), 1.0)
    assert (found.status, found.cause, found.number_id) == (480, "suspended", "n")


@pytest.mark.parametrize("to", ["", "sip:", "sip:a b@c", "sip:a@b?Route=%3Csip:x%3E", "\r\n\r\nINVITE sip:b SIP/2.0"])
def test_what_cannot_be_written_is_malformed_or_nobodys_number(to: str) -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number())
    assert explain(where, a.offer(to), 1.0, a.OURS).status in (400, 404)


@given(st.text(max_size=40), st.none() | st.text(max_size=40), st.text(max_size=20))
def test_no_text_makes_a_second_header_or_an_error(to: str, caller: str | None, value: str) -> None:
    asked = a.offer(to, caller, headers=(("X-Note", value),))
    message = parse(written(asked, a.OURS))
    if isinstance(message, Request):
        assert len(message.lines()) == 9
    explain(a.arrival(a.trunk(), a.agent(), a.number()), asked, 1.0, a.OURS)


def test_every_cause_has_a_status_a_q850_value_and_a_remedy() -> None:
    for word, cause in CAUSES.items():
        assert word == word.lower()
        assert " " not in word
        assert 400 <= cause.status < 600
        assert 1 <= cause.q850 <= 127
        assert cause.mend.endswith(".")


def test_who_is_passed_over_is_named_with_the_reason() -> None:
    group = a.agent(kind="group", members=("b", "c"))
    where = a.arrival(a.trunk(), group, a.agent("b"), a.agent("c"), a.number())
    where.silent = lambda agent, trunk: "no answer within 4 s" if agent.id == "b" else None
    found = explain(where, a.offer(), 1.0, a.OURS)
    assert found.agent_ids == ("c",)
    (step,) = [step for step in found.steps if step.name == "agent"]
    assert (
        "Passed over: b (agent-unreachable). Agent b does not answer its probes: no answer within 4 s." in step.detail
    )


@pytest.mark.parametrize("policy", ["off", "verify", "require"])
def test_a_trunk_that_wants_its_callers_vouched_for_says_so(policy: Any) -> None:
    where = a.arrival(a.trunk(identity=policy), a.agent(), a.number())
    found = explain(where, a.offer(headers=(("Identity", "x"),)), 1.0, a.OURS)
    seen = [step.detail for step in found.steps if step.name == "identity"]
    assert seen == ([] if policy == "off" else [f"The trunk's callers are to be vouched for ({policy}); it bears 1."])
