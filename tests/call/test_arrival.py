from __future__ import annotations

import timeit
from typing import Any

import pytest

from tests.call import arrivals as a
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.explain import Hypothetical, written
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Challenged, Dropped, Note, Verdict
from trunkline.guard.rate import Rate
from trunkline.model.change import Put, Removed, Routed
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Range, Trunk
from trunkline.sip.flow import Transport
from trunkline.sip.message import Request, parse


def _admitted(verdict: Verdict) -> Admitted:
    assert isinstance(verdict, Admitted), verdict
    return verdict


def _refused(verdict: Verdict, cause: str, status: int) -> Refused:
    assert isinstance(verdict, Refused), verdict
    assert (verdict.cause, verdict.status) == (cause, status)
    return verdict


def _trunk_of(verdict: Verdict) -> str:
    return _admitted(verdict).trunk.id


# -- the straight way


def test_a_carriers_call_reaches_the_agent_of_its_number() -> None:
    trunk, agent, number = a.trunk(), a.agent(), a.number()
    verdict = _admitted(a.arrive(a.arrival(trunk, agent, number)))
    assert (verdict.trunk, verdict.number) == (trunk, number)
    assert [candidate.agent for candidate in verdict.candidates] == [agent]
    assert (verdict.caller, verdict.callee) == ("+14155550199", a.E164)


def test_it_costs_a_small_part_of_a_call() -> None:
    where = a.arrival(a.trunk(calls_per_second=1e9, max_concurrent_calls=10**6), a.agent(), a.number())
    asked = a.offer()
    request, flow = a.on_the_wire(where, asked, 1.0), a.flow(asked)
    assert request is not None
    best = min(timeit.repeat(lambda: where.arrive(request, flow, "c", 1.0), number=500, repeat=10)) / 500
    # 25 µs is the aim on an idle machine, 6 were measured; one that tests in parallel, or traces lines, is slower.
    assert best < 150e-6


# -- numbers that nobody has one by one


def _ranges(*given: tuple[str, str]) -> tuple[Range, ...]:
    return tuple([Range(prefix=prefix, agent_id=agent) for prefix, agent in given])


def test_a_number_in_a_range_of_the_trunk_reaches_the_ranges_agent() -> None:
    trunk = a.trunk(ranges=_ranges(("+12025550", "a"), ("+1202555019", "b")))
    where = a.arrival(trunk, a.agent(), a.agent("b"), a.number(agent_id="b"))
    for to, agent in (("+12025550123", "a"), ("12025550124", "a"), ("+12025550199", "b"), (a.E164, "b")):
        verdict = _admitted(a.arrive(where, a.offer(to)))
        assert [candidate.agent.id for candidate in verdict.candidates] == [agent]
        assert verdict.callee == "+" + to.removeprefix("+")
    notes: list[Note] = []
    asked = a.offer("+12025550123")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    where.decide(request, a.flow(asked), 1.0, notes)
    assert Note("dialled", "+12025550123 is in a range of the trunk's.") in notes
    _refused(a.arrive(where, a.offer("+12025559999")), "unknown-number", 404)
    _refused(a.arrive(where, a.offer("reception")), "unknown-number", 404)


def test_a_range_takes_nobodys_number() -> None:
    """A number that is kept goes before every range: another organization's is unknown, a suspended one suspended."""
    trunk = a.trunk(ranges=_ranges(("+", "a")))
    other = a.number("m", organization_id="p", e164="+12025550101")
    where = a.arrival(trunk, a.agent(), a.number(state="suspended"), other)
    _refused(a.arrive(where), "suspended", 480)
    _refused(a.arrive(where, a.offer("+12025550101")), "unknown-number", 404)


def test_a_range_whose_agent_is_gone_says_so() -> None:
    where = a.arrival(a.trunk(ranges=_ranges(("+1202", "x"))), a.agent("b", organization_id="p"))
    _refused(a.arrive(where), "agent-gone", 480)


