from __future__ import annotations

import pytest
from msgspec import structs

from tests.store.samples import ORGANIZATION, WALL, ident, owners
from trunkline.model.key import ApiKey, key_digest
from trunkline.store.database.errors import Conflict
from trunkline.store.store import Store


def key(place: int = 40, **changes: object) -> ApiKey:
    full = ApiKey(
        id=ident(place),
        organization_id=ORGANIZATION.id,
        name=f"key {place}",
        prefix="trunkline_live_abc",
        digest=key_digest(f"trunkline_live_{place}"),
        role="agent_manager",
        scopes=("calls:read", "numbers:create"),
        live=False,
        networks=("192.0.2.0/24",),
        expires_at=WALL + 10,
        created_at=WALL,
        updated_at=WALL,
    )
    return structs.replace(full, **changes)


async def test_a_key_comes_back_whole(store: Store) -> None:
    await owners(store)
    operator = key(41, organization_id=None, role="operator", scopes=(), networks=(), expires_at=None, live=True)
    async with store.write() as unit:
        await unit.keys.insert(key())
        await unit.keys.insert(operator)
    async with store.read() as unit:
        assert await unit.keys.all() == [key(), operator]


async def test_a_hash_is_of_one_key(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.keys.insert(key())
    with pytest.raises(Conflict) as caught:
        async with store.write() as unit:
            await unit.keys.insert(key(41, digest=key().digest))
    assert caught.value.field == "digest"


async def test_keys_are_changed_and_deleted(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        await unit.keys.insert(key())
        assert await unit.keys.update(key(expires_at=WALL, scopes=()))
        assert not await unit.keys.update(key(49, digest=b"x"))
        assert await unit.keys.all() == [key(expires_at=WALL, scopes=())]
        assert await unit.keys.delete(ident(40))
        assert not await unit.keys.delete(ident(40))


async def test_the_last_use_only_moves_on(store: Store) -> None:
    await owners(store)
    async with store.write() as unit:
        for place in (40, 41, 42):
            await unit.keys.insert(key(place))
        await unit.keys.touch({ident(40): WALL + 5, ident(41): WALL + 6, ident(99): WALL})
        await unit.keys.touch({ident(40): WALL + 4, ident(41): WALL + 7})
        await unit.keys.touch({})
        assert [found.last_used_at for found in await unit.keys.all()] == [WALL + 5, WALL + 7, None]
