from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.model.agent import Agent
from trunkline.model.change import Change, Put, Removed
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.routing.table import Table, TableError

ids = st.sampled_from(["a", "b", "c", "d"])
owners = st.sampled_from(["o", "p"])
numbers = st.builds(
    Number, id=ids, organization_id=owners, e164=st.sampled_from(["+12025550100", "+12025550101", "+12025550102", "12"])
)
trunks = st.builds(
    Trunk,
    id=ids,
    organization_id=owners,
    name=st.just("t"),
    provider=st.sampled_from(["generic", "openai"]),
    host=st.sampled_from([None, "sip.example", "pbx.example", "192.0.2.1"]),
    port=st.sampled_from([None, 5070]),
    networks=st.lists(st.sampled_from(["192.0.2.0/24", "192.0.2.1/32", "10.0.0.0/8", "no"]), max_size=2).map(tuple),
    username=st.sampled_from([None, "u", "v"]),
    password=st.sampled_from([None, Secret("s")]),
    enabled=st.booleans(),
)
agents = st.builds(Agent, id=ids, organization_id=owners, name=st.just("a"), kind=st.just("echo"))
organizations = st.builds(Organization, id=ids, name=st.just("o"))
kinds = st.sampled_from(["organization", "trunk", "agent", "number"])
changes = st.builds(Put, numbers | trunks | agents | organizations) | st.builds(Removed, kind=kinds, id=ids)


class TableBesideItsModel(RuleBasedStateMachine):
    """The model is four dicts that are copied for each batch; every index is computed from them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()
        self.model: dict[str, dict[str, Any]] = {"organization": {}, "trunk": {}, "agent": {}, "number": {}}
        self.led: dict[str, tuple[Trunk, tuple[str, ...]]] = {}
        """What names were said to lead to, of which trunk as it then was."""

    @rule(batch=st.lists(changes, max_size=6))
    def apply(self, batch: list[Change]) -> None:
        after = {kind: dict(records) for kind, records in self.model.items()}
        for change in batch:
            if isinstance(change, Put):
                after[type(change.record).__name__.lower()][change.record.id] = change.record
            else:
                after[change.kind].pop(change.id, None)
        held = [number.e164 for number in after["number"].values()]
        networks = [network for trunk in after["trunk"].values() for network in trunk.networks]
        if len(held) != len(set(held)) or "12" in held or "no" in networks:
            with pytest.raises(TableError):
                self.table.apply(batch)
        else:
            self.table.apply(batch)
            self.model = after
            for id, (then, _) in list(self.led.items()):
                now = after["trunk"].get(id)
                if now is None or not _named(now) or (now.host, now.port) != (then.host, then.port):
                    del self.led[id]

    @rule(id=ids, hosts=st.sampled_from([(), ("192.0.2.1",), ("10.1.1.1",), ("10.1.1.1", "192.0.2.1")]))
    def lead(self, id: str, hosts: tuple[str, ...]) -> None:
        trunk = self.model["trunk"].get(id)
        told = self.table.lead(id, hosts)
        if trunk is None or not _named(trunk):
            assert not told
            return
        assert told == (self.table.found(id) == hosts and self.led.get(id, (None, ()))[1] != hosts)
        self.led[id] = (trunk, hosts)

    @invariant()
    def it_answers_as_the_model(self) -> None:
        table, model = self.table, self.model
        assert table.organizations == model["organization"]
        assert table.trunks == model["trunk"]
        assert table.agents == model["agent"]
        assert table.numbers == model["number"]
        for e164 in ("+12025550100", "+12025550101", "+12025550102"):
            assert table.number(e164) == next((n for n in model["number"].values() if n.e164 == e164), None)
        may = {
            id: trunk
            for id, trunk in model["trunk"].items()
            if trunk.enabled and trunk.username and trunk.password and not trunk.engine
        }
        for user in ("u", "v"):
            assert set(table.with_user(user)) == {id for id, trunk in may.items() if trunk.username == user}
        for owner in ("o", "p"):
            ours = {id for id, trunk in model["trunk"].items() if trunk.organization_id == owner}
            assert set(table.trunks_of(owner)) == ours
            assert table.authenticates(owner) == bool(ours & may.keys())
        assert table.authenticates() == bool(may)
        for host, holds in (("192.0.2.1", ("192.0.2.0/24", "192.0.2.1/32")), ("10.1.1.1", ("10.0.0.0/8",))):
            assert set(table.sources(host)) == {
                id
                for id, trunk in model["trunk"].items()
                if not set(holds).isdisjoint(trunk.networks)
                or (not trunk.networks and trunk.host == host)
                or host in self.led.get(id, (None, ()))[1]
            }
        assert set(table.named) == {id for id, trunk in model["trunk"].items() if _named(trunk)}


def _named(trunk: Trunk) -> bool:
    return trunk.host in ("sip.example", "pbx.example") and not trunk.networks and not trunk.engine


TestTableBesideItsModel = TableBesideItsModel.TestCase
TestTableBesideItsModel.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def _number(id: str, e164: str) -> Put:
    return Put(Number(id=id, organization_id="o", e164=e164))


def test_two_numbers_change_places_in_one_batch() -> None:
    table = Table([_number("a", "+12025550100"), _number("b", "+12025550101")])
    table.apply([_number("a", "+12025550101"), _number("b", "+12025550100")])
    first, second = table.number("+12025550100"), table.number("+12025550101")
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == ("b", "a")


def test_a_number_is_released_and_taken_in_one_batch() -> None:
    table = Table([_number("a", "+12025550100")])
    table.apply([_number("b", "+12025550100"), Removed("number", "a")])
    assert set(table.numbers) == {"b"}


def test_a_kind_that_is_not_routed_is_refused() -> None:
    table = Table()
    with pytest.raises(TableError):
        table.apply([_number("a", "+12025550100"), Removed("webhook", "a")])
    assert table.number("+12025550100") is None
    assert table.version == 1


def test_the_errors_say_which_record_is_at_fault() -> None:
    table = Table([_number("a", "+12025550100")])
    with pytest.raises(TableError, match=r"number b: .* is number a already"):
        table.apply([_number("b", "+12025550100")])
    with pytest.raises(TableError, match="trunk t: "):
        table.apply([Put(Trunk(id="t", organization_id="o", name="t", networks=("nowhere",)))])


def test_one_change_among_many_numbers_costs_its_own_size() -> None:
    table = Table(_number(f"n{index}", f"+1{2_000_000_000 + index}") for index in range(50_000))
    best = min(_seconds(table, _number("n7", f"+1{4_000_000_000 + turn}")) for turn in range(20))
    assert best < 0.001


def _seconds(table: Table, change: Put) -> float:
    start = time.perf_counter()
    table.apply([change])
    return time.perf_counter() - start


def test_many_customers_on_one_carriers_networks_are_taken_up_in_linear_time() -> None:
    shared = ("192.0.2.0/24", "198.51.100.0/24")
    start = time.perf_counter()
    table = Table(
        Put(Trunk(id=f"t{index}", organization_id=f"o{index}", name="t", networks=shared)) for index in range(20_000)
    )
    assert len(table.sources("192.0.2.9")) == 20_000
    assert time.perf_counter() - start < 5
