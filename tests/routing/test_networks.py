from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.model.trunk import Trunk
from trunkline.routing.networks import REMEMBERED, Networks, blocks

v4_hosts = st.integers(0, 255).map(lambda last: f"192.0.2.{last}")
v6_hosts = st.integers(0, 255).map(lambda last: f"2001:db8::{last:x}")
hosts = v4_hosts | v6_hosts
networks = st.builds(lambda host, cut: f"{host}/{_bits(host) - cut}", hosts, st.sampled_from([0, 1, 3, 8, 32]))


def _bits(host: str) -> int:
    return 128 if ":" in host else 32


def _trunk(id: str, *cidrs: str, host: str | None = None) -> Trunk:
    return Trunk(id=id, organization_id="o", name=id, networks=cidrs, host=host)


def _expected(model: dict[str, tuple[str, ...]], host: str) -> dict[str, int]:
    """The simple way: look at every network of every trunk."""
    address = ip_address(host)
    found = {}
    for id, cidrs in model.items():
        lengths = [net.prefixlen for net in (ip_network(c, strict=False) for c in cidrs) if address in net]
        if lengths:
            found[id] = max(lengths)
    return found


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.lists(networks, max_size=3)), max_size=25),
    st.lists(hosts, min_size=1, max_size=5),
)
def test_it_answers_as_if_it_had_looked_at_every_network(puts: list[tuple[str, list[str]]], asked: list[str]) -> None:
    table = Networks()
    model: dict[str, tuple[str, ...]] = {}
    for id, cidrs in puts:
        table.put(id, blocks(_trunk(id, *model.get(id, ()))), blocks(_trunk(id, *cidrs)))
        model[id] = tuple(cidrs)
        for host in asked:
            found = table.find(host)
            assert dict(found) == _expected(model, host)
            assert list(found.values()) == sorted(found.values(), reverse=True)
    for id, cidrs_now in model.items():
        table.put(id, blocks(_trunk(id, *cidrs_now)), ())
    assert all(not table.find(host) for host in asked)
    assert not table._blocks
    assert not table._used


def test_an_ipv4_address_mapped_into_ipv6_is_that_address() -> None:
    table = Networks()
    table.put("a", (), blocks(_trunk("a", "192.0.2.0/24")))
    table.put("b", (), blocks(_trunk("b", "::ffff:192.0.2.0/120")))
    assert table.find("::ffff:192.0.2.7") == table.find("192.0.2.7") == {"a": 24, "b": 24}


def test_a_zone_does_not_hide_an_address() -> None:
    table = Networks()
    table.put("a", (), blocks(_trunk("a", "fe80::/10")))
    assert table.find("fe80::1%eth0") == {"a": 10}


@pytest.mark.parametrize("host", ["", "example.com", "192.0.2", "192.0.2.1:5060", "[::1]", "\udcff"])
def test_what_is_no_address_is_nobodys(host: str) -> None:
    table = Networks()
    table.put("a", (), blocks(_trunk("a", "0.0.0.0/0", "::/0")))
    assert table.find(host) == {}


def test_a_trunk_without_networks_is_at_its_literal_host() -> None:
    assert blocks(_trunk("a", host="192.0.2.1")) == blocks(_trunk("a", "192.0.2.1/32"))
    assert blocks(_trunk("a", host="2001:db8::1")) == blocks(_trunk("a", "2001:db8::1/128"))
    assert blocks(_trunk("a", host="[2001:db8::1]")) == blocks(_trunk("a", "2001:db8::1"))
    assert blocks(_trunk("a", host="sip.example.com")) == ()
    assert blocks(_trunk("a", host="4.example.com")) == ()
    assert blocks(_trunk("a")) == ()
    assert blocks(_trunk("a", "198.51.100.0/24", host="192.0.2.1")) == blocks(_trunk("a", "198.51.100.0/24"))


def test_forged_sources_do_not_fill_the_memory() -> None:
    table = Networks()
    for index in range(REMEMBERED + 10):
        table.find(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}")
    assert len(table._answers) <= REMEMBERED
