"""Changes: the store first, then the engine, then what is shown; nothing in part."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from msgspec import structs

from tests.control.conftest import Clock, build
from tests.control.engine import Engine
from trunkline.control.errors import Conflict, Unavailable
from trunkline.control.ports import AnyQuery, Explain, LiveCalls, Query, TrunkHealth
from trunkline.control.routing.agents import AgentWanted
from trunkline.control.routing.numbers import NumberWanted
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.control.services import Services
from trunkline.model.change import Change, Put
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.store.store import Store

pytestmark = pytest.mark.both_stores


async def test_what_is_stored_is_there_after_a_restart(
    store: Store, services: Services, engine: Engine, clock: Clock
) -> None:
    organization = (await services.organizations.create("Acme")).id
    wanted = TrunkWanted(
        name="T", host="a.example", username=Secret("u"), password=Secret("p"), networks=("10.0.0.0/8",)
    )
    trunk = await services.trunks.create(organization, wanted)
    agent = await services.agents.create(organization, AgentWanted(name="E", kind="echo"))
    number = await services.numbers.import_(
        organization,
        NumberWanted(e164="+12125551234", trunk_id=trunk.id, agent_id=agent.id, inbound_pin=Secret("1234")),
    )
    fresh = Engine()
    again = build(store, fresh, clock)
    await again.load()
    assert again.state.catalogue.trunks == {trunk.id: trunk}
    assert again.state.catalogue.numbers == {number.id: number}
    assert fresh.table.number("+12125551234") == number
    assert fresh.table.trunks == engine.table.trunks


async def test_the_engine_has_a_change_before_its_caller_does(services: Services, engine: Engine) -> None:
    organization = (await services.organizations.create("Acme")).id
    taken = asyncio.Event()

    class Slow(Engine):
        async def apply(self, changes: tuple[Change, ...]) -> None:
            await taken.wait()
            await super().apply(changes)

    services.state.engine = slow = Slow()
    creating = asyncio.create_task(services.agents.create(organization, AgentWanted(name="E", kind="echo")))
    done, _ = await asyncio.wait([creating], timeout=0.1)
    assert not done
    assert services.agents.all(organization) == []
    taken.set()
    agent = await creating
    assert slow.applied == [(Put(agent),)]
    assert services.agents.all(organization) == [agent]


async def test_a_rule_that_refuses_leaves_nothing(services: Services, engine: Engine) -> None:
    organization = (await services.organizations.create("Acme")).id
    await services.trunks.create(organization, TrunkWanted(name="T", host="a.example"))
    before = list(engine.applied)
    with pytest.raises(Conflict):
        await services.trunks.create(organization, TrunkWanted(name="T", host="b.example"))
    assert engine.applied == before
    assert len(services.trunks.all(organization)) == 1


async def test_another_process_that_was_quicker_is_a_conflict(store: Store, services: Services, clock: Clock) -> None:
    organization = (await services.organizations.create("Acme")).id
    other = build(store, Engine(), clock)
    await other.load()
    await services.trunks.create(organization, TrunkWanted(name="T", host="a.example"))
    with pytest.raises(Conflict) as refused:
        await other.trunks.create(organization, TrunkWanted(name="T", host="b.example"))
    assert refused.value.code == "trunk_name_exists"
    await other.load()
    (trunk,) = other.trunks.all(organization)
    wanted = NumberWanted(e164="+12125551234", trunk_id=trunk.id)
    await services.numbers.import_(organization, wanted)
    with pytest.raises(Conflict) as refused:
        await other.numbers.import_(organization, wanted)
    assert refused.value.code == "phone_number_exists"
    assert other.numbers.budget(organization).remaining == 10


async def test_a_database_that_is_gone_changes_nothing(
    store: Store, services: Services, engine: Engine, clock: Clock
) -> None:
    organization = (await services.organizations.create("Acme")).id
    async with store.write() as unit:
        await unit.session.run("ALTER TABLE agents RENAME TO elsewhere")
        await unit.session.run("CREATE VIEW agents AS SELECT DISTINCT * FROM elsewhere")
    before = list(engine.applied)
    with pytest.raises(Unavailable) as refused:
        await services.agents.create(organization, AgentWanted(name="E", kind="echo"))
    assert refused.value.code == "store_unavailable"
    assert engine.applied == before
    assert services.agents.all(organization) == []


async def test_keys_never_reach_the_engine(services: Services, engine: Engine) -> None:
    from trunkline.control.access.keys import KeyWanted

    organization = (await services.organizations.create("Acme")).id
    before = list(engine.applied)
    key, _ = await services.keys.create(None, organization, KeyWanted(name="K"))
    assert engine.applied == before
    assert key.id in services.state.catalogue.keys


def test_every_question_crosses_a_queue() -> None:
    """Questions are values: each comes back from its encoding as itself."""
    from trunkline.call.decision.explain import Hypothetical

    for question in (
        Explain(Hypothetical(source="192.0.2.1", to="+12125551234")),
        LiveCalls(organization_id="o"),
        TrunkHealth(trunk_ids=("a", "b")),
    ):
        assert isinstance(question, Query)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(question), type=AnyQuery) == question


@pytest.mark.slow
async def test_many_numbers_go_with_their_trunk_and_lose_their_agent(
    store: Store, services: Services, engine: Engine, clock: Clock
) -> None:
    """In a few statements: fifty thousand must not take minutes, nor hold up what else the loop does for seconds."""
    organization = (await services.organizations.create("Acme")).id
    trunk = await services.trunks.create(organization, TrunkWanted(name="T", host="a.example"))
    agent = await services.agents.create(organization, AgentWanted(name="E", kind="echo"))
    numbers = [
        Number(
            id=services.state.mint(),
            organization_id=organization,
            e164=f"+1202{place:07}",
            trunk_id=None if place % 5 == 0 else trunk.id,
            agent_id=agent.id,
            state="active",
            created_at=clock.wall,
            updated_at=clock.wall,
        )
        for place in range(5000)
    ]
    begin = time.process_time()
    async with services.state.change() as draft:
        draft.put(*numbers)
    async with services.state.change() as draft:
        draft.put(*[structs.replace(number, agent_id=None, label="moved") for number in numbers])
    await services.trunks.delete(organization, trunk.id, cascade=True)
    assert time.process_time() - begin < 10.0
    again = build(store, Engine(), clock)
    await again.load()
    kept = services.state.catalogue.numbers
    assert len(kept) == 1000
    assert {number.label for number in kept.values()} == {"moved"}
    assert again.state.catalogue.numbers == kept == engine.table.numbers