def test_of_two_accounts_at_one_carrier_the_range_tells_which_brings_a_call() -> None:
    first = a.trunk(a.id_of(1), host="sip.example.com", port=5060)
    second = a.trunk(a.id_of(2), host="sip.example.com", port=5070, ranges=_ranges(("+1202", "a")))
    where = a.arrival(first, second, a.agent())
    verdict = _admitted(a.arrive(where))
    assert (verdict.trunk.id, verdict.identified_by) == (second.id, "range")
    _refused(a.arrive(where, a.offer("+13035559876")), "unknown-number", 404)


def test_a_range_of_one_organization_takes_no_call_of_anothers_behind_the_same_network() -> None:
    greedy = a.trunk(ranges=_ranges(("+", "a")))
    where = a.arrival(greedy, a.trunk("other", organization_id="p"), a.agent())
    _refused(a.arrive(where), "unknown-number", 404)


def test_ranges_of_several_organizations_behind_one_network_take_no_call() -> None:
    ranges = _ranges(("+", "a"))
    other = a.trunk("other", organization_id="p", ranges=_ranges(("+", "b")))
    where = a.arrival(a.trunk(ranges=ranges), other, a.agent(), a.agent("b", organization_id="p"))
    _refused(a.arrive(where), "unknown-number", 404)
    named = a.trunk(a.id_of(5), ranges=ranges)
    where = a.arrival(named, other, a.agent(), a.agent("b", organization_id="p"))
    assert _trunk_of(a.arrive(where, a.offer(f"sip:{a.E164}@192.0.2.250;trunk={named.id}"))) == named.id


def test_beside_a_pbx_on_one_network_a_range_tells_who_brings_the_call() -> None:
    pbx = a.trunk("pbx", role="agent")
    where = a.arrival(pbx, a.trunk(ranges=_ranges(("+1202", "a"))), a.agent())
    assert _trunk_of(a.arrive(where)) == "t"
    _refused(a.arrive(where, a.offer("+13035559876")), "caller-not-owned", 403)


# -- whose it is


def test_a_source_of_no_trunk_is_refused_when_no_trunk_could_authenticate() -> None:
    verdict = _refused(
        a.arrive(a.arrival(a.trunk(), a.agent(), a.number()), a.offer(source="198.51.100.1")), "unknown-source", 403
    )
    assert verdict.trunk is None
    assert verdict.organization_id is None


def test_a_source_of_no_trunk_is_challenged_when_a_trunk_could_authenticate() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1")
    assert a.arrive(where, asked) == Challenged(
        step="trunk",
        stale=False,
        trunk=None,
        detail="198.51.100.1 is in no carrier trunk's networks.",
        mend="Authenticate. Add the source address to the networks of the trunk that it belongs to.",
    )
    known = _admitted(a.arrive(where, a.offer(source="198.51.100.1", digest_user="user-t")))
    assert (known.trunk.id, known.identified_by) == ("t", "user")


@pytest.mark.parametrize("policy", ["reject", "drop"])
def test_the_operator_may_close_the_door_to_unknown_sources(policy: str) -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number(), unknown_source=policy)
    for user in (None, "user-t"):
        verdict = a.arrive(where, a.offer(source="198.51.100.1", digest_user=user))
        if policy == "drop":
            assert isinstance(verdict, Dropped)
        else:
            _refused(verdict, "unknown-source", 403)
    _admitted(a.arrive(a.arrival(a.trunk(), a.agent(), a.number(), unknown_source=policy)))


@pytest.mark.parametrize(
    ("other", "challenged"),
    [
        ({"organization_id": "p"}, True),
        ({"enabled": False}, False),
        ({"provider": "elevenlabs"}, False),
        ({"password": None}, False),
        ({}, True),
    ],
)
def test_only_a_trunk_that_could_pass_is_a_reason_to_challenge(other: dict[str, Any], challenged: bool) -> None:
    where = a.arrival(a.trunk(), a.protected("d", **other), a.agent(), a.number())
    verdict = a.arrive(where, a.offer(source="198.51.100.1"))
    assert isinstance(verdict, Challenged) == challenged


def test_a_stranger_learns_nothing_from_what_it_dials_or_names() -> None:
    open_, closed = a.id_of(1), a.id_of(2)
    where = a.arrival(a.trunk(open_), a.protected(closed, organization_id="p"), a.agent(), a.number(trunk_id=None))
    told = {
        type(a.arrive(where, a.offer(to, source="198.51.100.1")))
        for to in (
            a.E164,
            "+19995550000",
            "nobody",
            *(f"sip:{a.E164}@192.0.2.250;trunk={id}" for id in (open_, closed, a.id_of(9))),
        )
    }
    assert told == {Challenged}


