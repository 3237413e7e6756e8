"""Organizations, trunks, agents and numbers: what is written is what is read, to its owner alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec import structs

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
        assert sorted(await unit.organizations.all(), key=lambda found: found.id) == [renamed, OTHER]
        assert await unit.organizations.delete(OTHER.id)
        assert not await unit.organizations.delete(OTHER.id)


async def test_a_trunk_comes_back_whole(store: Store) -> None:
    await owners(store)
    bare = Trunk(id=ident(11), organization_id=ORGANIZATION.id, name="bare")
    for record in (trunk(), bare):
        async with store.write() as unit:
            await unit.trunks.insert(record)
        async with store.read() as unit:
            assert record in await unit.trunks.everything()
            assert await unit.trunks.everything(sandbox=True) == []


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
        assert [found.id for found in await unit.trunks.everything(sandbox=True)] == [ident(12)]


async def test_what_is_referred_to_stays(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.agents.insert(agent(trunk_id=ident(10)))
        await unit.numbers.insert_all([number(agent_id=ident(20))])

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
            await unit.numbers.insert_all([number(31, trunk_id=ident(99))])
    async with store.write() as unit:
        await unit.numbers.delete_all([ident(30)])
        assert await unit.numbers.everything() == []
        assert await unit.agents.delete(ident(20))
        assert await unit.trunks.delete(ident(10))
        assert not await unit.trunks.delete(ident(10))


async def test_agents(store: Store) -> None:
    await owners(store)
    engines = agent(21, kind="elevenlabs", trunk_id=ident(10), external_id="el_1", members=())
    others = agent(22, organization_id=OTHER.id)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.agents.insert(agent())
        await unit.agents.insert(engines)
        await unit.agents.insert(others)
        assert await unit.agents.update(agent(name="first line", enabled=False))
        assert not await unit.agents.update(agent(29))
    async with store.read() as unit:
        assert await unit.agents.everything() == [agent(name="first line", enabled=False), engines, others]


async def test_a_number_comes_back_whole(store: Store) -> None:
    await owners(store)
    bare = Number(id=ident(31), organization_id=ORGANIZATION.id, e164="+442071234567")
    async with store.write() as unit:
        await unit.numbers.insert_all([number(), bare])
    async with store.read() as unit:
        assert await unit.numbers.everything() == [number(), bare]
    changed = number(config=structs.replace(number().config, max_duration=None), metadata={}, inbound_pin=None)
    async with store.write() as unit:
        await unit.numbers.update_all([changed])
        assert await unit.numbers.everything() == [changed, bare]


async def test_a_live_number_is_taken_in_the_whole_system(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.numbers.insert_all([number(30, e164="+12025550100")])
        tests = [number(31, e164="+12025550100"), number(32, e164="+12025550100", organization_id=OTHER.id)]
        await unit.numbers.insert_all(tests, sandbox=True)
        assert await unit.numbers.everything(sandbox=True) == tests
    one_more = number(33, e164="+12025550100", organization_id=OTHER.id)
    for sandbox in (False, True):
        with pytest.raises(Conflict) as caught:
            async with store.write() as unit:
                await unit.numbers.insert_all([one_more], sandbox=sandbox)
        assert caught.value.field == "e164"


async def test_no_credential_is_in_the_files(store: Store, tmp_path: Path) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.trunks.insert(trunk())
        await unit.numbers.insert_all([number(inbound_pin=Secret("90125"))])
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
        await unit.numbers.insert_all([number()])
        await unit.webhooks.insert(webhook())
        await unit.connections.keep_evidence(tested)
        await unit.idempotency.begin("key", "words", b"digest", WALL)
        await unit.idempotency.answer("key", "words", given)
        await unit.idempotency.begin("key", "unanswered", b"digest", WALL)
    # What was kept for minutes under a key that is gone for long must keep nobody from this.
    lost = await Store.open(url, tmp_path / "lost.key")
    async with lost.write() as unit:
        await unit.connections.keep_evidence(tested._replace(id="lost"))
        await unit.idempotency.begin("key", "lost", b"digest", WALL)
        await unit.idempotency.answer("key", "lost", given)
    await lost.close()
    path = tmp_path / "secret.key"
    new = Fernet.generate_key().decode()
    path.write_text(f"{new}\n{path.read_text()}")
    rotating = await Store.open(url, path)
    assert await rotating.reseal() == 8
    await rotating.close()
    path.write_text(new)
    rotated = await Store.open(url, path)
    async with rotated.read() as unit:
        assert await unit.trunks.everything() == [trunk()]
        assert await unit.numbers.everything() == [number()]
        assert len(await unit.trunks.everything(sandbox=True)) == 1
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
        await unit.numbers.insert_all([number(trunk_id=plain.id, agent_id=ident(20))])
        await unit.numbers.insert_all([number(31)], sandbox=True)
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
