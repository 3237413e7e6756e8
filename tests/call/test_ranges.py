"""Numbers by their prefix alone, and what a range tells of who brings a call."""

from __future__ import annotations

from tests.call import arrivals as a
from trunkline.call.decision.verdict import Note
from trunkline.model.trunk import Range


def _ranges(*given: tuple[str, str]) -> tuple[Range, ...]:
    return tuple([Range(prefix=prefix, agent_id=agent) for prefix, agent in given])


def test_a_number_in_a_range_of_the_trunk_reaches_the_ranges_agent() -> None:
    trunk = a.trunk(ranges=_ranges(("+12025550", "a"), ("+1202555019", "b")))
    where = a.arrival(trunk, a.agent(), a.agent("b"), a.number(agent_id="b"))
    for to, agent in (("+12025550123", "a"), ("12025550124", "a"), ("+12025550199", "b"), (a.E164, "b")):
        verdict = a.admitted(a.arrive(where, a.offer(to)))
        assert [candidate.agent.id for candidate in verdict.candidates] == [agent]
        assert verdict.callee == "+" + to.removeprefix("+")
    notes: list[Note] = []
    asked = a.offer("+12025550123")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    where.decide(request, a.flow(asked), 1.0, notes)
    assert Note("dialled", "+12025550123 is in a range of the trunk's.") in notes
    a.refused(a.arrive(where, a.offer("+12025559999")), "unknown-number", 404)
    a.refused(a.arrive(where, a.offer("reception")), "unknown-number", 404)


def test_a_range_takes_nobodys_number() -> None:
    """A number that is kept goes before every range: another organization's is unknown, a suspended one suspended."""
    trunk = a.trunk(ranges=_ranges(("+", "a")))
    other = a.number("m", organization_id="p", e164="+12025550101")
    where = a.arrival(trunk, a.agent(), a.number(state="suspended"), other)
    a.refused(a.arrive(where), "suspended", 480)
    a.refused(a.arrive(where, a.offer("+12025550101")), "unknown-number", 404)


def test_a_range_whose_agent_is_gone_says_so() -> None:
    where = a.arrival(a.trunk(ranges=_ranges(("+1202", "x"))), a.agent("b", organization_id="p"))
    a.refused(a.arrive(where), "agent-gone", 480)


def test_of_two_accounts_at_one_carrier_the_range_tells_which_brings_a_call() -> None:
    first = a.trunk(a.id_of(1), host="sip.example.com", port=5060)
    second = a.trunk(a.id_of(2), host="sip.example.com", port=5070, ranges=_ranges(("+1202", "a")))
    where = a.arrival(first, second, a.agent())
    verdict = a.admitted(a.arrive(where))
    assert (verdict.trunk.id, verdict.identified_by) == (second.id, "range")
    a.refused(a.arrive(where, a.offer("+13035559876")), "unknown-number", 404)


def test_a_range_of_one_organization_takes_no_call_of_anothers_behind_the_same_network() -> None:
    greedy = a.trunk(ranges=_ranges(("+", "a")))
    where = a.arrival(greedy, a.trunk("other", organization_id="p"), a.agent())
    a.refused(a.arrive(where), "unknown-number", 404)


def test_ranges_of_several_organizations_behind_one_network_take_no_call() -> None:
    ranges = _ranges(("+", "a"))
    other = a.trunk("other", organization_id="p", ranges=_ranges(("+", "b")))
    where = a.arrival(a.trunk(ranges=ranges), other, a.agent(), a.agent("b", organization_id="p"))
    a.refused(a.arrive(where), "unknown-number", 404)
    named = a.trunk(a.id_of(5), ranges=ranges)
    where = a.arrival(named, other, a.agent(), a.agent("b", organization_id="p"))
    assert a.trunk_of(a.arrive(where, a.offer(f"sip:{a.E164}@192.0.2.250;trunk={named.id}"))) == named.id


def test_beside_a_pbx_on_one_network_a_range_tells_who_brings_the_call() -> None:
    pbx = a.trunk("pbx", role="agent")
    where = a.arrival(pbx, a.trunk(ranges=_ranges(("+1202", "a"))), a.agent())
    assert a.trunk_of(a.arrive(where)) == "t"
    a.refused(a.arrive(where, a.offer("+13035559876")), "caller-not-owned", 403)
