"""Bindings of devices, kept for the next process."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.model.binding import Binding
from trunkline.sip.flow import Flow
from trunkline.store.store import Store

PHONE = Binding(
    trunk_id="01hm6jv4qg0000000000000000",
    key="sip:anna@192.0.2.40:5060;transport=udp",
    contact="sip:anna@192.0.2.40:5060",
    call_id="c",
    cseq=2**31,
    q=0.5,
    expires_at=1_700_000_600.5,
    flow=Flow("udp", ("192.0.2.5", 5060), ("192.0.2.40", 41234)),
    nat=True,
    path=("sip:192.0.2.50;lr", "sip:192.0.2.51;lr"),
    user_agent="Phone/1.0",
    registered_at=1_700_000_000.0,
)
LAPTOP = msgspec.structs.replace(
    PHONE,
    key="<urn:uuid:1>;reg-id=1",
    instance="<urn:uuid:1>",
    reg_id=1,
    again=True,
    flow=PHONE.flow._replace(connection="in:7"),
)


def place(binding: Binding) -> tuple[str, str]:
    return binding.trunk_id, binding.key


async def test_what_is_written_comes_back(store: Store) -> None:
    async with store.write() as unit:
        await unit.bindings.change({place(PHONE): PHONE, place(LAPTOP): LAPTOP})
    async with store.read() as unit:
        assert {place(each): each for each in await unit.bindings.all()} == {place(PHONE): PHONE, place(LAPTOP): LAPTOP}
    later = msgspec.structs.replace(PHONE, cseq=2**31 + 1, expires_at=1_700_001_200.0)
    async with store.write() as unit:
        await unit.bindings.change({place(PHONE): later, place(LAPTOP): None})
        await unit.bindings.change({("nobody", "nowhere"): None})
    async with store.read() as unit:
        assert await unit.bindings.all() == [later]


@pytest.mark.parametrize("text", ["Ph\udcf6ne", "Ph\x00ne", "\udcff\udcfe", "Phöne", "\U0010ffff00"])
async def test_whatever_a_device_says_of_itself_is_kept(store: Store, text: str) -> None:
    """Bytes that are no UTF-8 come as lone surrogates, and a NUL is what PostgreSQL has no text for."""
    said = msgspec.structs.replace(
        PHONE,
        key=f"sip:{text}@192.0.2.40",
        contact=f"sip:{text}@192.0.2.40",
        call_id=text,
        path=(f"sip:{text}@192.0.2.50;lr",),
        instance=text,
        user_agent=text,
    )
    async with store.write() as unit:
        await unit.bindings.change({place(said): said, place(LAPTOP): LAPTOP})
    async with store.read() as unit:
        assert {place(each): each for each in await unit.bindings.all()} == {place(said): said, place(LAPTOP): LAPTOP}
    async with store.write() as unit:
        await unit.bindings.change({place(said): None})
        assert await unit.bindings.all() == [LAPTOP]