def test_a_digest_proves_one_request() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1", digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    _admitted(where.arrive(request, a.flow(asked), "c", 1.0))
    again = where.arrive(request, a.flow(asked), "d", 1.0)
    assert isinstance(again, Challenged)
    assert again.stale


def test_a_wrong_password_says_whether_it_came_with_a_nonce_of_ours() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    for user in ("user-t", "nobody"):
        asked = a.offer(source="198.51.100.1", digest_user=user)
        request = a.on_the_wire(where, asked, 1.0, password="guess")
        assert request is not None
        assert _refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403).proven
        elsewhere = a.flow(a.offer(source="198.51.100.2"))
        assert not _refused(where.arrive(request, elsewhere, "c", 1.0), "wrong-credentials", 403).proven


def test_a_wrong_password_is_403_and_fills_nobodys_call_log_but_the_trunks_own() -> None:
    where = a.arrival(a.protected(networks=()), a.protected("near", challenge=True), a.agent(), a.number(trunk_id=None))
    for source, user, whose in (("198.51.100.1", "user-t", None), (a.CARRIER, "user-near", "near")):
        asked = a.offer(source=source, digest_user=user)
        request = a.on_the_wire(where, asked, 1.0, password="guess")
        assert request is not None
        verdict = _refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403)
        assert (verdict.trunk.id if verdict.trunk else None) == whose


def test_a_user_that_no_trunk_has_is_answered_as_a_wrong_password() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    _refused(a.arrive(where, a.offer(source="198.51.100.1", digest_user="nobody")), "wrong-credentials", 403)


