"""Calls from the agents' side to telephones: who may, where to, and by whom."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tests.call import arrivals as a
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.explain import explain
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Challenged
from trunkline.model.change import Put, Routed
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.trunk import Range

PBX = "192.0.2.77"
DIALLED = "+13035559876"


def _world(*records: Any, rules: OutboundRules | None = None, default: str | None = None, **policy: Any) -> Arrival:
    """A carrier, a PBX, and a number on the carrier; `records` come in the place of those of the same id."""
    outbound = rules or OutboundRules(calls_per_second=None)
    organization = Organization(id="o", name="o", default_trunk_id=default, outbound=outbound)
    table: dict[str, Routed] = {
        "t": a.trunk(host="carrier.example.com"),
        "pbx": a.trunk("pbx", role="agent", networks=(f"{PBX}/32",)),
        "a": a.agent(),
        "n": a.number(),
    }
    table.update({record.id: record for record in records})
    where = a.arrival(*table.values(), **policy)
    where.table.apply([Put(organization)])
    return where


def _out(where: Arrival, to: str = DIALLED, caller: str | None = a.E164, **fields: Any) -> Any:
    return a.arrive(where, a.offer(to, caller, **{"source": PBX, **fields}))


def _left(verdict: Any) -> Admitted:
    assert isinstance(verdict, Admitted), verdict
    assert verdict.direction == "outbound"
    return verdict


def test_a_pbx_dials_out_by_its_numbers_carrier() -> None:
    verdict = _left(_out(_world()))
    assert [carrier.trunk.id for carrier in verdict.carriers] == ["t"]
    assert (verdict.trunk.id, verdict.number.id, verdict.caller, verdict.callee) == ("pbx", "n", a.E164, DIALLED)
    assert verdict.candidates == ()


@pytest.mark.parametrize("provider", ["elevenlabs", "openai", "livekit"])
def test_an_engine_with_networks_dials_out_and_its_numbers_agent_is_known(provider: str) -> None:
    engine = a.trunk("e", provider=provider, networks=("198.51.100.0/24",))
    agent = a.agent(kind=provider, trunk_id="e")
    verdict = _left(_out(_world(engine, agent, a.number(trunk_id="e"), default="t"), source="198.51.100.7"))
    assert (verdict.trunk.id, verdict.agent_id) == ("e", "a")


def test_a_refused_call_out_is_of_the_agent_that_dialled_and_of_no_other() -> None:
    engine = a.trunk("e", provider="elevenlabs", networks=("198.51.100.0/24",))
    world = _world(engine, a.agent(kind="elevenlabs", trunk_id="e"), a.number(trunk_id="e"), default="t")
    assert a.refused(_out(world, "911", source="198.51.100.7"), "emergency-not-enabled", 403).agent_id == "a"
    assert a.refused(_out(_world(), "911"), "emergency-not-enabled", 403).agent_id is None


def test_a_carrier_never_dials_out() -> None:
    a.refused(_out(_world(), source=a.CARRIER), "unknown-number", 404)


def test_an_unknown_source_may_be_a_pbx_that_authenticates() -> None:
    pbx = a.protected("pbx", role="agent", networks=())
    where = _world(pbx)
    assert isinstance(_out(where, source="203.0.113.9"), Challenged)
    assert _left(_out(where, source="203.0.113.9", digest_user="user-pbx")).identified_by == "user"
    request = a.on_the_wire(where, a.offer(DIALLED, a.E164, source=PBX, digest_user="user-pbx"), 1.0, "wrong")
    assert request is not None
    verdict = where.arrive(request, a.flow(a.offer(source="203.0.113.9")), "c", 1.0)
    assert a.refused(verdict, "wrong-credentials", 403).trunk is None


def test_an_engine_authenticates_only_where_its_trunk_says_so() -> None:
    engine = a.protected("e", provider="livekit", networks=())
    assert isinstance(_out(_world(engine), source="203.0.113.9", digest_user="user-e"), Refused)
    challenged = structs.replace(engine, challenge=True)
    assert _left(_out(_world(challenged), source="203.0.113.9", digest_user="user-e")).trunk.id == "e"


def test_organizations_behind_one_network_are_told_by_what_they_show() -> None:
    other = a.protected("other", role="agent", organization_id="p", networks=(f"{PBX}/32",))
    where = _world(other)
    refused = a.refused(_out(where), "not-authenticated", 403)
    assert "share" in refused.detail
    named = f"sip:{DIALLED}@192.0.2.250;trunk=pbx"
    assert isinstance(_out(where, named), Refused)
    pbx = a.id_of(7)
    where = _world(a.trunk(pbx, role="agent", networks=(f"{PBX}/32",)), other)
    assert _left(_out(where, f"sip:{DIALLED}@192.0.2.250;trunk={pbx}")).trunk.id == pbx


# -- who calls


@pytest.mark.parametrize("caller", ["+14155550199", None, "bob", "sip:anonymous@anonymous.invalid", "+442071234567"])
def test_only_from_a_number_of_the_organization(caller: str | None) -> None:
    where = _world(a.number("m", organization_id="p", e164="+442071234567", trunk_id=None))
    refused = a.refused(_out(where, caller=caller), "caller-not-owned", 403)
    assert refused.direction == "outbound"
    assert refused.number is None


@pytest.mark.parametrize(
    ("caller", "private"), [("anna", False), ("+14155550199", False), (None, True), ("sip:a@anonymous.invalid", True)]
)
def test_a_trunk_may_say_whose_number_its_calls_come_from(caller: str | None, private: bool) -> None:
    """Where they show none of the organization's: a phone that says its user, or one that withholds its number."""
    verdict = _left(
        _out(_world(a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), default_caller=a.E164)), caller=caller)
    )
    assert (verdict.number.id, verdict.caller, verdict.private) == ("n", a.E164, private)


