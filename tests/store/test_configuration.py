"""Organizations, trunks, agents and numbers: what is written is what is read, to its owner alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec import structs
from sqlalchemy import text

from tests.store.samples import ORGANIZATION, OTHER, WALL, agent, ident, number, owners, trunk, webhook
from trunkline.model.agent import Agent
from trunkline.model.call import CallRecord
from trunkline.model.change import Put
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import TlsProfile, Trunk
from trunkline.store.database.call_tables import CALLS
from trunkline.store.database.errors import Conflict, WrongKey
from trunkline.store.database.tables import AGENTS, API_KEYS, NUMBERS, ORGANIZATIONS, TRUNKS
from trunkline.store.rows.connections import Evidence
from trunkline.store.rows.idempotency import Given
from trunkline.store.store import Store


@pytest.mark.parametrize(
    ("table", "record", "more"),
    [
        (ORGANIZATIONS, Organization, set()),
        (TRUNKS, Trunk, {"sandbox"}),
        (AGENTS, Agent, {"sandbox"}),
        (NUMBERS, Number, {"sandbox"}),
        (API_KEYS, ApiKey, set()),
        (CALLS, CallRecord, {"duration"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_no_field_is_without_its_column(table: object, record: type, more: set[str]) -> None:
    assert {column.name for column in table.c} == {*record.__struct_fields__} | more  # type: ignore[attr-defined]


async def test_organizations(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        renamed = structs.replace(ORGANIZATION, name="Acme Ltd", default_trunk_id=ident(10))
        assert await unit.organizations.update(renamed)
        assert not await unit.organizations.update(structs.replace(renamed, id=ident(9)))
        assert await unit.organizations.get(ORGANIZATION.id) == renamed
        assert await unit.organizations.get("nobody") is None
        page = await unit.organizations.page(page=2, per_page=1)
        assert (page.rows, page.total) == ([OTHER], 2)
        assert (await unit.organizations.page(page=3, per_page=1)).rows == []
        assert await unit.organizations.delete(OTHER.id)
        assert not await unit.organizations.delete(OTHER.id)


async def test_a_trunk_comes_back_whole(store: Store) -> None:
    await owners(store)
    bare = Trunk(id=ident(11), organization_id=ORGANIZATION.id, name="bare")
    for record in (trunk(), bare):
        async with store.write() as unit:
            await unit.trunks.insert(record)
        async with store.read() as unit:
            assert await unit.trunks.get(record.id, organization=ORGANIZATION.id) == record
            assert await unit.trunks.get(record.id, organization=None) == record
            assert await unit.trunks.get(record.id, organization=OTHER.id) is None
            assert await unit.trunks.by_name(ORGANIZATION.id, record.name) == record
            assert await unit.trunks.by_name(OTHER.id, record.name) is None


async def test_a_trunks_name_is_taken_within_its_organization_and_namespace(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk(10, name="a"))
        await unit.trunks.insert(trunk(11, name="a", organization_id=OTHER.id))
        await unit.trunks.insert(trunk(12, name="a"), sandbox=True)
        await unit.trunks.insert(trunk(13, name="b"))
    async with store.write() as unit:
        with pytest.raises(Conflict, match=r"^name$"):
            await unit.trunks.insert(trunk(14, name="a"))
    async with store.write() as unit:
        with pytest.raises(Conflict, match=r"^name$"):
            await unit.trunks.update(trunk(13, name="a"))
    async with store.read() as unit:
        sandboxed = await unit.trunks.page(organization=ORGANIZATION.id, sandbox=True)
        assert [row.id for row in sandboxed.rows] == [ident(12)]


async def test_trunks_are_listed_by_provider(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        for place, provider in enumerate(("twilio", "generic", "twilio", "openai", "twilio"), 10):
            await unit.trunks.insert(trunk(place, provider=provider))
        await unit.trunks.insert(trunk(19, organization_id=OTHER.id))
    async with store.read() as unit:
        page = await unit.trunks.page(organization=ORGANIZATION.id, provider="twilio", page=2, per_page=2)
        assert ([row.id for row in page.rows], page.total) == ([ident(14)], 3)
        assert (await unit.trunks.page(organization=None)).total == 6


async def test_what_is_referred_to_stays(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.agents.insert(agent(trunk_id=ident(10)))
        await unit.numbers.insert(number(agent_id=ident(20)))

    async def conflict(what: str, id_: str) -> str:
        with pytest.raises(Conflict) as caught:
            async with store.write() as unit:
                await getattr(unit, what).delete(id_)
        return caught.value.field

    assert await conflict("trunks", ident(10)) == "reference"
    assert await conflict("agents", ident(20)) == "reference"
    assert await conflict("organizations", ORGANIZATION.id) == "reference"
    with pytest.raises(Conflict):
        async with store.write() as unit:
            await unit.numbers.insert(number(31, trunk_id=ident(99)))
    async with store.write() as unit:
        assert [record.id for record in await unit.numbers.with_agent(ident(20))] == [ident(30)]
        assert [record.id for record in await unit.agents.on_trunk(ident(10))] == [ident(20)]
        assert await unit.numbers.delete(ident(30))
        assert await unit.agents.delete(ident(20))
        assert await unit.trunks.delete(ident(10))
        assert not await unit.trunks.delete(ident(10))


async def test_agents(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.agents.insert(agent())
        await unit.agents.insert(agent(21, kind="elevenlabs", trunk_id=ident(10), external_id="el_1", members=()))
        await unit.agents.insert(agent(22, organization_id=OTHER.id))
        assert await unit.agents.update(agent(name="first line", enabled=False))
        assert not await unit.agents.update(agent(29))
    async with store.read() as unit:
        assert await unit.agents.get(ident(20), organization=ORGANIZATION.id) == agent(name="first line", enabled=False)
        assert await unit.agents.get(ident(20), organization=OTHER.id) is None
        found = await unit.agents.by_external_id(ident(10), "el_1")
        assert found is not None
        assert found.id == ident(21)
        assert await unit.agents.by_external_id(ident(10), "el_2") is None
        page = await unit.agents.page(organization=ORGANIZATION.id, kind="group")
        assert ([row.id for row in page.rows], page.total) == ([ident(20)], 1)
        assert await unit.agents.names({ident(20), ident(99)}) == {ident(20): "first line"}


async def test_a_number_comes_back_whole(store: Store) -> None:
    await owners(store)
    bare = Number(id=ident(31), organization_id=ORGANIZATION.id, e164="+442071234567")
    async with store.write() as unit:
        await unit.numbers.insert_all([number(), bare])
    async with store.read() as unit:
        assert await unit.numbers.get(ident(30), organization=ORGANIZATION.id) == number()
        assert await unit.numbers.by_e164("+442071234567") == bare
        assert await unit.numbers.get(ident(30), organization=OTHER.id) is None
        assert await unit.numbers.by_e164("+1") is None
    changed = number(config=structs.replace(number().config, max_duration=None), metadata={}, inbound_pin=None)
    async with store.write() as unit:
        assert await unit.numbers.update(changed)
        assert await unit.numbers.get(ident(30), organization=None) == changed


async def test_a_live_number_is_taken_in_the_whole_system(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.numbers.insert(number(30, e164="+12025550100"))
        await unit.numbers.insert(number(31, e164="+12025550100"), sandbox=True)
        await unit.numbers.insert(number(32, e164="+12025550100", organization_id=OTHER.id), sandbox=True)
        assert await unit.numbers.taken(["+12025550100", "+12025550101"]) == {"+12025550100"}
        mine = await unit.numbers.by_e164("+12025550100", sandbox_of=OTHER.id)
        assert mine is not None
        assert mine.id == ident(32)
    for sandbox in (False, True):
        with pytest.raises(Conflict) as caught:
            async with store.write() as unit:
                await unit.numbers.insert(number(33, e164="+12025550100", organization_id=OTHER.id), sandbox=sandbox)
        assert caught.value.field == "e164"


async def test_numbers_are_listed_by_each_filter(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk(10, provider="openai"))
        await unit.trunks.insert(trunk(11, provider="generic"))
        await unit.agents.insert(agent())
        for place in range(30, 36):
            on = ident(10 + place % 2)
            state = "active" if place < 33 else "suspended"
            await unit.numbers.insert(
                number(place, trunk_id=on, state=state, agent_id=ident(20) if place == 31 else None)
            )

    async def places(**filters: object) -> list[int]:
        async with store.read() as unit:
            page = await unit.numbers.page(organization=ORGANIZATION.id, **filters)  # type: ignore[arg-type]
            assert page.total == len(page.rows)
            return [int(row.e164[-2:]) for row in page.rows]

    assert await places() == [30, 31, 32, 33, 34, 35]
    assert await places(trunk_id=ident(11)) == [31, 33, 35]
    assert await places(agent_id=ident(20)) == [31]
    assert await places(states=["suspended", "failed"]) == [33, 34, 35]
    assert await places(provider="openai") == [30, 32, 34]
    assert await places(provider="openai", states=["active"]) == [30, 32]
    assert await places(sandbox=True) == []
    async with store.read() as unit:
        assert await unit.numbers.counts([ident(10), ident(11), ident(12)]) == {ident(10): 3, ident(11): 3}
        assert await unit.numbers.counts([]) == {}
        page = await unit.numbers.page(organization=ORGANIZATION.id, page=2, per_page=4)
        assert ([row.id for row in page.rows], page.total) == ([ident(34), ident(35)], 6)


async def test_no_credential_is_in_the_files(store: Store, tmp_path: Path) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.numbers.insert(number(inbound_pin=Secret("90125")))
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    if store.database.backend == "sqlite":
        assert b"sip.example.com" in held
    for secret in ("pass wörd", "a key in PEM, 7f3a", "sk-1", "p-1", "90125"):
        assert secret.encode() not in held


async def test_another_key_file_is_told_of_by_name(store: Store, url: str, tmp_path: Path) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
    other = await Store.open(url, tmp_path / "other.key")
    with pytest.raises(WrongKey, match=r"other\.key"):
        await other.load_snapshot()
    await other.close()


async def test_resealing_lets_the_old_key_go(store: Store, url: str, tmp_path: Path) -> None:
    await owners(store)
    credentials = {"auth_token": Secret("a carrier's token")}
    tested = Evidence("evidence", ORGANIZATION.id, "twilio", credentials, None, WALL, WALL + 900)
    given = Given(201, "application/json", b'{"key": "shown once"}')
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.trunks.insert(Trunk(id=ident(11), organization_id=OTHER.id, name="bare"), sandbox=True)
        await unit.numbers.insert(number())
        await unit.webhooks.insert(webhook())
        await unit.connections.keep_evidence(tested)
        await unit.idempotency.begin("key", "words", b"digest", WALL)
        await unit.idempotency.answer("key", "words", given)
        await unit.idempotency.begin("key", "unanswered", b"digest", WALL)
    path = tmp_path / "secret.key"
    new = Fernet.generate_key().decode()
    path.write_text(f"{new}\n{path.read_text()}")
    rotating = await Store.open(url, path)
    assert await rotating.reseal() == 6
    await rotating.close()
    path.write_text(new)
    rotated = await Store.open(url, path)
    async with rotated.read() as unit:
        assert await unit.trunks.get(ident(10), organization=None) == trunk()
        assert await unit.numbers.get(ident(30), organization=None) == number()
        assert (await unit.trunks.page(organization=None, sandbox=True)).total == 1
        assert await unit.webhooks.all() == [webhook()]
        assert await unit.connections.evidence(tested.id) == tested
        kept = await unit.idempotency.get("key", "words")
        assert kept is not None
        assert kept.given == given
    await rotated.close()


async def test_the_snapshot_is_all_that_is_live_owners_first(store: Store) -> None:
    await owners(store)
    plain = trunk(tls=TlsProfile(), password=None, settings={})
    async with store.write() as unit:
        await unit.trunks.insert(plain)
        await unit.trunks.insert(trunk(11), sandbox=True)
        await unit.agents.insert(agent(trunk_id=plain.id))
        await unit.agents.insert(agent(21), sandbox=True)
        await unit.numbers.insert(number(trunk_id=plain.id, agent_id=ident(20)))
        await unit.numbers.insert(number(31), sandbox=True)
    assert await store.load_snapshot() == [
        Put(ORGANIZATION),
        Put(OTHER),
        Put(plain),
        Put(agent(trunk_id=plain.id)),
        Put(number(trunk_id=plain.id, agent_id=ident(20))),
    ]


@pytest.mark.slow
async def test_twenty_thousand_numbers_load_in_no_time(store: Store) -> None:
    """The bound is for what grows with the square; `loadtest.scale` has the goal. Coverage counts each line here."""
    await owners(store)
    records = [
        Number(id=ident(place), organization_id=ORGANIZATION.id, e164=f"+1202{place:07}", created_at=WALL)
        for place in range(20_000)
    ]
    async with store.write() as unit:
        await unit.numbers.insert_all(records)
    begin = time.process_time()
    snapshot = await store.load_snapshot()
    taken = time.process_time() - begin
    assert len(snapshot) == 20_002
    assert taken < 4.0
    async with store.read() as unit:
        begin = time.process_time()
        page = await unit.numbers.page(organization=ORGANIZATION.id, page=999)
        assert (len(page.rows), page.total) == (20, 20_000)
        assert time.process_time() - begin < 0.1


async def test_an_organizations_numbers_are_counted_in_an_index(store: Store) -> None:

    if store.database.backend != "sqlite":
        pytest.skip("reads SQLite's plan")
    async with store.read() as unit:
        plan = await unit.session.execute(
            text("EXPLAIN QUERY PLAN SELECT count(*) FROM numbers WHERE organization_id = 'x' AND sandbox = 0")
        )
        assert "COVERING INDEX numbers_organization" in str(plan.all())