def test_an_old_nonce_is_asked_again_and_says_so() -> None:
    where = a.arrival(a.protected(challenge=True), a.agent(), a.number())
    asked = a.offer(digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    verdict = where.arrive(request, a.flow(asked), "c", 3600.0)
    assert isinstance(verdict, Challenged)
    assert verdict.stale


def test_a_nonce_is_of_use_only_to_the_source_it_was_given_to() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    request = a.on_the_wire(where, a.offer(source="198.51.100.1", digest_user="user-t"), 1.0)
    assert request is not None
    verdict = where.arrive(request, a.flow(a.offer(source="198.51.100.2")), "c", 1.0)
    assert isinstance(verdict, Challenged)
    assert verdict.stale


def test_a_trunk_may_have_to_authenticate_from_its_own_network() -> None:
    where = a.arrival(a.protected(challenge=True), a.agent(), a.number())
    verdict = a.arrive(where)
    assert isinstance(verdict, Challenged)
    assert verdict.trunk is not None
    _admitted(a.arrive(where, a.offer(digest_user="user-t")))


def test_a_trunk_that_must_authenticate_and_has_no_password_says_so() -> None:
    verdict = _refused(a.arrive(a.arrival(a.trunk(challenge=True), a.agent(), a.number())), "wrong-credentials", 403)
    assert "user name and a password" in verdict.mend


def test_a_carriers_customers_are_told_apart_by_the_number_dialled() -> None:
    records: list[Routed] = []
    for index in range(200):
        owner = f"o{index}"
        records += [
            Organization(id=owner, name=owner),
            a.trunk(f"t{index}", organization_id=owner),
            a.agent(f"a{index}", organization_id=owner),
            a.number(
                f"n{index}",
                organization_id=owner,
                e164=f"+1202555{index:04}",
                trunk_id=f"t{index}" if index % 2 else None,
                agent_id=f"a{index}",
            ),
        ]
    where = a.arrival(*records)
    for index in (0, 1, 99, 198, 199):
        assert _trunk_of(a.arrive(where, a.offer(f"+1202555{index:04}"))) == f"t{index}"
    verdict = _refused(a.arrive(where, a.offer("+12025559999")), "unknown-number", 404)
    assert verdict.trunk is None


def test_trunks_of_one_organization_are_told_apart_by_number_endpoint_and_user() -> None:
    ids = [a.id_of(index) for index in (1, 2, 3)]
    trunks = [a.protected(id) for id in ids]
    where = a.arrival(*trunks, a.agent(), a.number(trunk_id=None), domain="sip.example.com")
    assert _trunk_of(a.arrive(where)) == ids[0]
    assert _trunk_of(a.arrive(where, a.offer(f"sip:{a.E164}@{ids[1]}.sip.example.com"))) == ids[1]
    assert _trunk_of(a.arrive(where, a.offer(digest_user=f"user-{ids[2]}"))) == ids[2]
    owned = a.arrival(*trunks, a.agent(), a.number(trunk_id=ids[2]), domain="sip.example.com")
    assert _trunk_of(a.arrive(owned, a.offer(f"sip:{a.E164}@{ids[1]}.sip.example.com"))) == ids[2]


def test_trunks_of_one_peer_by_different_transports_are_told_apart_by_them() -> None:
    where = a.arrival(a.trunk("1"), a.trunk("2", transport="tls"), a.agent(), a.number(trunk_id=None))
    assert _trunk_of(a.arrive(where)) == "1"
    assert _trunk_of(a.arrive(where, a.offer(transport="tls"))) == "2"
    _refused(a.arrive(where, a.offer(transport="tcp")), "wrong-transport", 403)


@pytest.mark.parametrize(
    ("trunk", "transport", "taken"),
    [
        (a.trunk(), "tcp", True),
        (a.trunk(), "tls", False),
        (a.trunk(tcp_fallback=False), "tcp", False),
        (a.trunk(transport="tls"), "tcp", False),
    ],
)
def test_what_is_too_large_for_udp_may_come_by_tcp(trunk: Trunk, transport: Transport, taken: bool) -> None:
    """RFC 3261 §18.1.1."""
    where = a.arrival(trunk, a.agent(), a.number())
    verdict = a.arrive(where, a.offer(transport=transport, headers=(("X-Large", "x" * 1000),)))
    assert isinstance(verdict, Admitted) is taken


@pytest.mark.parametrize("provider", ["elevenlabs", "openai", "livekit"])
def test_a_number_on_an_engines_trunk_takes_calls_from_any_carrier_of_its_organization(provider: Any) -> None:
    engine = a.trunk("e", provider=provider, host=a.CARRIER, networks=())
    where = a.arrival(engine, a.trunk(), a.agent(), a.number(trunk_id="e"))
    assert _trunk_of(a.arrive(where)) == "t"


def test_an_engines_call_to_a_number_of_its_own_organization_goes_in_directly() -> None:
    where = a.arrival(a.trunk("e", provider="livekit"), a.agent(), a.number(trunk_id="e"))
    verdict = _admitted(a.arrive(where))
    assert (verdict.trunk.id, verdict.direction, verdict.callee) == ("e", "inbound", a.E164)


def test_a_trunk_on_the_agents_side_does_not_bring_the_numbers_calls() -> None:
    bot = a.trunk("bot", transport="tcp", host=a.CARRIER, port=5090)
    where = a.arrival(bot, a.trunk(), a.agent(kind="sip", trunk_id="bot"), a.number(trunk_id="bot"))
    verdict = _admitted(a.arrive(where))
    assert verdict.trunk.id == "t"
    assert verdict.candidates[0].uri == f"sip:{a.E164}@{a.CARRIER}:5090;transport=tcp"


def test_another_carrier_of_the_organization_may_bring_a_numbers_calls() -> None:
    where = a.arrival(a.trunk("other"), a.trunk(networks=("198.51.100.0/24",)), a.agent(), a.number())
    assert _trunk_of(a.arrive(where)) == "other"


def test_another_organizations_number_is_unknown() -> None:
    where = a.arrival(
        a.trunk(),
        a.agent(organization_id="p"),
        a.number(organization_id="p", trunk_id="u"),
        a.protected("u", organization_id="p", networks=()),
    )
    verdict = _refused(a.arrive(where), "unknown-number", 404)
    assert (verdict.organization_id, verdict.number) == ("o", None)
    # Who proves to be its organization's trunk may call it from the same address.
    assert _trunk_of(a.arrive(where, a.offer(digest_user="user-u"))) == "u"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_trunk_calls_by_its_own_transport(transport: Any) -> None:
    where = a.arrival(a.trunk(transport=transport), a.agent(), a.number())
    verdict = _refused(a.arrive(where), "wrong-transport", 403)
    assert verdict.organization_id == "o"
    _admitted(a.arrive(where, a.offer(transport=transport)))


def test_a_numbers_own_trunk_is_not_passed_over_for_one_with_fewer_demands() -> None:
    where = a.arrival(a.trunk(transport="tls"), a.trunk("lax"), a.agent(), a.number())
    _refused(a.arrive(where), "wrong-transport", 403)
    where = a.arrival(a.trunk(enabled=False), a.trunk("lax"), a.agent(), a.number())
    _refused(a.arrive(where), "trunk-disabled", 403)


def test_nothing_is_said_of_a_trunk_to_who_only_names_its_user() -> None:
    where = a.arrival(a.protected(networks=(), transport="tls"), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1", digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0, password="guess")
    assert request is not None
    _refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403)
    _refused(a.arrive(where, asked), "wrong-transport", 403)


# -- what it asks for


@pytest.mark.parametrize(
    ("fields", "cause", "status"),
    [
        ({"state": "provisioning"}, "not-provisioned", 480),
        ({"state": "inactive"}, "inactive", 480),
        ({"state": "failed"}, "provisioning-failed", 480),
        ({"state": "suspended"}, "suspended", 480),
        ({"supports_inbound": False}, "inbound-not-supported", 403),
        ({"inbound_pin": Secret("1234")}, "pin-unsupported", 480),
        ({"agent_id": None}, "no-agent", 480),
        ({"agent_id": "gone"}, "agent-gone", 480),
        ({"e164": "+12025550199"}, "unknown-number", 404),
    ],
)
def test_a_number_that_takes_no_call_says_why(fields: dict[str, Any], cause: str, status: int) -> None:
    verdict = _refused(a.arrive(a.arrival(a.trunk(), a.agent(), a.number(**fields))), cause, status)
    assert verdict.organization_id == "o"
    assert (verdict.number is None) == (cause == "unknown-number")
    assert (verdict.caller, verdict.callee) == ("+14155550199", a.E164)
    assert verdict.detail.endswith(".")
    assert verdict.mend.endswith(".")


@pytest.mark.parametrize(
    ("agent", "cause"),
    [
        (a.agent(enabled=False), "agent-disabled"),
        (a.agent(kind="websocket", uri="wss://example.com"), "agent-unsupported"),
        (a.agent(kind="sip"), "agent-unreachable"),
        (a.agent(kind="group"), "group-empty"),
    ],
)
def test_an_agent_that_cannot_be_called_is_480_with_its_reason(agent: Any, cause: str) -> None:
    _refused(a.arrive(a.arrival(a.trunk(), agent, a.number())), cause, 480)


@pytest.mark.parametrize(
    ("to", "cause", "status"),
    [
        ("mailto:a@example.com", "unsupported-scheme", 416),
        ("http://example.com", "unsupported-scheme", 416),
        ("sip:192.0.2.250", "unknown-number", 404),
        ("sip:alice@192.0.2.250", "unknown-number", 404),
        ("911", "unknown-number", 404),
    ],
)
def test_what_is_no_number_of_ours_has_its_own_answer(to: str, cause: str, status: int) -> None:
    _refused(a.arrive(a.arrival(a.trunk(), a.agent(), a.number()), a.offer(to)), cause, status)


def test_a_request_uri_that_is_none_is_400_though_nobody_looked_before() -> None:
    where, asked = a.arrival(a.trunk(), a.agent(), a.number()), a.offer()
    request = parse(written(asked, a.OURS).replace(b"INVITE sip:+", b"INVITE sip:@@"))
    assert isinstance(request, Request)
    _refused(where.arrive(request, a.flow(asked), "c", 1.0), "malformed-uri", 400)


def test_a_crowded_network_does_not_hide_the_trunk_that_is_named() -> None:
    crowd: list[Routed] = [a.trunk(a.id_of(index)) for index in range(100)]
    last = a.id_of(99)
    where = a.arrival(*crowd, a.agent(), a.number(organization_id="p"), a.agent("b", organization_id="p"))
    verdict = _refused(a.arrive(where, a.offer(f"sip:+12025559999@192.0.2.250;trunk={last}")), "unknown-number", 404)
    assert verdict.trunk is not None
    assert verdict.trunk.id == last


def test_the_next_invite_meets_the_changed_table_and_a_call_keeps_what_it_got() -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number())
    first = _admitted(a.arrive(where))
    where.table.apply([Put(a.number(agent_id=None))])
    _refused(a.arrive(where), "no-agent", 480)
    where.table.apply([Removed("number", "n")])
    _refused(a.arrive(where), "unknown-number", 404)
    where.table.apply([Put(a.number()), Put(a.trunk(enabled=False))])
    _refused(a.arrive(where), "trunk-disabled", 403)
    where.table.apply([Removed("trunk", "t")])
    _refused(a.arrive(where), "unknown-source", 403)
    assert isinstance(first.number, Number)
    assert isinstance(first.trunk, Trunk)
    assert first.number.agent_id == "a"


