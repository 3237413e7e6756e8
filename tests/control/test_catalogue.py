"""The catalogue beside a simple model: plain dicts that are searched from end to end."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.control.configuration.catalogue import Catalogue
from trunkline.model.agent import Agent
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk

IDS = st.sampled_from("abcdef")
OWNERS = st.sampled_from(["o1", "o2"])
MAYBE = st.one_of(st.none(), st.sampled_from(["t1", "t2"]))


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.catalogue = Catalogue()
        self.trunks: dict[str, Trunk] = {}
        self.agents: dict[str, Agent] = {}
        self.numbers: dict[str, Number] = {}
        self.keys: dict[str, ApiKey] = {}

    @rule(id=IDS, owner=OWNERS)
    def put_trunk(self, id: str, owner: str) -> None:
        owner = self.trunks[id].organization_id if id in self.trunks else owner
        self.trunks[id] = Trunk(id=id, organization_id=owner, name=id)
        self.catalogue.put(self.trunks[id])

    @rule(id=IDS, owner=OWNERS, trunk=MAYBE)
    def put_agent(self, id: str, owner: str, trunk: str | None) -> None:
        owner = self.agents[id].organization_id if id in self.agents else owner
        self.agents[id] = Agent(id=id, organization_id=owner, name=id, kind="sip", trunk_id=trunk)
        self.catalogue.put(self.agents[id])

    @rule(id=IDS, owner=OWNERS, trunk=MAYBE, agent=MAYBE)
    def put_number(self, id: str, owner: str, trunk: str | None, agent: str | None) -> None:
        owner = self.numbers[id].organization_id if id in self.numbers else owner
        self.numbers[id] = Number(id=id, organization_id=owner, e164=f"+{ord(id)}", trunk_id=trunk, agent_id=agent)
        self.catalogue.put(self.numbers[id])

    @rule(id=IDS, owner=OWNERS, digest=st.binary(min_size=2, max_size=2))
    def put_key(self, id: str, owner: str, digest: bytes) -> None:
        owner = str(self.keys[id].organization_id) if id in self.keys else owner
        self.keys[id] = ApiKey(id=id, organization_id=owner, name=id, prefix="", digest=id.encode() + digest)
        self.catalogue.put(self.keys[id])

    @rule(kind=st.sampled_from(["trunk", "agent", "number", "key"]), id=IDS)
    def remove(self, kind: str, id: str) -> None:
        {"trunk": self.trunks, "agent": self.agents, "number": self.numbers, "key": self.keys}[kind].pop(id, None)  # type: ignore[attr-defined]
        self.catalogue.remove(kind, id)

    @invariant()
    def both_say_the_same(self) -> None:
        catalogue = self.catalogue
        assert catalogue.trunks == self.trunks
        assert catalogue.agents == self.agents
        assert catalogue.numbers == self.numbers
        assert catalogue.keys == self.keys
        for owner in ("o1", "o2"):
            assert {t.id for t in catalogue.trunks_of(owner)} == {
                t.id for t in self.trunks.values() if t.organization_id == owner
            }
            assert {a.id for a in catalogue.agents_of(owner)} == {
                a.id for a in self.agents.values() if a.organization_id == owner
            }
            assert {n.id for n in catalogue.numbers_of(owner)} == {
                n.id for n in self.numbers.values() if n.organization_id == owner
            }
            assert {k.id for k in catalogue.keys_of(owner)} == {
                k.id for k in self.keys.values() if k.organization_id == owner
            }
        for trunk in ("t1", "t2"):
            on = {n.id for n in self.numbers.values() if n.trunk_id == trunk}
            assert {n.id for n in catalogue.numbers_on(trunk)} == on
            assert catalogue.count_on(trunk) == len(on)
            assert {n.id for n in catalogue.numbers_for(trunk)} == {
                n.id for n in self.numbers.values() if n.agent_id == trunk
            }
            assert {a.id for a in catalogue.agents_on(trunk)} == {
                a.id for a in self.agents.values() if a.trunk_id == trunk
            }
        for id in "abcdef":
            assert catalogue.number_called(f"+{ord(id)}") == self.numbers.get(id)
        for key in self.keys.values():
            assert catalogue.key_with(key.digest) == key


TestCatalogue = Machine.TestCase
TestCatalogue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