def test_a_number_that_is_shown_goes_before_the_trunks_own() -> None:
    pbx = a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), default_caller=a.E164)
    where = _world(pbx, a.number("m", e164="+12025550101"))
    assert _left(_out(where, caller="+12025550101")).number.id == "m"


def test_a_default_caller_of_somebody_else_calls_nobody() -> None:
    pbx = a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), default_caller="+442071234567")
    for owner in ("p", None):
        others = () if owner is None else (a.number("m", organization_id=owner, e164="+442071234567", trunk_id=None),)
        refused = a.refused(_out(_world(pbx, *others), caller="anna"), "caller-not-owned", 403)
        assert refused.mend == "Correct default_caller of trunk pbx."


def test_from_a_range_that_calls_out_it_is_called_by_the_ranges_carrier() -> None:
    """As an extension of a PBX whose block of numbers is the carrier's."""
    block = Range(prefix="+12025551", agent_id="a", outbound=True)
    mute = Range(prefix="+12025552", agent_id="a")
    carriers = (a.trunk(host="carrier.example.com"), a.trunk("u", host="other.example.com", ranges=(block, mute)))
    where = _world(*carriers, a.agent(kind="sip", trunk_id="pbx"))
    verdict = _left(_out(where, caller="+12025551234"))
    assert [one.trunk.id for one in verdict.carriers] == ["u", "t"]
    assert (verdict.number.id, verdict.caller, verdict.agent_id) == ("", "+12025551234", "a")
    assert _left(_out(where, caller="12025551234")).caller == "+12025551234"
    for caller in ("+12025552345", "+12025553456"):
        a.refused(_out(where, caller=caller), "caller-not-owned", 403)
    other = _world(*carriers, a.number("m", organization_id="p", e164="+12025551234", trunk_id=None))
    a.refused(_out(other, caller="+12025551234"), "caller-not-owned", 403)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"state": "suspended"}, "caller-not-active"),
        ({"state": "provisioning"}, "caller-not-active"),
        ({"supports_outbound": False}, "outbound-not-supported"),
        ({"trunk_id": None}, "number-not-backed"),
        ({"trunk_id": "pbx"}, "number-not-backed"),
    ],
)
def test_only_from_a_number_that_can(fields: dict[str, Any], cause: str) -> None:
    refused = a.refused(_out(_world(a.number(**fields))), cause, 403)
    assert refused.number is not None
    assert refused.mend


def test_the_asserted_number_counts_where_the_trunk_is_trusted() -> None:
    asserted = (("P-Asserted-Identity", f'"Bot" <sip:{a.E164}@x>'),)
    anonymous = "sip:anonymous@anonymous.invalid"
    a.refused(_out(_world(), caller=anonymous, headers=asserted), "caller-not-owned", 403)
    trusted = _world(a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), trust_identity=True))
    assert _left(_out(trusted, caller=anonymous, headers=asserted)).private
    assert not _left(_out(trusted, caller="bob", headers=asserted)).private
    assert not _left(_out(trusted, caller="bob", headers=(("Remote-Party-ID", f"<sip:{a.E164}@x>"),))).private
    assert _left(_out(trusted, headers=(("Privacy", "user;id"),))).private
    assert not _left(_out(trusted, headers=(("Privacy", "none"),))).private


def test_a_number_without_its_plus_is_ours_too() -> None:
    assert _left(_out(_world(), caller="12025550100")).caller == a.E164


# -- where to


def test_a_number_of_the_organization_is_reached_directly() -> None:
    verdict = _out(_world(a.number("m", e164="+12025550101")), "+12025550101", "+14155550199")
    assert isinstance(verdict, Admitted)
    assert (verdict.direction, verdict.number.id, verdict.trunk.id) == ("inbound", "m", "pbx")