# -- limits


def _calls(where: Arrival, count: int, now: float = 1.0, asked: Hypothetical | None = None) -> list[Verdict]:
    return [a.arrive(where, asked, now, f"c{index}") for index in range(count)]


@pytest.mark.parametrize("status", [503, 486])
def test_the_call_beyond_a_trunks_places_is_refused_until_one_is_free(status: Any) -> None:
    where = a.arrival(a.trunk(max_concurrent_calls=2, full_status=status), a.agent(), a.number())
    *taken, last = _calls(where, 3)
    assert all(isinstance(verdict, Admitted) for verdict in taken)
    refused = _refused(last, "trunk-full", status)
    assert (refused.retry_after > 0) == (status == 503)
    assert refused.q850 == (34 if status == 503 else 17)
    where.admission.release("c0", 1.0)
    where.admission.release("c0", 1.0)
    _admitted(a.arrive(where, call="d"))
    _refused(a.arrive(where, call="e"), "trunk-full", status)


def test_a_trunks_rate_is_refused_with_the_seconds_to_wait() -> None:
    where = a.arrival(a.trunk(calls_per_second=0.5), a.agent(), a.number())
    first, second = _calls(where, 2)
    _admitted(first)
    assert _refused(second, "trunk-rate", 503).retry_after == 2
    _admitted(a.arrive(where, now=3.0))


