"""Which trunk brings a call, where several could."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call import arrivals as a
from trunkline.call.decision.verdict import Admitted
from trunkline.model.change import Routed
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport


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
        assert a.trunk_of(a.arrive(where, a.offer(f"+1202555{index:04}"))) == f"t{index}"
    verdict = a.refused(a.arrive(where, a.offer("+12025559999")), "unknown-number", 404)
    assert verdict.trunk is None


def test_trunks_of_one_organization_are_told_apart_by_number_endpoint_and_user() -> None:
    ids = [a.id_of(index) for index in (1, 2, 3)]
    trunks = [a.protected(id) for id in ids]
    where = a.arrival(*trunks, a.agent(), a.number(trunk_id=None), domain="sip.example.com")
    assert a.trunk_of(a.arrive(where)) == ids[0]
    assert a.trunk_of(a.arrive(where, a.offer(f"sip:{a.E164}@{ids[1]}.sip.example.com"))) == ids[1]
    assert a.trunk_of(a.arrive(where, a.offer(digest_user=f"user-{ids[2]}"))) == ids[2]
    owned = a.arrival(*trunks, a.agent(), a.number(trunk_id=ids[2]), domain="sip.example.com")
    assert a.trunk_of(a.arrive(owned, a.offer(f"sip:{a.E164}@{ids[1]}.sip.example.com"))) == ids[2]


def test_trunks_of_one_peer_by_different_transports_are_told_apart_by_them() -> None:
    where = a.arrival(a.trunk("1"), a.trunk("2", transport="tls"), a.agent(), a.number(trunk_id=None))
    assert a.trunk_of(a.arrive(where)) == "1"
    assert a.trunk_of(a.arrive(where, a.offer(transport="tls"))) == "2"
    a.refused(a.arrive(where, a.offer(transport="tcp")), "wrong-transport", 403)


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
    assert a.trunk_of(a.arrive(where)) == "t"


def test_an_engines_call_to_a_number_of_its_own_organization_goes_in_directly() -> None:
    where = a.arrival(a.trunk("e", provider="livekit"), a.agent(), a.number(trunk_id="e"))
    verdict = a.admitted(a.arrive(where))
    assert (verdict.trunk.id, verdict.direction, verdict.callee) == ("e", "inbound", a.E164)


def test_a_trunk_on_the_agents_side_does_not_bring_the_numbers_calls() -> None:
    bot = a.trunk("bot", transport="tcp", host=a.CARRIER, port=5090)
    where = a.arrival(bot, a.trunk(), a.agent(kind="sip", trunk_id="bot"), a.number(trunk_id="bot"))
    verdict = a.admitted(a.arrive(where))
    assert verdict.trunk.id == "t"
    assert verdict.candidates[0].uri == f"sip:{a.E164}@{a.CARRIER}:5090;transport=tcp"


def test_another_carrier_of_the_organization_may_bring_a_numbers_calls() -> None:
    where = a.arrival(a.trunk("other"), a.trunk(networks=("198.51.100.0/24",)), a.agent(), a.number())
    assert a.trunk_of(a.arrive(where)) == "other"


def test_another_organizations_number_is_unknown() -> None:
    where = a.arrival(
        a.trunk(),
        a.agent(organization_id="p"),
        a.number(organization_id="p", trunk_id="u"),
        a.protected("u", organization_id="p", networks=()),
    )
    verdict = a.refused(a.arrive(where), "unknown-number", 404)
    assert (verdict.organization_id, verdict.number) == ("o", None)
    # Who proves to be its organization's trunk may call it from the same address.
    assert a.trunk_of(a.arrive(where, a.offer(digest_user="user-u"))) == "u"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_trunk_calls_by_its_own_transport(transport: Any) -> None:
    where = a.arrival(a.trunk(transport=transport), a.agent(), a.number())
    verdict = a.refused(a.arrive(where), "wrong-transport", 403)
    assert verdict.organization_id == "o"
    a.admitted(a.arrive(where, a.offer(transport=transport)))


def test_a_numbers_own_trunk_is_not_passed_over_for_one_with_fewer_demands() -> None:
    where = a.arrival(a.trunk(transport="tls"), a.trunk("lax"), a.agent(), a.number())
    a.refused(a.arrive(where), "wrong-transport", 403)
    where = a.arrival(a.trunk(enabled=False), a.trunk("lax"), a.agent(), a.number())
    a.refused(a.arrive(where), "trunk-disabled", 403)


def test_a_crowded_network_does_not_hide_the_trunk_that_is_named() -> None:
    crowd: list[Routed] = [a.trunk(a.id_of(index)) for index in range(100)]
    last = a.id_of(99)
    where = a.arrival(*crowd, a.agent(), a.number(organization_id="p"), a.agent("b", organization_id="p"))
    verdict = a.refused(a.arrive(where, a.offer(f"sip:+12025559999@192.0.2.250;trunk={last}")), "unknown-number", 404)
    assert verdict.trunk is not None
    assert verdict.trunk.id == last