def test_a_number_of_another_organization_is_reached_by_the_carrier() -> None:
    verdict = _out(_world(a.number("m", organization_id="p", e164="+12025550101", trunk_id=None)), "+12025550101")
    assert _left(verdict).callee == "+12025550101"


@pytest.mark.parametrize(
    ("dialled", "country", "read"),
    [
        ("3035559876", None, DIALLED),
        ("(303) 555-9876", "US", DIALLED),
        ("1234", "GB", None),
        ("020 7123 4567", "GB", "+442071234567"),
        ("00442071234567", "DE", "+442071234567"),
    ],
)
def test_what_is_dialled_is_read_in_the_country_of_the_trunk_else_of_the_number(
    dialled: str, country: str | None, read: str | None
) -> None:
    pbx = a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), country=country)
    verdict = _out(_world(pbx, rules=OutboundRules(allow=("US", "GB"))), dialled)
    if read is None:
        a.refused(verdict, "not-a-number", 484)
    else:
        assert _left(verdict).callee == read


@pytest.mark.parametrize("dialled", ["100", "bob", "+1", "*67", "sip:192.0.2.250"])
def test_what_is_no_number_is_incomplete(dialled: str) -> None:
    assert isinstance(_out(_world(), dialled), Refused)
    a.refused(_out(_world(), dialled), "not-a-number", 484)


def test_the_guards() -> None:
    a.refused(_out(_world(), "+442071234567"), "destination-not-allowed", 403)
    a.refused(_out(_world(), "+19005551234"), "premium-not-allowed", 403)
    where = _world(rules=OutboundRules(calls_per_second=1.0))
    _left(_out(where))
    assert a.refused(_out(where), "outbound-rate", 503).retry_after == 1
    where = _world(rules=OutboundRules(concurrent_calls=1))
    _left(_out(where))
    a.refused(a.arrive(where, a.offer(DIALLED, a.E164, source=PBX), call="d"), "outbound-full", 503)
    where.admission.release("c", 1.0)
    _left(_out(where))
    where = _world(rules=OutboundRules(daily_limit=1.0, minute_price=0.5))
    where.admission.tolls.restore({"o": 1, "p": 99}, 1.0)
    assert where.admission.longest("o", OutboundRules(daily_limit=1.0, minute_price=0.5), 1.0) == 60.0
    _left(_out(where))
    where.admission.tolls.restore({"o": 1}, 1.0)
    a.refused(_out(where), "outbound-limit", 403)


def test_a_refused_call_takes_nothing() -> None:
    where = _world(a.trunk(enabled=False), rules=OutboundRules(calls_per_second=1.0, concurrent_calls=1))
    for _ in range(3):
        a.refused(_out(where), "no-carrier", 404)
    assert len(where.admission.capacity) == len(where.admission.rates) == 0


@pytest.mark.parametrize(("dialled", "country"), [("911", None), ("112", "DE"), ("999", "GB")])
def test_emergency_numbers_go_out_when_enabled_and_past_every_guard(dialled: str, country: str | None) -> None:
    pbx = a.trunk("pbx", role="agent", networks=(f"{PBX}/32",), country=country, max_concurrent_calls=0)
    carrier = a.trunk(host="carrier.example.com", prefixes=("+7",))
    none = {"calls_per_second": 0.01, "concurrent_calls": 0, "daily_limit": 0.0, "allow": ("FR",)}
    where = _world(pbx, carrier, rules=OutboundRules(**none))  # type: ignore[arg-type]
    a.refused(_out(where, dialled), "emergency-not-enabled", 403)
    where = _world(pbx, carrier, rules=OutboundRules(emergency=True, **none), max_calls=0)  # type: ignore[arg-type]
    verdict = _left(_out(where, dialled))
    assert verdict.rules is None
    assert verdict.carriers[0].uri == f"sip:{dialled}@carrier.example.com"
    a.refused(_out(where), "destination-not-allowed", 403)


def test_an_outbound_call_is_explained_step_by_step() -> None:
    where = _world()
    found = explain(where, a.offer(DIALLED, a.E164, source=PBX), 1.0, a.OURS)
    assert (found.accepted, found.direction, found.carrier_ids, found.number_id) == (True, "outbound", ("t",), "n")
    said = {step.name: step.detail for step in found.steps}
    assert said["carrier"] == "It tries t with sip:+13035559876@carrier.example.com."
    assert said["guard"] == "The organization may call it; 1000 minutes are left of today's limit."
    found = explain(where, a.offer("+442071234567", a.E164, source=PBX), 1.0, a.OURS)
    assert (found.cause, found.direction, found.steps[-1].name) == ("destination-not-allowed", "outbound", "guard")
    assert found.steps[-1].mend == "Add GB to outbound.allow of the organization."