def test_a_sources_rate_counts_over_all_its_trunks() -> None:
    other = a.number("m", e164="+12025550101", trunk_id="u")
    where = a.arrival(a.trunk(), a.trunk("u"), a.agent(), a.number(), other, source_rate=Rate(1.0, 2.0))
    _admitted(a.arrive(where, call="1"))
    _admitted(a.arrive(where, a.offer("+12025550101"), call="2"))
    assert _refused(a.arrive(where, call="3"), "source-rate", 503).retry_after == 1


def test_the_edge_has_its_own_limit() -> None:
    where = a.arrival(a.trunk(), a.agent(), a.number(), max_calls=1)
    first, second = _calls(where, 2)
    _admitted(first)
    assert _refused(second, "edge-full", 503).retry_after > 0


def test_a_refused_call_takes_nothing() -> None:
    where = a.arrival(
        a.trunk(max_concurrent_calls=0, calls_per_second=1.0), a.agent(), a.number(), source_rate=Rate(1.0)
    )
    _refused(_calls(where, 5)[-1], "trunk-full", 503)
    assert len(where.admission.rates) == len(where.admission.capacity) == 0


# -- the wire


def test_a_refusal_says_its_cause_in_standard_headers_and_keeps_the_remedy_to_itself() -> None:
    verdict = _refused(a.arrive(a.arrival(a.trunk(), a.agent(), a.number(agent_id=None))), "no-agent", 480)
    assert verdict.phrase == "Temporarily Unavailable"
    assert verdict.reason_header == 'SIP;cause=480;text="no-agent", Q.850;cause=20'
    assert verdict.warning("edge") == '399 edge "no-agent"'
    assert verdict.mend not in verdict.reason_header
